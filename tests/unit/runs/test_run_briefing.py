"""What people are told once a run has ended."""

from datetime import UTC, datetime

import pytest

from noc.runs.plan.plan import Action
from noc.runs.record.events import Verdict
from noc.runs.runner.briefing import briefing
from noc.runs.runner.view import View

AT = datetime(2026, 3, 4, 8, tzinfo=UTC)
GOOD = Verdict(node="virginia", before="1.1.0", now="1.2.0", verdict="confirmed", good=True)
BAD = Verdict(node="frankfurt", before="1.1.0", now="1.1.0", verdict="rolled-back", why="sick")


def ended(*verdicts: Verdict, code: int = 0, error: dict[str, str] | None = None) -> View:
    view = View(run="r-beef", what="deploy 1.2.0 (12) to 2 nodes", by="james", begun=AT, last=AT, verdicts=verdicts)
    return View(**{**vars(view), "exit_code": code, "error": error})


def test_a_run_that_went_well_is_told_with_who_asked_and_who_agreed() -> None:
    assert briefing(ended(GOOD), "deploy", "johan") == (
        "deploy 1.2.0 (12) to 2 nodes: done",
        ["0 of 0 done, 0 failed · took 0 s", "by james, approved by johan"],
    )


def test_nodes_that_are_not_as_planned_are_named_with_the_reason() -> None:
    told = briefing(ended(GOOD, BAD, code=1), "deploy")
    assert told is not None
    assert (told[0], told[1][2:]) == ("deploy 1.2.0 (12) to 2 nodes: not as planned", ["! frankfurt rolled-back: sick"])


def test_what_ended_the_run_as_a_whole_is_told() -> None:
    told = briefing(ended(code=7, error={"what": "the fleet is halted", "why": ""}), "deploy")
    assert told is not None
    assert told[1][-1] == "! the fleet is halted"


def test_many_failures_are_counted() -> None:
    told = briefing(ended(*[BAD] * 20, code=1), "deploy")
    assert told is not None
    assert (len(told[1]), told[1][-1]) == (9, "! and 14 more: noc run show beef")


def test_what_nodes_said_is_one_short_line_whatever_it_is() -> None:
    told = briefing(ended(BAD.model_copy(update={"why": "\x1b[31m\n" + "x" * 5_000}), code=1), "deploy")
    assert told is not None
    assert all(len(line) <= 300 and line.isprintable() for line in told[1])


@pytest.mark.parametrize("action", ["backup", "drill", "keygen"])
def test_runs_that_leave_the_service_as_it_was_are_not_told(action: Action) -> None:
    assert briefing(ended(GOOD), action) is None


def test_a_run_that_is_under_way_is_not_told() -> None:
    assert briefing(View(what="deploy"), "deploy") is None
