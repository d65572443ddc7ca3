"""Runs on the page: what is taken from the runner, how long it is shown."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from noc.watch.errors import BadRequest
from noc.watch.pages.runs import MAX_BODY, MOST_RUNS, SHOWN_MS, STALE_MS, RunBoard, ShownRun, read_run

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NODE = {"node": "frankfurt", "wave": 1, "kind": "in-hand", "word": "in hand", "step": "prove", "since": NOW.isoformat()}


def document(**changes: Any) -> dict[str, Any]:
    known = {"what": "deploy 1.1.0 to 1 nodes", "phrase": "a b c d", "by": "james", "begun": NOW.isoformat()}
    return {**known, "nodes": [NODE], **changes}


def shown(**changes: Any) -> ShownRun:
    return read_run(json.dumps(document(**changes)).encode())


def ended(**changes: Any) -> ShownRun:
    return shown(ended=NOW.isoformat(), good=True, **changes)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{" * 100_000,
        json.dumps(document(nodes=[{**NODE, "kind": "sleeping"}])).encode(),
        json.dumps(document(nodes=[NODE] * 301)).encode(),
        json.dumps(document(by="x" * 101)).encode(),
        json.dumps(document(begun="2026-03-01T12:00:00")).encode(),
        json.dumps(document(secret="x")).encode(),
    ],
)
def test_what_is_no_run_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read_run(body)


def test_the_largest_fleet_with_the_longest_words_fits_the_bound() -> None:
    node = {**NODE, "node": "x" * 32, "before": "1.0.0 (1)", "target": "1.1.0 (2)", "says": "x" * 1_500}
    assert len(json.dumps(document(nodes=[node] * 244)).encode()) < MAX_BODY


def test_a_run_under_way_replaces_what_was_known_of_it() -> None:
    board = RunBoard()
    board.show("one", shown(), 0)
    board.show("one", shown(progress="1 of 1 done"), 1000)
    assert [(run, seen.progress) for run, seen, _ in board.under_way(1000)] == [("one", "1 of 1 done")]


def test_a_run_that_is_not_heard_of_says_since_when() -> None:
    board = RunBoard()
    board.show("one", shown(), 0)
    assert [silent for _, _, silent in board.under_way(STALE_MS)] == [None]
    assert [silent for _, _, silent in board.under_way(STALE_MS + 1)] == [0]


def test_a_run_that_has_ended_is_one_line_for_a_while() -> None:
    board = RunBoard()
    board.show("one", ended(), 0)
    assert (board.under_way(0), [run for run, _ in board.ended(SHOWN_MS)]) == ([], ["one"])
    assert board.ended(SHOWN_MS + 1) == []


def test_only_the_last_few_runs_are_kept_newest_first() -> None:
    board = RunBoard()
    for number in range(MOST_RUNS + 1):
        board.show(f"run-{number}", ended(), number)
    assert [run for run, _ in board.ended(10)] == [f"run-{number}" for number in range(MOST_RUNS, 0, -1)]


@pytest.mark.parametrize("run", ["", "x" * 65])
def test_an_id_that_is_none_is_refused(run: str) -> None:
    with pytest.raises(BadRequest):
        RunBoard().show(run, shown(), 0)
