# The fleet's systems. It lies in the fleet directory beside what `noc render` derives: fleet.nix and nodes/. Its lock is
# made on HQ (`nix flake lock`), belongs to the directory's history, and a new one is what a weekly update rolls out.
{
  description = "The nodes of a fleet, one NixOS system each";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs = { self, nixpkgs }:
    let
      lib = nixpkgs.lib;
      files = lib.filterAttrs (file: kind: kind == "regular" && lib.hasSuffix ".nix" file) (builtins.readDir ./nodes);
      system = file: lib.nixosSystem {
        modules = [
          ./base.nix
          ./fleet.nix
          (./nodes + "/${file}")
          { nixpkgs.hostPlatform = lib.mkDefault "aarch64-linux"; }
        ];
      };
    in
    {
      nixosModules.default = ./base.nix;
      nixosConfigurations = lib.mapAttrs' (file: _: {
        name = lib.removeSuffix ".nix" file;
        value = system file;
      }) files;
      # The tests lie in the program's own checkout, not in a fleet directory.
      checks = lib.optionalAttrs (builtins.pathExists ./tests/hub-and-spoke.nix) (
        lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (platform: {
          hub-and-spoke = import ./tests/hub-and-spoke.nix { pkgs = nixpkgs.legacyPackages.${platform}; };
        })
      );
    };
}
