#!/bin/sh
# Evaluates every node of a fleet directory with the whole NixOS module set: no warning, no failed assertion, a system.
#
#   sh tools/nix-eval.sh NIXPKGS [FLEET]     NIXPKGS: a checkout of nixpkgs, 25.11 to 26.11; FLEET: default fleet
#
# Needs Nix >= 2.18 and 0.8 GB of memory: one node at a time, one process each. Builds nothing.
set -eu
nixpkgs=${1:?"name a checkout of nixpkgs: sh tools/nix-eval.sh NIXPKGS [FLEET]"}
directory=${2:-fleet}/nixos
[ -f "$nixpkgs/nixos/lib/eval-config.nix" ] || { echo "nix-eval: $nixpkgs is no checkout of nixpkgs" >&2; exit 2; }
[ -f "$directory/fleet.nix" ] || { echo "nix-eval: $directory/fleet.nix is missing; noc render writes it once HQ has keys" >&2; exit 2; }
directory=$(cd "$directory" && pwd)
nixpkgs=$(cd "$nixpkgs" && pwd)
failed=0
for node in "$directory"/nodes/*.nix; do
    name=$(basename "$node" .nix)
    expression="
      let
        system = import $nixpkgs/nixos/lib/eval-config.nix {
          system = null;
          modules = [ $directory/base.nix $directory/fleet.nix $node { nixpkgs.hostPlatform = \"aarch64-linux\"; } ];
        };
        broken = map (each: each.message) (builtins.filter (each: !each.assertion) system.config.assertions);
      in
      {
        warnings = system.config.warnings;
        inherit broken;
        system = if broken == [ ] then system.config.system.build.toplevel.drvPath else null;
      }"
    if ! said=$(nix-instantiate --eval --strict --json --read-write-mode --expr "$expression"); then
        echo "✗ $name does not evaluate" >&2
        failed=1
        continue
    fi
    case $said in
        *'"broken":[]'*'"warnings":[]'*) echo "✓ $name" ;;
        *) echo "✗ $name $said" >&2; failed=1 ;;
    esac
done
exit "$failed"
