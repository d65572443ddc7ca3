# A NixOS VM test: a hub and a spoke built from base.nix. The tunnel comes up by a key that the spoke made itself; 22 answers in
# the tunnel and nowhere else; a node without a release is green; a killed tunnel comes back by itself.
#
#   nix build .#checks.x86_64-linux.hub-and-spoke
{ pkgs }:

let
  hubKeys = pkgs.runCommand "hub-keys" { buildInputs = [ pkgs.wireguard-tools pkgs.openssh ]; } ''
    mkdir $out
    wg genkey > $out/private
    wg pubkey < $out/private > $out/public
    ssh-keygen -q -t ed25519 -N "" -C hub -f $out/ssh
  '';
  read = file: pkgs.lib.fileContents "${hubKeys}/${file}";
in
pkgs.testers.runNixOSTest {
  name = "hub-and-spoke";

  nodes.hub = {
    virtualisation.vlans = [ 1 ];
    networking.firewall.allowedUDPPorts = [ 51820 ];
    networking.wireguard.interfaces.wg0 = {
      ips = [ "10.84.0.1/24" ];
      listenPort = 51820;
      privateKeyFile = "${hubKeys}/private";
    };
    environment.systemPackages = [ pkgs.wireguard-tools pkgs.netcat ];
  };

  nodes.spoke = { lib, modulesPath, ... }: {
    imports = [ ../base.nix ];
    # The image's own hardware is not the test machine's.
    disabledModules = [ "${modulesPath}/virtualisation/amazon-image.nix" ];
    options.services.amazon-ssm-agent.enable = lib.mkOption { type = lib.types.bool; };
    options.virtualisation.amazon-init.enable = lib.mkOption { type = lib.types.bool; };
    config = {
      virtualisation.vlans = [ 1 ];
      virtualisation.memorySize = 512;
      clavitor.fleet = {
        domain = "clavitor.test";
        hubAddress = "192.168.1.1";
        hubTunnelAddress = "10.84.0.1";
        hubKey = read "public";
        hubSshKey = read "ssh.pub";
        acmeDirectory = "https://acme.test/dir";
      };
      clavitor.node = {
        hostName = "spoke";
        subdomain = "spoke";
        tunnelAddress = "10.84.0.11";
      };
    };
  };

  testScript = ''
    start_all()
    spoke.wait_for_unit("multi-user.target")
    hub.wait_for_unit("wireguard-wg0.service")
    key = spoke.wait_until_succeeds("wg show wg0 public-key").strip()
    hub.succeed(f"wg set wg0 peer {key} allowed-ips 10.84.0.11/32")

    with subtest("the tunnel comes up by a key that was made on the node"):
        hub.wait_until_succeeds("ping -c 1 -W 2 10.84.0.11", timeout=120)
        spoke.succeed("test $(stat -c %a /etc/wireguard/wg0.key) = 600")

    with subtest("SSH answers in the tunnel and nowhere else"):
        hub.wait_until_succeeds("nc -z -w 3 10.84.0.11 22", timeout=60)
        hub.fail("nc -z -w 3 192.168.1.2 22")

    with subtest("a node without a release is green"):
        spoke.fail("systemctl --failed --quiet | grep -q clavitor")

    with subtest("the tunnel comes back by itself"):
        spoke.succeed("systemctl restart wireguard-wg0.service")
        hub.wait_until_succeeds("ping -c 1 -W 2 10.84.0.11", timeout=120)

    with subtest("a reboot keeps key and tunnel"):
        spoke.shutdown()
        spoke.start()
        hub.wait_until_succeeds("ping -c 1 -W 2 10.84.0.11", timeout=180)
        assert spoke.succeed("wg show wg0 public-key").strip() == key
  '';
}
