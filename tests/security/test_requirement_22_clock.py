"""Requirement 22: a node's wrong clock is shown, and nothing is decided by it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from judge_kit import EPOCH, Stage, alone
from noc.runs.health.checks import Facts, State, judge
from noc.runs.rollout.prospect import skewed
from noc.runs.site.watchdoor import Heartbeat
from watch_kit import Server, write_fleet

NODE = "frankfurt"
DAY_MS = 86_400_000
CLOCKS: dict[str, Callable[[Stage], int]] = {
    "right": lambda stage: stage.now.wall,
    "a day behind": lambda stage: stage.now.wall - DAY_MS,
    "a day ahead": lambda stage: stage.now.wall + DAY_MS,
    "at the epoch": lambda _: 0,
    "running backwards": lambda stage: 2 * EPOCH - stage.now.wall,
}


def story(clock: Callable[[Stage], int]) -> tuple[list[tuple[str, str]], list[tuple[int, int | None]], list[str]]:
    """A node is heard for a while, falls silent, returns: what was told, when incidents were, and its states."""
    stage, states = alone(), []
    for silent in (0.0, 30.0, 30.0, 400.0, 30.0, 30.0, 30.0, 30.0):
        stage.wait(silent)
        states.append(stage.state(NODE))
        stage.push(NODE, sent=clock(stage))
        states.append(stage.state(NODE))
    when = [(incident.started, incident.ended) for incident in stage.incidents().values()]
    return stage.told(), when, states


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_node_is_judged_by_hqs_clock_alone(clock: str) -> None:
    assert story(CLOCKS[clock]) == story(CLOCKS["right"])


def test_what_a_push_says_of_the_time_is_kept_beside_hqs_own(tmp_path: Path) -> None:
    with Server(tmp_path, write_fleet(tmp_path / "fleet")) as server:
        assert server.push(NODE, "t=1000000000")[0] == 200
        (beat,) = server.ask(f"/api/v1/nodes/{NODE}/heartbeats?limit=1")[1]["heartbeats"]
        received = datetime.fromisoformat(beat["at"])
        assert beat["sent_at"].startswith("2001-09-09T01:46:40")
        assert abs(datetime.now(UTC) - received) < timedelta(hours=1)
        assert server.node(NODE)["state"] == "up"


@pytest.mark.parametrize(
    ("off", "words"), [(0, "right"), (7_200, "2 h ahead of HQ's"), (-7_200, "2 h behind HQ's"), (59, "right")]
)
def test_it_is_shown_where_somebody_looks(off: float, words: str) -> None:
    at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    told = {"at": at, "sent_at": at + timedelta(seconds=off), "seq": 1, "boot": "b", "version": "1.0.0"}
    facts = Facts(at=at, manifest=None, push_interval_s=30, last=Heartbeat.model_validate(told))
    (clock,) = (check for check in judge(facts) if check.name == "clock")
    assert (clock.words, clock.state) == (words, State.OK if words == "right" else State.FAILED)


def test_a_plan_names_it() -> None:
    assert skewed(7_200.0) == ("its clock is 2 h ahead: timedatectl set-ntp true",)
    assert skewed(1.0) == ()
