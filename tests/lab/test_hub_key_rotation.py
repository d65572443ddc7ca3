"""HQ's tunnel key is made anew while all nodes push, and an operator's machine has a tunnel of its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_kit import KNOCK, NODES, Fleet, wait_for
from hub_key_kit import has_one_key, hub_key, last_event, pushed_twice_more

HUB, INTERFACE = "10.84.0.1", "noc-mia"
LOST = {"gap", "incident-opened"}


def test_hq_and_all_nodes_have_another_key_and_no_push_is_lost(fleet: Fleet) -> None:
    before, event = hub_key(fleet), last_event(fleet)
    rows = fleet.hq.noc("rotate", "hub")["nodes"]
    assert {row["node"]: row["verdict"] for row in rows} == dict.fromkeys(NODES, "rotated")
    key = hub_key(fleet)
    assert key != before
    wait_for(lambda: all(has_one_key(fleet, node, key) for node in NODES))
    pushed_twice_more(fleet)
    assert [found for found in fleet.events(event) if found["kind"] in LOST] == []
    assert {row["node"]: row["paths"] for row in fleet.hq.noc("drift", "all")["nodes"]} == {n: [] for n in NODES}


def test_a_node_that_is_down_is_waited_for_and_caught_up_when_it_is_back(fleet: Fleet) -> None:
    before = hub_key(fleet)
    fleet.lab.kill("london")
    try:
        rows = fleet.hq.noc("rotate", "hub", statuses=(3,))["nodes"]
        told = {node: "waits" if node == "london" else "told" for node in NODES}
        assert {row["node"]: row["verdict"] for row in rows} == told
        assert hub_key(fleet) == before
    finally:
        fleet.lab.boot("london")
    wait_for(lambda: hub_key(fleet) != before, 120, 0.5)
    key = hub_key(fleet)
    wait_for(lambda: all(has_one_key(fleet, node, key) for node in NODES), 60, 0.5)


class Laptop:
    """An operator's machine: a tunnel of its own on the stranger's place, brought up by what `noc peer add` prints."""

    def __init__(self, fleet: Fleet, work: Path) -> None:
        self._fleet, self._work = fleet, work
        self.private = self.sh("wg genkey")
        (work / "key").write_text(self.private)
        self.public = self.sh(f"wg pubkey <{work / 'key'}")

    def sh(self, script: str) -> str:
        done = self._fleet.lab.stranger_exec("sh", "-euc", script)
        assert done.returncode == 0, done.stderr.decode()
        return str(done.stdout.decode().strip())

    def up(self, configuration: str, address: str) -> None:
        """As wg-quick would do it, with the private key put in where the text says."""
        assert self.private not in configuration
        lines = [line for line in configuration.splitlines() if not line.startswith(("Address", "MTU"))]
        text = "\n".join(lines).replace("[Interface]", f"[Interface]\nPrivateKey = {self.private}")
        (self._work / "wg.conf").write_text(text + "\n")
        # Debian's, from a machine of the lab: this one need not have any.
        program = shutil.copy(self._fleet.lab.disk("virginia") / "usr/bin/wireguard-go", self._work)
        self.sh(f"{program} {INTERFACE} && wg setconf {INTERFACE} {self._work}/wg.conf")
        self.sh(
            f"ip addr add {address}/32 dev {INTERFACE}; ip link set {INTERFACE} up; ip route add {HUB} dev {INTERFACE}"
        )

    def down(self) -> None:
        self.sh(f"ip link delete {INTERFACE} || true")

    def opens(self, address: str, *ports: int) -> list[int]:
        done = self._fleet.lab.stranger_exec("/usr/bin/python3", "-c", KNOCK, address, *map(str, ports))
        assert done.returncode == 0, done.stderr.decode()
        return [int(port) for port in done.stdout.split()]


@pytest.fixture
def laptop(fleet: Fleet, tmp_path: Path) -> Iterator[Laptop]:
    made = Laptop(fleet, tmp_path)
    yield made
    made.down()
    fleet.hq.noc("peer", "remove", "mias-laptop", statuses=(0, 4))


def test_an_operators_machine_reaches_hqs_page_and_ssh_and_no_node(fleet: Fleet, laptop: Laptop) -> None:
    added = fleet.hq.noc("peer", "add", "mias-laptop", "--key", laptop.public)
    laptop.up(added["configuration"], added["address"])
    wait_for(lambda: laptop.opens(HUB, 22, 443) == [22, 443])
    assert laptop.opens(HUB, 80, 8080, 2019) == []
    page = f"curl -sk -o /dev/null -w '%{{http_code}}' --resolve noc.clavitor.com:443:{HUB} https://noc.clavitor.com/"
    assert laptop.sh(page) not in {"000", "403", "421", "502"}
    node = fleet.tunnel_address("virginia")
    laptop.sh(f"wg set {INTERFACE} peer {hub_key(fleet)} allowed-ips 10.84.0.0/24; ip route add {node} dev {INTERFACE}")
    assert laptop.opens(node, 22, 80, 443) == []
    assert [peer["name"] for peer in fleet.hq.noc("peer", "list")["peers"]] == ["mias-laptop"]
    fleet.hq.noc("peer", "remove", "mias-laptop")
    wait_for(lambda: laptop.public not in fleet.hq.sh("wg", "show", "wg0", "peers"))
    assert laptop.opens(HUB, 22, 443) == []
