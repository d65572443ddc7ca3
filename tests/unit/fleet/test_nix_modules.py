"""The Nix files: they parse, and base.nix makes of the derived variables what the plan asks for.

Evaluated by the real Nix with a small stand-in for nixpkgs' `lib`, nixos/tests/stub.nix, which checks typed options.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from noc.fleet.inventory import HubRecord, Inventory
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.fleet.nix import nix_files
from noc.hosts.caddy import caddyfile
from noc.hosts.platform import NodeConfig
from noc.hosts.units import NODE_UNITS
from noc.mesh.keys import generate

ROOT = Path(__file__).parents[3]
NIXOS = ROOT / "nixos"
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


def evaluate(directory: Path, node: str = "virginia") -> subprocess.CompletedProcess[str]:
    files = f"[ {directory}/fleet.nix {directory}/nodes/{node}.nix ]"
    base = ("--arg", "base", str(directory / "base.nix"))
    how = ("--eval", "--strict", "--json", "--store", "dummy://")
    return nix(*how, str(NIXOS / "tests/stub.nix"), "--arg", "files", files, *base)


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
