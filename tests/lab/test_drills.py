"""Drills over the small fleet: each fault is noticed, told and over in time, and mends itself without HQ."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fleet_kit import NODES, Fleet, wait_for
from noc.runs.drill.faults import TABLE, unit
from noc.runs.drill.lab import MARK

FULL = "df --output=pcent /var/lib/clavitor | tail -n 1 | tr -d ' %'"


@pytest.fixture(scope="module")
def calm(fleet: Fleet) -> Iterator[Fleet]:
    """The fleet with every node well; and the node that `all` fills up has a disk of its own."""
    await_well(fleet)
    (full,) = [each["node"] for each in planned(fleet)["faults"] if each["fault"] == "disk-full"]
    fleet.lab.data_disk(full)
    await_well(fleet)
    yield fleet
    units = "clavitor.socket clavitor.service"
    fleet.on(full, f"systemctl stop {units}; umount /var/lib/clavitor; systemctl start {units}")
    await_well(fleet)


def planned(fleet: Fleet) -> dict[str, Any]:
    document: dict[str, Any] = fleet.hq.noc("drill", "all", "--plan", statuses=(0, 1, 3))
    return document


def await_well(fleet: Fleet) -> None:
    """Wait until the watch has nothing open, and hears every node."""
    wait_for(lambda: {row["state"] for row in watched(fleet).values()} == {"up"}, 120, every_s=0.5)
    wait_for(lambda: fleet.hq.noc("incidents")["incidents"] == [], 120, every_s=0.5)


def watched(fleet: Fleet) -> dict[str, dict[str, Any]]:
    url = "http://hq/api/v1/nodes"
    document = json.loads(fleet.hq.sh("curl", "-s", "--unix-socket", "/run/noc-watch/watch.sock", url))
    return {row["name"]: row for row in document["nodes"] if row["name"] in NODES}


def test_every_fault_is_noticed_told_and_over_and_what_is_not_possible_is_said(calm: Fleet) -> None:
    bad = calm.bad_release(next(calm.builds), "sick")
    document = calm.hq.noc("drill", "all", "--release", bad, statuses=(0, 1), timeout_s=500)
    rows = {row["fault"]: row for row in document["drills"]}
    clock = rows.pop("clock")
    assert (clock["verdict"], "container" in clock["why"]) == ("not done", True)
    assert set(rows) == {"reboot", "cut", "disk-full", "kill", "bad-release", "hq-down"}
    # How late is what the machine of the test is like; that something came at all, and nobody was blamed, is ours.
    assert [row for row in rows.values() if lacking(row)] == []
    assert document["exit"] == (0 if all(row["verdict"] == "held" for row in rows.values()) else 1)


def lacking(row: dict[str, Any]) -> bool:
    """Whether a fault was missed for more than being late."""
    late = all(" after " in reason and "promised within" in reason for reason in row["why"].split("; "))
    return row["verdict"] != "held" and not late


def test_a_cut_tunnel_comes_back_by_itself_though_the_runner_dies_meanwhile(calm: Fleet) -> None:
    await_well(calm)
    with calm.under_way("drill", "cut", "frankfurt") as command:
        calm.sees(command, "noticed")
        calm.hq.sh("systemctl", "kill", "-s", "KILL", "noc-runner.service")
        command.communicate(timeout=60)
    calm.runner_returns()
    wait_for(lambda: calm.on("frankfurt", f"nft list table inet {TABLE} >/dev/null 2>&1 || echo gone") == "gone", 90)
    await_well(calm)


def test_a_disk_is_free_again_as_soon_as_what_fills_it_is_killed_whoever_is_left_to_know(calm: Fleet) -> None:
    (full,) = [each["node"] for each in planned(calm)["faults"] if each["fault"] == "disk-full"]
    before = int(calm.on(full, FULL))
    with calm.under_way("drill", "disk-full", full) as command:
        wait_for(lambda: int(calm.on(full, FULL)) > 95)
        calm.hq.sh("systemctl", "kill", "-s", "KILL", "noc-runner.service")
        calm.on(full, f"systemctl kill -s KILL {unit('disk-full')}")
        wait_for(lambda: int(calm.on(full, FULL)) <= before + 5)
        command.communicate(timeout=60)
    calm.runner_returns()
    await_well(calm)


def test_outside_a_lab_somebody_has_to_agree_though_the_fleet_file_asks_nobody(calm: Fleet) -> None:
    calm.hq.sh("mv", str(MARK), "/root/mark")
    try:
        document = calm.hq.noc("drill", "kill", "virginia", "--plan", statuses=(3,))
    finally:
        calm.hq.sh("mv", "/root/mark", str(MARK))
    assert (document["lab"], document["risk"], document["agreement"]) == (False, "high", "an approver")
