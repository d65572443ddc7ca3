"""HQ is lost in the middle of a deployment, and comes back on another machine, at another address, from one file.

The tests go on from one another: HQ is zurich until its disk is gone, and singapore from then on. The second place is
london, behind its own sshd.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from fleet_kit import LIVE, Fleet, small_fleet, wait_for
from noc.lab.hq import Headquarters
from noc.lab.hqlost import LostHq

TIMES = "[rescue]\nfallback_after = 8\nrescue_after = 3600\n"
PAGE = "http://hq/api/v1"
STOP, GO_ON = 19, 18


@dataclass
class Scene:
    """The fleet; the HQ that is lost, and the machine that becomes HQ."""

    fleet: Fleet
    lost: LostHq
    restored_at: float = 0

    @property
    def old(self) -> Headquarters:
        return self.lost.old

    @property
    def new(self) -> Headquarters:
        return self.lost.new

    def states(self) -> dict[str, str]:
        """How the new HQ's watch sees the live nodes."""
        said = self.new.sh("curl", "-s", "--unix-socket", "/run/noc-watch/watch.sock", f"{PAGE}/nodes")
        return {row["name"]: row["state"] for row in json.loads(said)["nodes"] if row["name"] in LIVE}

    def healthy(self) -> bool:
        """Whether the new HQ finds every live node well; to which of two HQs a tunnel leads, old pushes do not show."""
        document = self.new.noc("health", *LIVE, statuses=(0, 1, 3))
        return all(row["healthy"] for row in document["nodes"])

    def blamed(self) -> list[dict[str, Any]]:
        """What the new HQ's watch blames live nodes for, since it was restored."""
        said = self.new.sh("curl", "-s", "--unix-socket", "/run/noc-watch/watch.sock", f"{PAGE}/incidents")
        found: list[dict[str, Any]] = json.loads(said)["incidents"]
        since = datetime.fromtimestamp(self.restored_at, UTC)
        late = [each for each in found if datetime.fromisoformat(each["started_at"]) > since]
        return [incident for incident in late if incident["node"] in LIVE]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    work = tmp_path_factory.mktemp("lost")
    with small_fleet(work, TIMES) as fleet:
        dist = next(work.glob("*.run"))
        lost = LostHq(fleet.lab, fleet.stage.operator, dist, place="london", spare="singapore")
        lost.name_second_place()
        yield Scene(fleet, lost)


def test_a_backup_goes_to_the_second_place_and_is_read_back(scene: Scene) -> None:
    made = scene.old.noc("hub", "backup")
    assert made["second"]["error"] is None
    assert hashlib.sha256(scene.lost.newest()).hexdigest() == made["sha256"]


def test_nothing_in_it_can_be_read_there(scene: Scene) -> None:
    key = scene.old.sh("cat", "/etc/noc-credentials/ssh_key").encode()
    assert key.splitlines()[1] not in scene.lost.newest()


def test_with_the_second_place_gone_it_waits_on_hq(scene: Scene) -> None:
    scene.fleet.on("london", "systemctl stop ssh.socket ssh")
    made = scene.old.noc("hub", "backup", statuses=(1,))
    assert made["second"]["error"]["code"] == "NOC-E842"
    assert len(made["waiting"]) == 1


def test_the_doctor_tells_of_it(scene: Scene) -> None:
    lines = scene.old.noc("doctor", statuses=(0, 1))["lines"]
    (line,) = [line for line in lines if line["what"] == "second place"]
    assert (line["state"], "the connection was refused" in line["says"]) == ("due", True)


def test_all_that_waited_goes_when_it_is_back(scene: Scene) -> None:
    scene.fleet.on("london", "systemctl start ssh")
    made = scene.old.noc("hub", "backup")
    assert (len(made["second"]["sent"]), made["waiting"]) == (2, [])


def test_a_disk_that_is_full_is_said_and_leaves_nothing(scene: Scene) -> None:
    scene.old.sh("mount", "-t", "tmpfs", "-o", "size=64k", "full", "/var/lib/noc-outgoing")
    try:
        done = scene.fleet.lab.exec("zurich", "noc", "hub", "backup", "--json", timeout_s=120)
        left = scene.old.sh("find", "/var/lib/noc-outgoing", "-name", "*.age*")
    finally:
        scene.old.sh("umount", "/var/lib/noc-outgoing")
    assert (done.returncode, left) == (1, "")
    assert "NOC-E841" in done.stdout.decode() + done.stderr.decode()


def test_hq_is_lost_with_a_node_in_hand(scene: Scene) -> None:
    """The backup is of the middle of the run: it knows the run, and not what the nodes did after that."""
    fleet = scene.fleet
    with fleet.ambush("stage", "ok", "virginia", STOP) as stopped, fleet.deploying(*LIVE, fleet.second) as deploying:
        stopped()
        scene.old.noc("hub", "backup")
        scene.old.sh("sh", "-c", f"kill -{GO_ON} $(systemctl show --value --property=MainPID noc-runner)")
        wait_for(lambda: fleet.pending("frankfurt") != {}, 120)
        scene.lost.lose()
        deploying.kill()
    assert fleet.facts("virginia")["current"] == fleet.second


def test_a_flipped_byte_is_refused_and_nothing_is_put_anywhere(scene: Scene) -> None:
    scene.lost.install_noc()
    sealed = bytearray(scene.lost.newest())
    sealed[len(sealed) // 2] ^= 1
    assert scene.lost.restore(bytes(sealed)).returncode != 0
    assert scene.fleet.lab.exec("singapore", "ls", "/etc/noc", "/etc/noc-credentials").returncode != 0


def test_hq_is_back_on_a_bare_machine_from_that_file_alone(scene: Scene) -> None:
    scene.restored_at = scene.fleet.now("london")
    done = scene.lost.restore(scene.lost.newest())
    assert done.returncode == 0, done.stderr.decode() + scene.new.sh("journalctl", "-n", "60", "-o", "cat")
    assert scene.new.noc("hub", "status", statuses=(0, 1))["checks"]


def test_it_does_not_become_hq_twice(scene: Scene) -> None:
    done = scene.lost.restore(scene.lost.newest())
    assert done.returncode == 2
    assert "NOC-E844" in done.stdout.decode() + done.stderr.decode()


def test_nothing_begins_before_every_node_has_told_its_fence(scene: Scene) -> None:
    done = scene.fleet.lab.exec("singapore", "noc", "run", "resume", "last", "--json", timeout_s=120)
    assert done.returncode == 7
    assert "NOC-E548" in done.stdout.decode() + done.stderr.decode()


def test_no_node_is_blamed_while_it_looks_for_hq(scene: Scene) -> None:
    assert scene.blamed() == []


def test_nodes_find_hq_by_its_name_and_it_takes_over(scene: Scene) -> None:
    scene.lost.lead()
    wait_for(scene.lost.has_taken_over, 90, 1)
    fences = {node: scene.fleet.facts(node)["fence"] for node in LIVE}
    assert fences == dict.fromkeys(LIVE, 1_000_000)


def test_the_run_goes_on_where_the_nodes_say_that_it_is(scene: Scene) -> None:
    document = scene.new.noc("run", "resume", "last", timeout_s=300)
    assert {row["verdict"] for row in document["nodes"]} <= {"confirmed", "unchanged"}
    assert scene.fleet.activations("virginia", document["run"]) == ["confirmed"]  # once: before HQ was lost
    assert all(scene.fleet.runs_proven(node, scene.fleet.second) for node in LIVE)


def test_heartbeats_are_back(scene: Scene) -> None:
    wait_for(lambda: scene.states() == dict.fromkeys(LIVE, "up"))


def test_the_old_hq_finds_that_another_one_has_acted(scene: Scene) -> None:
    """Nodes let nobody in unasked. They come to the old one where they start anew before `noc hub move` was given."""
    scene.lost.find_again()
    for node in LIVE:
        scene.fleet.on(node, "systemctl restart wg-quick@wg0")

    def stepped_back() -> bool:
        checks = scene.old.noc("hub", "status", statuses=(0, 1))["checks"]
        return any(check["check"] == "whose fleet" and "another HQ has acted" in check["seen"] for check in checks)

    wait_for(stepped_back, 120, 1)


def test_its_runs_are_refused_with_what_to_do(scene: Scene) -> None:
    done = scene.fleet.lab.exec("zurich", "noc", "deploy", "all", scene.fleet.first, "--json", timeout_s=120)
    assert done.returncode == 7
    error = json.loads(done.stdout)["error"]
    assert (error["code"], "switch this machine off" in error["fix"]) == ("NOC-E549", True)


def test_it_lets_no_node_in_any_more(scene: Scene) -> None:
    wait_for(lambda: scene.old.sh("wg", "show", "wg0", "peers") == "")


def test_the_nodes_stay_with_the_new_one(scene: Scene) -> None:
    wait_for(scene.healthy, 240, 1)
    document = scene.new.noc("deploy", *LIVE, scene.fleet.second, timeout_s=300)
    assert {row["verdict"] for row in document["nodes"]} == {"unchanged"}
