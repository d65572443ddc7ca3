"""Whatever dies in a rollout, machine or controller: it ends truthfully, and no node is left between two versions."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from fleet_kit import NODES, Fleet, in_hand, rows, wait_for
from noc.runs.review.windows import overlapping

BALLAST = 4 * 1024 * 1024
HASTE_S = 0.002
SHORT_S = 2
# Before its activation: it was missed; it was back before it was missed; its last words were of a write that was cut.
NOT_TURNED_BACK = {"skipped", "confirmed", "refused"}


class Power:
    """The plugs of machines, pulled for a moment."""

    def __init__(self, fleet: Fleet, pool: ThreadPoolExecutor) -> None:
        self._fleet, self._pool = fleet, pool
        self._booting: list[Future[None]] = []

    def fails(self, node: str, when: Callable[[], bool]) -> None:
        """Power off a machine as soon as something is so, and switch it on again at once."""
        wait_for(when, every_s=HASTE_S)
        self._fleet.lab.kill(node)
        self._booting.append(self._pool.submit(self._fleet.lab.boot, node))

    def is_back(self) -> None:
        """Wait until all are on."""
        for booting in self._booting:
            booting.result(90)


@pytest.fixture
def power(fleet: Fleet) -> Iterator[Power]:
    with ThreadPoolExecutor(4) as pool:
        yield Power(fleet, pool)


def on_the_wire(fleet: Fleet, node: str, release: str) -> bool:
    return (fleet.lab.disk(node) / f"opt/clavitor/releases/{release}/clavitor.pyz.part").exists()


def in_place(fleet: Fleet, node: str, release: str) -> bool:
    return (fleet.lab.disk(node) / "opt/clavitor/current").readlink().name == release


def told(fleet: Fleet, node: str, found: dict[str, dict[str, Any]], release: str, before: dict[str, str]) -> None:
    """A node runs what its verdict says, and has proven it."""
    runs = release if found[node]["verdict"] == "confirmed" else before[node]
    assert fleet.runs_proven(node, runs), (node, found[node], fleet.facts(node))


class TestNode:
    """A node dies, or is cut off, or starts anew, and comes back."""

    def test_that_dies_at_stage_restart_or_before_its_confirmation_is_on_what_it_ran_before(
        self, fleet: Fleet, power: Power
    ) -> None:
        before = {node: fleet.facts(node)["current"] for node in NODES}
        release = fleet.release({"frankfurt": "starts-slowly"}, size=BALLAST)
        fleet.lab.slow("virginia", 1, 1)
        with fleet.deploying("virginia", "frankfurt", "singapore", release, "--max-failures", "3") as command:
            power.fails("virginia", lambda: on_the_wire(fleet, "virginia", release))
            power.fails("frankfurt", lambda: in_place(fleet, "frankfurt", release))
            power.fails("singapore", lambda: fleet.state("singapore", release) == "activated")
            found = rows(command)
        power.is_back()
        fleet.lab.slow("virginia", 0)
        assert command.returncode == 1
        assert [found[node]["verdict"] for node in ("frankfurt", "singapore")] == ["rolled-back"] * 2
        assert found["virginia"]["verdict"] in NOT_TURNED_BACK
        for node in found:
            told(fleet, node, found, release, before)

    def test_that_dies_at_the_verification_or_in_its_rollback_is_on_what_it_ran_before(
        self, fleet: Fleet, power: Power
    ) -> None:
        before = {node: fleet.facts(node)["current"] for node in NODES}
        release = fleet.release({"london": "sick"})
        payload = fleet.lab.disk("virginia") / f"opt/clavitor/releases/{release}/clavitor.pyz"
        with fleet.deploying("virginia", "london", release, "--max-failures", "2") as command:
            power.fails("virginia", payload.exists)
            power.fails("london", lambda: bool(fleet.pending("london").get("rolling_back")))
            assert fleet.state("london", release) == "activating"
            found = rows(command)
        power.is_back()
        assert command.returncode == 1
        assert found["virginia"]["verdict"] in NOT_TURNED_BACK
        assert found["london"]["verdict"] == "rolled-back"
        assert "503" in found["london"]["why"]
        for node in found:
            told(fleet, node, found, release, before)

    def test_whose_cable_was_pulled_in_a_transfer_or_that_was_started_anew_ends_as_its_verdict_says(
        self, fleet: Fleet
    ) -> None:
        before = {node: fleet.facts(node)["current"] for node in NODES}
        release = fleet.release(size=BALLAST)
        fleet.lab.slow("virginia", 1, 1)
        with fleet.deploying("virginia", "london", "frankfurt", release, "--max-failures", "3") as command:
            wait_for(lambda: on_the_wire(fleet, "virginia", release), every_s=HASTE_S)
            fleet.lab.cut("virginia")
            time.sleep(SHORT_S)
            fleet.lab.heal("virginia")
            wait_for(lambda: fleet.state("london", release) == "activated", every_s=HASTE_S)
            fleet.lab.cut("london")
            time.sleep(SHORT_S)
            fleet.lab.heal("london")
            wait_for(lambda: fleet.state("frankfurt", release) == "activated", every_s=HASTE_S)
            fleet.lab.exec("frankfurt", "systemctl", "reboot")
            found = rows(command)
        fleet.lab.slow("virginia", 0)
        assert found["virginia"]["verdict"] == "confirmed"
        assert found["frankfurt"]["verdict"] == "rolled-back"
        for node in found:
            told(fleet, node, found, release, before)


class TestRelease:
    """A release answers, and is not what it should be."""

    def test_that_is_wrong_in_another_way_on_each_node_is_turned_back_on_each_and_said_why(self, fleet: Fleet) -> None:
        before = {node: fleet.facts(node)["current"] for node in NODES}
        release = fleet.release(
            {
                "virginia": "other-process",
                "london": "fails-requests",
                "frankfurt": "dies-after-3",
                "singapore": "other-version",
            }
        )
        with fleet.edited("canary_soak = 2", "canary_soak = 5"):
            document = fleet.hq.noc("deploy", "all", release, "--max-failures", "4", statuses=(1,))
        why = {row["node"]: row["why"] for row in document["nodes"]}
        assert {row["verdict"] for row in document["nodes"]} == {"rolled-back"}
        assert "no heartbeat of the new process" in why["virginia"]
        assert "80% of its requests failed" in why["london"]
        assert "killed by SIGKILL" in why["frankfurt"]
        assert "0.9.9" in why["singapore"]
        events = fleet.journal(document["run"])
        reverts = {event["node"]: event for event in events if (event["step"], event["state"]) == ("revert", "ok")}
        assert any("dies-after-3" in line for line in reverts["frankfurt"]["detail"]["log"])
        for node in NODES:
            told(fleet, node, {row["node"]: row for row in document["nodes"]}, release, before)
            steps = [event["step"] for event in events if event["node"] == node and event["state"] == "ok"]
            assert steps[-2:] == ["revert", "prove-old"]
        assert overlapping(in_hand(events)) == ""

    def test_whose_snapshot_does_not_fit_is_refused_before_anything_is_changed(self, fleet: Fleet) -> None:
        before = fleet.facts("london")["current"]
        fleet.on("london", "mount -t tmpfs -o size=64k tmpfs /var/lib/noc-node/snapshots")
        try:
            document = fleet.hq.noc("deploy", "london", fleet.release(), statuses=(1,))
        finally:
            fleet.on("london", "umount -l /var/lib/noc-node/snapshots")
        assert document["nodes"][0]["verdict"] == "refused"
        assert "snapshot" in document["nodes"][0]["why"]
        assert fleet.activations("london", document["run"]) == []
        assert fleet.runs_proven("london", before)


class TestController:
    """The controller is killed with kill -9, or loses its power, and the run is resumed."""

    def test_killed_at_any_kind_of_record_the_run_goes_on_and_activates_each_node_once(self, fleet: Fleet) -> None:
        release = fleet.release()
        since = {node: fleet.now(node) for node in NODES}
        fleet.killed_at("preflight", command=("deploy", "all", release))
        run = fleet.journal()[0]["run"]
        fleet.killed_at("stage")
        fleet.killed_at("activate", "started", "virginia")
        fleet.killed_at("activate", "ok", "virginia")
        fleet.killed_at("prove", "ok", "virginia")
        fleet.killed_at("confirm", "started", "virginia")
        fleet.killed_at("confirm", "ok", "london")
        fleet.killed_at("wave", "progress")
        fleet.dark_at("activate", "ok", "frankfurt")
        document = fleet.hq.noc("run", "resume", "last")
        assert document["run"] == run
        assert [row["verdict"] for row in document["nodes"]] == ["confirmed"] * 4
        failed = [event for event in fleet.journal() if event["state"] == "failed" and event["node"]]
        assert failed == []
        for node in NODES:
            assert fleet.activations(node, run) == ["confirmed"], (node, fleet.verdicts(node, run))
            assert fleet.starts(node, since[node]) == 1
            assert fleet.runs_proven(node, release)

    def test_killed_in_a_rollback_the_run_finishes_it(self, fleet: Fleet) -> None:
        before = fleet.facts("virginia")["current"]
        fleet.killed_at(
            "activate", "failed", command=("deploy", "virginia", "london", fleet.release({"virginia": "sick"}))
        )
        fleet.killed_at("revert", "started")
        fleet.killed_at("prove-old", "started")
        document = fleet.hq.noc("run", "resume", "last", statuses=(1,))
        assert [row["verdict"] for row in document["nodes"]] == ["rolled-back", "untouched"]
        assert fleet.activations("virginia", document["run"]) == ["rolled-back"]
        assert fleet.runs_proven("virginia", before)
