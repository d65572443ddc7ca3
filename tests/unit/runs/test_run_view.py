from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.inventory import Inventory, Life, NodeRecord
from noc.fleet.model import Fleet
from noc.runs.plan.planners import plan_deploy
from noc.runs.record.events import Event, State
from noc.runs.runner.telling import line, words
from noc.runs.runner.view import Outcome, Row, View, advance, as_document, closing, counted, footer, in_view
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


def confirmed(view: View, node: str, *, begin: int, end: int) -> View:
    """A node taken through a whole activation."""
    for step in ("preflight", "stage"):
        view = advance(view, event(step, State.OK, node))
    view = advance(view, event("activate", State.STARTED, node, second=begin, order="r"))
    for step in ("activate", "prove", "soak", "confirm"):
        view = advance(view, event(step, State.OK, node, second=end))
    return view


def planned(begun: View, seconds: float, head_s: float, bound_s: float = 600) -> View:
    """The same with what its plan expects: so many seconds a node, and so many before the first."""
    rows = {name: replace(row, seconds=seconds) for name, row in begun.rows.items()}
    return replace(begun, rows=rows, expected_s=head_s + seconds * len(rows), head_s=head_s, bound_s=bound_s)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_without_an_estimate_the_time_left_is_told_once_a_node_is_done(begun: View) -> None:
    view = advance(begun, event("stage", State.STARTED))
    assert view.time_left(NOW) is None
    view = confirmed(view, "virginia", begin=5, end=20)
    assert view.time_left(later(20)) == timedelta(seconds=20)


def test_at_first_the_time_left_is_what_the_plan_expects(begun: View) -> None:
    view = planned(begun, 10, head_s=5)
    assert [view.time_left(later(second)) for second in (0, 20, 60)] == [
        timedelta(seconds=25),
        timedelta(seconds=5),
        timedelta(),
    ]


def test_the_time_left_is_corrected_by_what_was_seen(begun: View) -> None:
    view = confirmed(planned(begun, 10, head_s=5), "virginia", begin=10, end=30)
    assert view.time_left(later(30)) == timedelta(seconds=20)
    assert view.time_left(later(40)) == timedelta(seconds=10)


@given(st.floats(0.1, 100), st.floats(0, 50), st.integers(0, 300), st.integers(0, 300))
def test_the_time_left_only_shrinks_while_nothing_happens(seconds: float, head_s: float, now: int, more: int) -> None:
    rows = {name: Row(seconds=seconds) for name in ("a", "b")}
    view = View(rows=rows, begun=NOW, expected_s=head_s + 2 * seconds, head_s=head_s)
    first, then = view.time_left(later(now)), view.time_left(later(now + more))
    assert first is not None
    assert then is not None
    assert timedelta() <= then <= first


def test_headroom_is_what_the_bound_leaves_when_all_is_done(begun: View) -> None:
    view = confirmed(planned(begun, 10, head_s=5, bound_s=60), "virginia", begin=10, end=30)
    assert view.headroom(later(30)) == timedelta(seconds=10)
    assert footer(view, later(30)) == "1 of 2 done, 0 failed · about 20 s left · 10 s headroom to 1 min"
    assert "over 1 min" in footer(view, later(90))


def test_the_end_tells_wall_time_slowest_node_and_headroom(begun: View) -> None:
    view = planned(begun, 10, head_s=5)
    view = confirmed(confirmed(view, "virginia", begin=5, end=15), "frankfurt", begin=15, end=40)
    view = advance(view, event("run", State.OK, None, second=41, verdicts=[], exit=0))
    assert closing(view) == "took 41 s · slowest frankfurt 25 s · 9 min 19 s headroom to 10 min"


def test_a_node_stands_where_the_rollout_says(begun: View) -> None:
    view = confirmed(begun, "virginia", begin=5, end=15)
    assert (view.rows["virginia"].outcome, view.rows["virginia"].verdict) == (Outcome.DONE, "confirmed")
    view = advance(view, event("preflight", State.SKIPPED, "frankfurt"))
    assert (view.rows["frankfurt"].outcome, view.rows["frankfurt"].verdict) == (Outcome.SKIPPED, "unchanged")


def test_a_node_that_is_turned_back_is_in_hand_until_it_is_and_then_failed(begun: View) -> None:
    view = confirmed(begun, "virginia", begin=1, end=2)
    for step in ("preflight", "stage"):
        view = advance(view, event(step, State.OK, "frankfurt"))
    view = advance(view, event("activate", State.STARTED, "frankfurt", order="r"))
    view = advance(view, event("activate", State.FAILED, "frankfurt", error={"what": "it died"}))
    assert view.rows["frankfurt"].outcome is Outcome.IN_HAND
    for step in ("revert", "prove-old"):
        view = advance(view, event(step, State.OK, "frankfurt"))
    assert (view.rows["frankfurt"].outcome, view.rows["frankfurt"].verdict) == (Outcome.FAILED, "rolled-back")
    assert counted(view) == "1 of 2 done, 1 failed"


def test_a_node_that_is_being_staged_is_in_hand_and_one_that_is_staged_waits(begun: View) -> None:
    view = advance(advance(begun, event("preflight", State.OK)), event("stage", State.STARTED))
    assert view.rows["virginia"].outcome is Outcome.IN_HAND
    view = advance(view, event("stage", State.OK, bytes=1))
    assert view.rows["virginia"].outcome is Outcome.WAITING


def test_where_there_is_no_room_for_all_failed_nodes_and_those_in_hand_are_shown() -> None:
    rows = {f"n{number}": Row() for number in range(10)}
    rows |= {"n4": Row(outcome=Outcome.DONE), "n7": Row(outcome=Outcome.IN_HAND), "n9": Row(outcome=Outcome.FAILED)}
    shown, left_out = in_view(View(rows=rows), 4)
    assert ([name for name, _ in shown], left_out) == (["n0", "n1", "n7", "n9"], 6)


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (event("wave", State.STARTED, None, number=0, nodes=["virginia"]), "canary: virginia"),
        (
            event("wave", State.STARTED, None, number=4, nodes=["paris"], region="europe", canary=True),
            "canary of europe: paris",
        ),
        (
            event("wave", State.STARTED, None, number=5, nodes=["london"], region="europe", canary=False),
            "wave 5 of europe: london",
        ),
        (
            event("wave", State.STARTED, None, number=2, nodes=["a", "b", "c", "d", "e"]),
            "wave 2: a, b, c, d and 1 more",
        ),
        (event("rollback-fleet", State.STARTED, None, why="2 failed"), "turning the whole fleet back: 2 failed"),
        (event("commit", State.FAILED, None, error={"what": "git refuses"}), "commit: git refuses"),
    ],
)
def test_what_concerns_the_whole_run_is_told_below_its_rows(begun: View, told: Event, text: str) -> None:
    assert advance(begun, told).notice == text


def test_a_run_that_was_cut_and_goes_on_has_not_ended(begun: View) -> None:
    ended = advance(begun, event("run", State.FAILED, None, verdicts=[], exit=3, error={"what": "cut"}))
    view = advance(ended, event("resumed", State.STARTED, None, by="johan", fence=2))
    assert (view.exit_code, view.error, view.notice) == (None, None, "gone on with by johan")


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
