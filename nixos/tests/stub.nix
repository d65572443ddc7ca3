# Evaluates base.nix without nixpkgs: enough of `lib` to check what the derived files set against the typed options, and
# to read what the module makes of it. The whole module set is `make nix-eval NIXPKGS=path`.
#
#   nix-instantiate --eval --strict --json --store dummy:// tests/stub.nix --arg files '[ ../fleet.nix ../nodes/x.nix ]'
{ files, base ? ../base.nix, listenAddresses ? [ ] }:

let
  option = value: value // { _type = "option"; };
  type = check: { inherit check; };
  matching = pattern: type (value: builtins.isString value && builtins.match pattern value != null);
  types = {
    str = type builtins.isString;
    singleLineStr = type (value: builtins.isString value && builtins.match "[^\n]*" value != null);
    strMatching = matching;
    port = types.ints.between 0 65535;
    ints.between = least: most: type (value: builtins.isInt value && value >= least && value <= most);
    nullOr = inner: type (value: value == null || inner.check value);
    listOf = inner: type (value: builtins.isList value && builtins.all inner.check value);
  };
  lib = {
    inherit types;
    mkOption = option;
    mkForce = value: value;
    mkDefault = value: value;
    mkIf = condition: value: if condition then value else null;
    optionalString = condition: text: if condition then text else "";
    unique = builtins.foldl' (seen: each: if builtins.elem each seen then seen else seen ++ [ each ]) [ ];
  };

  given = builtins.foldl' (sum: file: sum // (import file).clavitor) { } files;
  module = import base {
    inherit lib;
    modulesPath = "/modules";
    pkgs = {
      python3 = "/nix/store/python3";
      runtimeShell = "/nix/store/sh";
      nix = "/nix/store/nix";
      wireguard-tools = "/nix/store/wireguard-tools";
      nftables = "/nix/store/nftables";
    };
    config = {
      clavitor = values;
      nix.package = "/nix/store/nix";
      services.openssh.listenAddresses = listenAddresses;
      systemd.package = "/nix/store/systemd";
    };
  };
  options = module.options.clavitor;
  values = builtins.mapAttrs (group: builtins.mapAttrs (value group)) options;
  value = group: name: each:
    let
      set = given.${group} or { };
      found = if set ? ${name} then set.${name} else each.default or (throw "clavitor.${group}.${name} is not set");
    in
    if each.type.check found then found else throw "clavitor.${group}.${name} cannot be ${builtins.toJSON found}";
  unknown = builtins.concatMap (
    group: map (name: "${group}.${name}") (
      builtins.filter (name: !(options.${group} or { } ? ${name})) (builtins.attrNames given.${group})
    )
  ) (builtins.attrNames given);
  broken = map (each: each.message) (builtins.filter (each: !each.assertion) module.config.assertions);
in
if unknown != [ ] then throw "no such option: ${toString unknown}"
else if broken != [ ] then throw (toString broken)
else builtins.removeAttrs module.config [ "assertions" ]
