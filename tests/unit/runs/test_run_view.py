from datetime import timedelta
from typing import Any

import pytest

from noc.fleet.inventory import Inventory, Life, NodeRecord
from noc.fleet.model import Fleet
from noc.runs.plan.planners import plan_deploy
from noc.runs.record.events import Event, State
from noc.runs.runner.telling import line, words
from noc.runs.runner.view import View, advance, as_document
from runs_kit import NOW, manifest


def event(step: str, state: State, node: str | None = "virginia", *, second: int = 0, **detail: Any) -> Event:
    return Event(seq=1, at=NOW + timedelta(seconds=second), run="r", node=node, step=step, state=state, detail=detail)


@pytest.fixture
def begun(fleet: Fleet) -> View:
    live = NodeRecord(life=Life.LIVE)
    known = Inventory(nodes={"virginia": live, "frankfurt": live})
    plan = plan_deploy(fleet, known, manifest(), ["all"], NOW)
    return advance(View(), event("run", State.STARTED, None, plan=plan.model_dump(mode="json"), by="james", fence=1))


def test_every_node_of_the_plan_has_a_row_before_anything_happens(begun: View) -> None:
    assert list(begun.rows) == ["virginia", "frankfurt"]
    assert begun.target == "1.1.0 (2)"


def test_a_row_keeps_the_time_since_when_its_step_runs(begun: View) -> None:
    view = advance(begun, event("prove", State.STARTED, second=1))
    view = advance(view, event("prove", State.PROGRESS, second=5, say="no heartbeat"))
    assert view.rows["virginia"].since == NOW + timedelta(seconds=1)
    assert view.rows["virginia"].words == "no heartbeat"


def test_the_time_left_is_estimated_from_the_nodes_that_are_done(begun: View) -> None:
    view = advance(begun, event("stage", State.STARTED))
    assert view.time_left(NOW) is None
    view = advance(view, event("confirm", State.OK, second=20))
    assert view.time_left(NOW + timedelta(seconds=20)) == timedelta(seconds=20)


def test_the_last_record_brings_table_and_exit_code(begun: View) -> None:
    row = {"node": "virginia", "before": "a", "now": "b", "verdict": "confirmed", "good": True, "why": ""}
    view = advance(begun, event("run", State.FAILED, None, verdicts=[row], exit=1, error=None))
    assert as_document(view) == {
        "run": "r",
        "what": "deploy 1.1.0 (build 2) to 2 nodes",
        "nodes": [row],
        "exit": 1,
        "error": None,
    }


@pytest.mark.parametrize(
    ("detail", "text"),
    [
        ({"changed": []}, "unchanged"),
        ({"changed": ["package caddy", "tunnel started"]}, "package caddy, tunnel started"),
        ({"bytes": 0}, "there already"),
        ({"bytes": 3 * 2**20}, "3.0 MiB sent"),
        ({"error": {"code": "NOC-E1", "what": "it broke", "why": "a reason", "fix": ""}}, "it broke: a reason"),
        ({"say": "soaking for 3 s"}, "soaking for 3 s"),
        ({}, ""),
    ],
)
def test_what_a_record_says_in_words(detail: dict[str, Any], text: str) -> None:
    assert words(event("step", State.OK, **detail)) == text


def test_a_transition_is_one_line_with_its_time() -> None:
    told = line(event("tunnel", State.OK, changed=["wg0"], seconds=1.5))
    assert told == "12:00:00Z  virginia  tunnel  ok (1.5 s)  wg0"
