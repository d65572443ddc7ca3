"""Nodes whose clocks are an hour off, ahead and behind: deadlines hold, expiry is judged, and both are told of."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from fleet_kit import Fleet, wait_for
from noc.hosts.activation import FINAL

HOUR_S = 3600
AHEAD, BEHIND = "virginia", "london"
PAIR = (AHEAD, BEHIND)
NEARLY_S = 30
HALF_AN_HOUR_DAYS = 0.5 / 24
SILENCE, SILENCE_S = "silence", 6
ACTIVATOR = "python3 /usr/local/lib/noc-node/activator.py"


@pytest.fixture(scope="module")
def skewed(fleet: Fleet) -> Iterator[Fleet]:
    """The fleet with one node an hour ahead and one an hour behind, both back at HQ."""
    for node, seconds in ((AHEAD, HOUR_S), (BEHIND, -HOUR_S)):
        fleet.lab.clock(node, seconds)
    _await_back(fleet)
    yield fleet
    for node in PAIR:
        fleet.lab.clock(node, 0)
    _await_back(fleet)
    wait_for(lambda: all(row["healthy"] for row in health(fleet).values()))


def _await_back(fleet: Fleet) -> None:
    wait_for(
        lambda: {row["state"] for row in planned(fleet, fleet.first)["rows"]} <= {"change", "unchanged", "blocked"}
    )


def planned(fleet: Fleet, release: str, *options: str) -> dict[str, Any]:
    document: dict[str, Any] = fleet.hq.noc("deploy", *PAIR, release, *options, "--plan", statuses=(0, 1, 3))
    return document


def health(fleet: Fleet) -> dict[str, dict[str, Any]]:
    rows = fleet.hq.noc("health", *PAIR, statuses=(0, 1, 3))["nodes"]
    return {row["node"]: row for row in rows}


def at(moment: str) -> datetime:
    return datetime.fromisoformat(moment)


def test_the_plan_names_both_clocks_and_is_not_kept_from_anything(skewed: Fleet) -> None:
    rows = planned(skewed, skewed.release())["rows"]
    assert [row["state"] for row in rows] == ["change", "change"]
    assert [row["notes"][0].split(":")[0] for row in rows] == ["its clock is 1 h ahead", "its clock is 1 h behind"]


def test_health_says_that_they_are_wrong_and_nothing_else_is(skewed: Fleet) -> None:
    wrong = {
        node: {check["name"]: check["words"] for check in row["checks"] if check["state"] != "ok"}
        for node, row in health(skewed).items()
    }
    assert wrong == {AHEAD: {"clock": "1 h ahead of HQ's"}, BEHIND: {"clock": "1 h behind HQ's"}}


def test_a_release_goes_to_both_and_every_time_is_told_by_who_tells_it(skewed: Fleet) -> None:
    release = skewed.release()
    document = skewed.hq.noc("deploy", *PAIR, release)
    assert {row["verdict"] for row in document["nodes"]} == {"confirmed"}
    times = [at(event["at"]) for event in skewed.journal(document["run"])]
    assert times == sorted(times)
    assert times[-1] - times[0] < timedelta(seconds=HOUR_S / 10)
    for node, seconds in ((AHEAD, HOUR_S), (BEHIND, -HOUR_S)):
        assert skewed.runs_proven(node, release)
        (verdict,) = skewed.verdicts(node, document["run"])
        off = at(verdict["at"]) - times[-1] - timedelta(seconds=seconds)
        assert abs(off) < timedelta(seconds=HOUR_S / 10)


def silence(fleet: Fleet, node: str) -> dict[str, Any]:
    (verdict,) = fleet.verdicts(node, SILENCE)
    return verdict


@pytest.mark.parametrize("node", PAIR)
def test_a_node_that_hears_nothing_turns_back_neither_early_nor_late(skewed: Fleet, node: str) -> None:
    order = f"--run {SILENCE} --fence {skewed.facts(node)['fence']} --confirm-within {SILENCE_S} --health-within 10"
    began = skewed.now(node)
    skewed.on(node, f"{ACTIVATOR} start {order}")
    wait_for(lambda: silence(skewed, node)["state"] in FINAL)
    verdict = silence(skewed, node)
    assert (verdict["state"], verdict["reason"]) == ("rolled-back", f"HQ did not confirm within {SILENCE_S} s")
    assert SILENCE_S <= at(verdict["at"]).timestamp() - began < SILENCE_S + NEARLY_S
    assert skewed.runs_proven(node)


def test_an_older_fence_is_refused_whatever_the_time(skewed: Fleet) -> None:
    for node in PAIR:
        number = skewed.facts(node)["fence"]
        refused = skewed.lab.exec(node, *ACTIVATOR.split(), "fence", str(number - 1))
        assert (refused.returncode, b'"code": "fence"' in refused.stdout) == (1, True)


def test_a_release_that_expires_within_the_hour_is_blocked_where_it_has_by_the_nodes_own_clock(skewed: Fleet) -> None:
    rows = {row["node"]: row for row in planned(skewed, skewed.release(days=HALF_AN_HOUR_DAYS))["rows"]}
    assert (rows[AHEAD]["state"], rows[BEHIND]["state"]) == ("blocked", "change")
    assert "by its clock the release expired" in " ".join(rows[AHEAD]["problems"])


def test_an_expired_release_is_refused_by_hq_though_it_has_not_by_the_nodes_clock(skewed: Fleet) -> None:
    seconds = 8
    release = skewed.release(days=seconds / 86400)
    wait_for(lambda: planned(skewed, release)["rows"][1]["state"] == "blocked", 30)
    problems = " ".join(planned(skewed, release)["rows"][1]["problems"])
    assert "the release expired at" in problems
    assert "by its clock" not in problems


def test_the_weekly_system_of_a_node_that_is_ahead_can_be_planned(skewed: Fleet) -> None:
    document = skewed.hq.noc("deploy", *PAIR, "--system", "--plan")
    assert {row["state"] for row in document["rows"]} == {"unchanged"}
