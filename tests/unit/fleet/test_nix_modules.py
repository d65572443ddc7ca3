"""The Nix files: they parse, and base.nix makes of the derived variables what the plan asks for.

Evaluated by the real Nix with a small stand-in for nixpkgs' `lib`, nixos/tests/stub.nix, which checks typed options.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from noc.fleet.inventory import HubRecord, Inventory
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.fleet.nix import ACME_ROOT, nix_files
from noc.hosts.caddy import caddyfile
from noc.hosts.platform import NodeConfig
from noc.hosts.systemd import HOST_CERTIFICATE, HOST_KEY
from noc.hosts.units import NODE_UNITS
from noc.mesh.keys import generate

ROOT = Path(__file__).parents[3]
NIXOS = ROOT / "nixos"
SSHD = Path("/usr/sbin/sshd")
KEYS = HubRecord(wireguard_key=generate()[1], ssh_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ noc")
FILES = sorted([*NIXOS.rglob("*.nix"), *(ROOT / "fleet/nixos/nodes").glob("*.nix")])


def nix(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["nix-instantiate", *args], capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    return load(ROOT / "fleet")


@pytest.fixture
def directory(tmp_path: Path, fleet: Fleet) -> Path:
    for name, text in nix_files(fleet, Inventory(hub=KEYS)).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "nixos"


def evaluate(directory: Path, node: str = "virginia", more: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    files = f"[ {directory}/fleet.nix {directory}/nodes/{node}.nix ]"
    base = ("--arg", "base", str(directory / "base.nix"))
    how = ("--eval", "--strict", "--json", "--store", "dummy://")
    return nix(*how, str(NIXOS / "tests/stub.nix"), "--arg", "files", files, *base, *more)


def settings(directory: Path, node: str = "virginia") -> dict[str, Any]:
    done = evaluate(directory, node)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_nix_file_parses(path: Path) -> None:
    done = nix("--parse", str(path))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("number", range(20))
def test_every_node_evaluates_with_the_typed_options(directory: Path, fleet: Fleet, number: int) -> None:
    name = fleet.nodes[number].name
    assert settings(directory, name)["networking"]["hostName"] == name


def test_the_world_reaches_80_and_443_and_the_tunnel_22(directory: Path) -> None:
    firewall = settings(directory)["networking"]["firewall"]
    assert (firewall["allowedTCPPorts"], firewall["interfaces"]["wg0"]["allowedTCPPorts"]) == ([80, 443], [22])


def test_no_udp_port_is_open(directory: Path) -> None:
    assert settings(directory)["networking"]["firewall"]["allowedUDPPorts"] == []


def test_sshd_opens_no_port_by_itself_and_waits_for_no_address(directory: Path) -> None:
    sshd = settings(directory)["services"]["openssh"]
    assert (sshd["openFirewall"], "listenAddresses" in sshd) == (False, False)


def test_an_address_for_sshd_to_wait_for_is_refused(directory: Path) -> None:
    said = evaluate(directory, more=("--arg", "listenAddresses", '[ { addr = "10.84.0.11"; } ]'))
    assert "would cost the way in whenever the tunnel is late" in said.stderr


def test_sshd_comes_back_however_often_it_ends_and_outlives_what_eats_the_memory(directory: Path) -> None:
    sshd = settings(directory)["systemd"]["services"]["sshd"]
    assert (sshd["startLimitIntervalSec"], sshd["serviceConfig"]["OOMScoreAdjust"]) == (0, -900)


def test_hq_s_key_is_the_only_one_that_enters(directory: Path) -> None:
    found = settings(directory)
    assert found["users"]["users"]["root"]["openssh"]["authorizedKeys"]["keys"] == [KEYS.ssh_key]
    assert not found["services"]["openssh"]["authorizedKeysInHomedir"]
    assert not found["users"]["mutableUsers"]


def test_the_host_key_is_the_one_that_hq_certifies(directory: Path) -> None:
    sshd = settings(directory)["services"]["openssh"]
    assert [key["path"] for key in sshd["hostKeys"]] == [HOST_KEY]
    assert sshd["extraConfig"] == f"HostCertificate {HOST_CERTIFICATE}"


@pytest.mark.skipif(not SSHD.exists() or os.geteuid() != 0, reason="needs sshd, and root for its directory")
def test_a_certificate_that_is_not_there_yet_does_not_keep_sshd_from_starting(tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    config = tmp_path / "sshd_config"
    config.write_text(f"HostKey {tmp_path}/key\nHostCertificate {tmp_path}/key-cert.pub\n")
    Path("/run/sshd").mkdir(exist_ok=True)
    assert subprocess.run([SSHD, "-t", "-f", config], capture_output=True, check=False).returncode == 0


def test_the_watchdog_is_the_one_that_other_platforms_run(directory: Path) -> None:
    watchdog = settings(directory)["systemd"]["services"]["noc-watchdog"]
    service, text = watchdog["serviceConfig"], NODE_UNITS["noc-watchdog.service"]
    assert f"ConditionPathExists={watchdog['unitConfig']['ConditionPathExists']}\n" in text
    for name in ("CapabilityBoundingSet", "RuntimeDirectory", "OOMScoreAdjust", "SystemCallFilter", "TasksMax"):
        assert f"{name}={service[name]}\n" in text
    assert service["ExecStart"].split()[1:] == ["-I", "-S", "/usr/local/lib/noc-node/watchdog.py", "nixos-fw"]


def test_whom_the_watchdog_lets_in_is_a_set_of_the_firewall_s_own_table(directory: Path) -> None:
    networking = settings(directory)["networking"]
    table, rule = networking["nftables"]["tables"]["nixos-fw"]["content"], networking["firewall"]["extraInputRules"]
    assert ("set rescue" in table, "elements" in table, rule) == (True, False, "ip saddr @rescue tcp dport 22 accept")


def test_the_way_back_at_boot_finds_what_it_calls(directory: Path) -> None:
    settle = settings(directory)["systemd"]["services"]["noc-settle"]
    assert settle["path"] == ["/run/current-system/sw"]
    assert {"sshd.service", "caddy.service", "clavitor.service"} <= set(settle["before"])


def test_a_node_neither_builds_nor_asks_a_cache(directory: Path) -> None:
    nix = settings(directory)["nix"]["settings"]
    assert (nix["max-jobs"], nix["substituters"]) == (0, [])


def test_the_journal_and_what_fills_it_are_bounded(directory: Path) -> None:
    found = settings(directory)
    assert "SystemMaxUse=100M" in found["services"]["journald"]["extraConfig"]
    assert not found["networking"]["firewall"]["logRefusedConnections"]
    assert found["services"]["caddy"]["virtualHosts"]["virginia.clavitor.com"]["logFormat"] == "output discard"


def test_the_proxy_is_started_again_whatever_it_ended_with(directory: Path) -> None:
    caddy = settings(directory)["systemd"]["services"]["caddy"]
    assert (caddy["startLimitIntervalSec"], caddy["serviceConfig"]["RestartPreventExitStatus"]) == (0, "")


def test_the_proxy_trusts_an_authority_of_one_s_own_where_the_fleet_names_it(directory: Path) -> None:
    assert "acme_ca_root" not in settings(directory)["services"]["caddy"]["globalConfig"]
    change(directory / "fleet.nix", "acmeRootFile = null", f'acmeRootFile = "{ACME_ROOT}"')
    assert f"acme_ca_root {ACME_ROOT}" in settings(directory)["services"]["caddy"]["globalConfig"]


def test_the_proxy_s_own_door_is_a_file_and_no_port(directory: Path) -> None:
    assert "admin unix//run/caddy/admin.sock" in settings(directory)["services"]["caddy"]["globalConfig"]


def test_what_the_activator_calls_is_in_the_system(directory: Path) -> None:
    assert "/nix/store/python3" in settings(directory)["environment"]["systemPackages"]


def test_the_service_may_not_ask_for_the_machine_s_credentials(directory: Path) -> None:
    denied = settings(directory)["systemd"]["services"]["clavitor"]["serviceConfig"]["IPAddressDeny"]
    assert denied == ["169.254.169.254/32", "fd00:ec2::254/128"]


def test_spokes_are_no_way_to_one_another(directory: Path) -> None:
    assert settings(directory)["boot"]["kernel"]["sysctl"]["net.ipv4.ip_forward"] == 0


def test_the_hub_is_the_only_peer_and_the_only_route(directory: Path) -> None:
    (peer,) = settings(directory)["networking"]["wireguard"]["interfaces"]["wg0"]["peers"]
    assert peer["allowedIPs"] == ["10.84.0.1/32"]


def test_the_private_key_is_made_on_the_node(directory: Path) -> None:
    tunnel = settings(directory)["networking"]["wireguard"]["interfaces"]["wg0"]
    assert (tunnel["generatePrivateKeyFile"], "privateKey" in tunnel) == (True, False)


def test_amazon_s_other_ways_in_are_off(directory: Path) -> None:
    found = settings(directory)
    assert not found["services"]["amazon-ssm-agent"]["enable"]
    assert not found["virtualisation"]["amazon-init"]["enable"]


def test_two_generations_are_kept_in_the_menu_and_in_the_profile(directory: Path) -> None:
    found = settings(directory)
    assert found["boot"]["loader"]["grub"]["configurationLimit"] == 2
    assert "--delete-generations +2" in found["systemd"]["services"]["nix-gc"]["preStart"]


def test_garbage_is_collected_weekly(directory: Path) -> None:
    assert settings(directory)["nix"]["gc"]["dates"] == "weekly"


def test_swap_stands_behind_half_a_gigabyte(directory: Path) -> None:
    found = settings(directory)
    assert found["zramSwap"]["enable"]
    assert found["swapDevices"]


def test_the_service_is_as_hardened_as_on_debian(directory: Path) -> None:
    service = settings(directory)["systemd"]["services"]["clavitor"]["serviceConfig"]
    lines = [line.split("=", 1) for line in NODE_UNITS["clavitor.service"].splitlines() if "=" in line]
    own = {"ConditionPathExists", "EnvironmentFile", "ExecStart", "ExecStopPost", "Description", "Requires", "After"}
    kept = {name for name, _ in lines} - own - {"StartLimitIntervalSec", "WantedBy"}
    assert kept <= service.keys()


def test_the_socket_stays_open_however_often_the_service_changes(directory: Path) -> None:
    assert settings(directory)["systemd"]["sockets"]["clavitor"]["socketConfig"]["TriggerLimitIntervalSec"] == 0


def test_the_proxy_says_the_same_as_on_debian(directory: Path) -> None:
    config = NodeConfig("virginia", "virginia.clavitor.com", (), "", "", "", "https://acme", None, "", "", 30)
    written = {line.strip() for line in caddyfile(config).splitlines() if line.strip() not in {"{", "}"}}
    caddy = settings(directory)["services"]["caddy"]
    said = caddy["globalConfig"] + caddy["virtualHosts"]["virginia.clavitor.com"]["extraConfig"]
    apart = {"acme_ca https://acme", "virginia.clavitor.com {"}
    assert written - apart <= {line.strip() for line in said.splitlines()}


def test_a_misspelt_variable_is_refused(directory: Path) -> None:
    change(directory / "nodes/virginia.nix", "subdomain", "subdomian")
    assert "no such option: node.subdomian" in evaluate(directory).stderr


def test_a_variable_of_the_wrong_kind_is_refused(directory: Path) -> None:
    change(directory / "nodes/virginia.nix", '"10.84.0.11"', '"10.84.0"')
    assert "clavitor.node.tunnelAddress cannot be" in evaluate(directory).stderr


def test_the_hub_s_own_address_is_refused(directory: Path) -> None:
    change(directory / "nodes/virginia.nix", '"10.84.0.11"', '"10.84.0.1"')
    assert "is the hub's own address" in evaluate(directory).stderr


def test_without_hq_s_keys_no_system_can_be_built(fleet: Fleet) -> None:
    assert "nixos/fleet.nix" not in nix_files(fleet, Inventory())


def test_no_file_holds_a_secret(fleet: Fleet) -> None:
    texts = "".join(nix_files(fleet, Inventory(hub=KEYS)).values())
    assert not [word for word in ("PRIVATE KEY", "PrivateKey =", "privateKey =", "/api/push/") if word in texts]


# tools/nix-eval.sh: what it says where it cannot evaluate -------------------------------------------------------------


def nix_eval(*args: str) -> subprocess.CompletedProcess[str]:
    script = ("sh", str(ROOT / "tools/nix-eval.sh"), *args)
    return subprocess.run(script, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def nixpkgs(tmp_path: Path) -> Path:
    """A stand-in for nixpkgs: `eval-config.nix` imports the modules, and makes a system of what they say."""
    place = tmp_path / "nixpkgs/nixos/lib"
    place.mkdir(parents=True)
    (place / "eval-config.nix").write_text("""
{ system, modules }:
let
  names = builtins.filter (module: builtins.isPath module || builtins.isString module) modules;
  node = import (builtins.elemAt names 2);
  name = node.clavitor.node.hostName;
in
{
  config = {
    assertions = [ { assertion = name != "paris"; message = "no Paris"; } ];
    warnings = if name == "london" then [ "mind the gap" ] else [ ];
    system.build.toplevel.drvPath = if name == "mumbai" then throw "no such thing" else "/nix/store/${name}.drv";
  };
}
""")
    return tmp_path / "nixpkgs"


def test_without_nixpkgs_nothing_is_evaluated(tmp_path: Path) -> None:
    done = nix_eval(str(tmp_path))
    assert (done.returncode, "is no checkout of nixpkgs" in done.stderr) == (2, True)


def test_without_a_checkout_named_it_says_how_it_is_called() -> None:
    done = nix_eval("")
    assert (done.returncode, "name a checkout of nixpkgs" in done.stderr) == (2, True)


def test_a_fleet_that_was_not_rendered_is_refused(nixpkgs: Path, tmp_path: Path) -> None:
    done = nix_eval(str(nixpkgs), str(tmp_path))
    assert (done.returncode, "noc render" in done.stderr) == (2, True)


def test_a_node_with_a_warning_a_failed_assertion_or_no_system_fails_by_name(nixpkgs: Path, directory: Path) -> None:
    done = nix_eval(str(nixpkgs), str(directory.parent))
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if line.startswith("✗")]
    assert [line.split()[1] for line in told] == ["london", "mumbai", "paris"]
    assert "mind the gap" in told[0]
    assert "no Paris" in told[2]
    assert len(done.stdout.splitlines()) == 17
