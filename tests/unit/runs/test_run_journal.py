import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.runs.errors import JournalBroken, RunNotFound
from noc.runs.events import State
from noc.runs.fence import next_fence
from noc.runs.journal import MAX_RECORD, Journal, new_run_id, read, run_ids

RUN = "20260301T120000000-00ff"


def written(directory: Path, count: int = 3) -> Path:
    journal = Journal.create(directory, RUN)
    for number in range(count):
        journal.append("stage", State.OK, node="virginia", detail={"bytes": number})
    journal.close()
    return directory / RUN / "journal.jsonl"


def test_what_was_appended_is_read_back_in_order(tmp_path: Path) -> None:
    written(tmp_path)
    assert [(event.seq, event.detail["bytes"]) for event in read(tmp_path, RUN)] == [(1, 0), (2, 1), (3, 2)]


@given(cut=st.integers(min_value=1, max_value=60))
def test_a_torn_last_line_is_left_out(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = written(directory := tmp_path_factory.mktemp("runs"))
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(read(directory, RUN)) == 2


def test_a_journal_that_was_cut_goes_on_after_its_last_whole_record(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:-10])
    journal = Journal.reopen(tmp_path, RUN)
    journal.append("confirm", State.OK, node="virginia")
    journal.close()
    assert [event.step for event in read(tmp_path, RUN)] == ["stage", "stage", "confirm"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: [lines[0], lines[2]],
        lambda lines: [lines[0], lines[1].replace(b'"bytes":1', b'"bytes":7'), lines[2]],
        lambda lines: [lines[0], b"{}", lines[2]],
        lambda lines: [lines[0], b"not json", lines[2]],
        lambda lines: [lines[0], b"x" * (MAX_RECORD + 2), lines[2]],
    ],
    ids=["a record is missing", "a record was changed", "a record is empty", "no JSON", "too long"],
)
def test_a_journal_that_was_touched_is_refused(tmp_path: Path, damage: object) -> None:
    path = written(tmp_path)
    assert callable(damage)
    path.write_bytes(b"\n".join(damage(path.read_bytes().splitlines())) + b"\n")
    with pytest.raises(JournalBroken):
        read(tmp_path, RUN)


def test_a_record_that_is_too_large_keeps_its_place_and_loses_its_detail(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path, RUN)
    journal.append("stage", State.OK, detail={"log": "x" * MAX_RECORD})
    journal.close()
    assert list(read(tmp_path, RUN)[0].detail) == ["omitted_bytes"]


def test_the_chain_starts_at_zero_and_names_each_line_by_its_hash(tmp_path: Path) -> None:
    path = written(tmp_path)
    prevs = [json.loads(line)["prev"] for line in path.read_bytes().splitlines()]
    assert prevs[0] == "0" * 64
    assert len(set(prevs)) == 3


@pytest.mark.parametrize("name", ["../../etc", "20260301T120000000-00fe", ""])
def test_a_run_that_is_not_there_is_not_found(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunNotFound):
        read(tmp_path, name)


def test_run_ids_sort_by_their_start(tmp_path: Path) -> None:
    early = new_run_id(datetime(2026, 3, 1, 12, 0, 0, 1000, tzinfo=UTC))
    late = new_run_id(datetime(2026, 3, 1, 12, 0, 0, 2000, tzinfo=UTC))
    for run in (late, early):
        Journal.create(tmp_path, run).close()
    assert run_ids(tmp_path) == [late, early]


def test_the_fence_only_grows(tmp_path: Path) -> None:
    assert [next_fence(tmp_path / "fence") for _ in range(3)] == [1, 2, 3]
