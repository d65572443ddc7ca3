"""A node without its tunnel, and an HQ that moves: on real hosts, with times of seconds, while a stranger knocks at 22.

The tests go on from one another: HQ is at 198.51.100.10 until it has moved to .11. What stands in a cloud before a node
is here a table of the node's own, called a stand-in where it is used.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fleet_kit import FLEET_FILE, LIVE, Fleet, small_fleet, wait_for

OLD, NEW, ELSEWHERE = "198.51.100.10", "198.51.100.11", "198.51.100.99"
FALLBACK_S, RESCUE_S = 8, 40
TIMES = f"[rescue]\nfallback_after = {FALLBACK_S}\nrescue_after = {RESCUE_S}\n"
KNOCKING = """
import socket, sys, time
while True:
    for address in sys.argv[1:]:
        try:
            socket.create_connection((address, 22), timeout=0.3).close()
        except OSError:
            print("shut", address, flush=True)
        else:
            print("open", address, flush=True)
    time.sleep(0.1)
"""
# A security group's stand-in: what it drops never reaches the node's own rules.
GROUP = "table inet cloud { chain input { type filter hook input priority -300; iifname eth0 tcp dport 22 drop; }; }"


@dataclass
class Scene:
    """The fleet, and what somebody has seen who knocks at 22 of its nodes for as long as the tests last."""

    fleet: Fleet
    seen: Path

    def hq(self, script: str) -> str:
        return self.fleet.hq.sh("sh", "-euc", script).strip()

    def endpoint(self, node: str) -> str:
        """Where a node sends its tunnel's packets."""
        return self.fleet.on(node, "wg show wg0 endpoints").split()[1]

    def watchdog(self, node: str) -> str:
        return self.fleet.on(node, "journalctl -u noc-watchdog -o cat")

    def let_in(self, node: str) -> bool:
        """Whether a node's own lock is open."""
        return "elements" in self.fleet.on(node, "nft list set inet noc rescue")

    def hq_enters(self, node: str) -> bool:
        """Whether HQ gets a connection at 22 of a node's public address."""
        return self._connects(self.fleet.lab.address(node))

    def carries(self, node: str) -> bool:
        """Whether HQ gets a connection through a node's tunnel."""
        return self._connects(self.fleet.tunnel_address(node))

    def heard(self, node: str) -> bool:
        """Whether the watch hears a node in time, so that nothing that it sent before is still on its way."""
        said = self.hq("curl -s --unix-socket /run/noc-watch/watch.sock http://hq/api/v1/nodes")
        states: dict[str, str] = {row["name"]: row["state"] for row in json.loads(said)["nodes"]}
        return states[node] == "up"

    def _connects(self, address: str) -> bool:
        script = f"import socket; socket.create_connection(('{address}', 22), timeout=1)"
        return self.fleet.lab.exec("zurich", "python3", "-c", script).returncode == 0

    def shaken(self, since: float) -> bool:
        """Whether every live node has shaken hands with the hub since a moment, Unix seconds."""
        times = sorted(self.fleet.handshakes().values())
        return len(times) >= len(LIVE) and times[-len(LIVE)] >= int(since)

    def rewrite(self, old: str, new: str) -> None:
        text = self.hq(f"cat {FLEET_FILE}")
        assert old in text
        self.fleet.write_file(text.replace(old, new) + "\n")

    def lead(self, address: str) -> None:
        """Let noc.clavitor.com lead to another address, as a person does at the name's provider."""
        knotc = "knotc -c /etc/knot/knot.conf"
        changes = (
            "zone-begin clavitor.com",
            "zone-unset clavitor.com noc A",
            f"zone-set clavitor.com noc 5 A {address}",
            "zone-commit clavitor.com",
        )
        self.fleet.on("internet", "; ".join(f"{knotc} {change}" for change in changes))


def by_node(document: dict[str, Any]) -> dict[str, str]:
    return {row["node"]: row["verdict"] for row in document["nodes"]}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    work = tmp_path_factory.mktemp("rescue")
    with small_fleet(work, TIMES) as fleet, (work / "seen").open("wb") as seen:
        addresses = [fleet.lab.address(node) for node in LIVE]
        argv = fleet.lab.stranger_console(sys.executable, "-c", KNOCKING, *addresses)
        with subprocess.Popen(argv, stdout=seen) as knocking:
            try:
                yield Scene(fleet, work / "seen")
            finally:
                knocking.kill()


def test_a_hub_that_restarts_finds_its_nodes_without_being_called(scene: Scene) -> None:
    known = "cat /var/lib/noc-tunnel/endpoints.json 2>/dev/null || true"
    wait_for(lambda: all(f'"{scene.fleet.lab.address(node)}:' in scene.hq(known) for node in LIVE))
    scene.fleet.lab.kill("zurich")
    since = time.time()
    scene.fleet.lab.boot("zurich")
    wait_for(lambda: scene.shaken(since), 30)
    assert "looked for where they were" in scene.hq("journalctl -b -u noc-peers -o cat")


def test_the_cloud_s_lock_alone_lets_nobody_in(scene: Scene) -> None:
    assert not scene.hq_enters("virginia")


def test_a_node_that_has_lost_its_tunnel_looks_for_hq_by_name(scene: Scene) -> None:
    scene.hq("rm /etc/noc-credentials/hub_wg_key; noc keygen hub; systemctl restart wg-quick@wg0")
    wait_for(lambda: all("(noc.clavitor.com)" in scene.watchdog(node) for node in LIVE))


def test_the_node_s_lock_alone_lets_nobody_in(scene: Scene) -> None:
    scene.fleet.on("virginia", f"nft '{GROUP}'")
    wait_for(lambda: scene.let_in("virginia"), RESCUE_S + 30)
    assert not scene.hq_enters("virginia")
    scene.fleet.on("virginia", "nft delete table inet cloud")


def test_rescue_repairs_nodes_without_a_console(scene: Scene) -> None:
    since = time.time()
    document = scene.fleet.hq.noc("rescue", *LIVE)
    assert by_node(document) == dict.fromkeys(LIVE, "rescued")
    assert scene.shaken(since)


def test_the_node_s_lock_is_shut_once_hq_is_heard_again(scene: Scene) -> None:
    wait_for(lambda: not any(scene.let_in(node) for node in LIVE))
    assert not scene.hq_enters("virginia")


def test_a_rescue_where_the_tunnel_carries_changes_nothing(scene: Scene) -> None:
    assert by_node(scene.fleet.hq.noc("rescue", *LIVE)) == dict.fromkeys(LIVE, "unchanged")


def test_what_was_repaired_outlives_a_reboot_of_the_node(scene: Scene) -> None:
    scene.fleet.lab.kill("virginia")
    since = int(time.time())  # WireGuard tells whole seconds
    scene.fleet.lab.boot("virginia")
    wait_for(lambda: max(scene.fleet.handshakes().values()) >= since)


def test_an_hq_that_comes_back_elsewhere_is_found_by_its_name(scene: Scene) -> None:
    scene.lead(NEW)
    scene.hq(f"ip address del {OLD}/24 dev eth0; ip address add {NEW}/24 dev eth0")
    wait_for(lambda: all(scene.endpoint(node) == f"{NEW}:51820" and scene.carries(node) for node in LIVE))


def test_hq_does_not_move_to_an_address_that_the_fleet_file_does_not_name(scene: Scene) -> None:
    done = scene.fleet.lab.exec("zurich", "noc", "hub", "move", "--ip", NEW)
    assert done.returncode == 2
    assert f'address = "{NEW}"' in done.stderr.decode()


def test_a_node_that_is_down_is_owed_hq_s_new_address(scene: Scene) -> None:
    scene.hq(f"ip address add {OLD}/24 dev eth0")
    scene.rewrite(f'address = "{OLD}"', f'address = "{NEW}"')
    scene.rewrite(f'"{OLD}",\n', f'"{OLD}",\n    "{NEW}",\n')
    scene.fleet.lab.cut("frankfurt")
    document = scene.fleet.hq.noc("hub", "move", "--ip", NEW, statuses=(3,))
    assert by_node(document) == {"virginia": "confirmed", "frankfurt": "skipped"}
    assert f"Endpoint = {NEW}:51820" in scene.fleet.on("virginia", "cat /etc/wireguard/wg0.conf")


def test_one_that_is_back_gets_it_and_the_others_are_left_alone(scene: Scene) -> None:
    scene.fleet.lab.heal("frankfurt")
    wait_for(lambda: scene.carries("frankfurt") and scene.heard("frankfurt"))
    document = scene.fleet.hq.noc("hub", "move", "--ip", NEW)
    assert by_node(document) == {"virginia": "unchanged", "frankfurt": "confirmed"}


def test_the_old_address_can_then_be_given_up(scene: Scene) -> None:
    scene.hq(f"ip address del {OLD}/24 dev eth0")
    since = time.time()
    scene.fleet.on("virginia", "systemctl restart wg-quick@wg0")
    scene.fleet.on("frankfurt", "systemctl restart wg-quick@wg0")
    wait_for(lambda: scene.shaken(since), FALLBACK_S)


def test_a_node_at_another_address_is_written_down_once_it_is_proven(scene: Scene) -> None:
    scene.fleet.on("virginia", f"ip address add {ELSEWHERE}/24 dev eth0")
    (row,) = scene.fleet.hq.noc("move", "virginia", "--ip", ELSEWHERE)["nodes"]
    assert (row["verdict"], row["now"]) == ("moved", ELSEWHERE)
    assert "noc dns apply" in row["why"]


def test_a_stranger_has_never_seen_22(scene: Scene) -> None:
    seen = scene.seen.read_text().splitlines()
    for node in LIVE:
        address = scene.fleet.lab.address(node)
        assert (seen.count(f"shut {address}") > 100, seen.count(f"open {address}")) == (True, 0)
