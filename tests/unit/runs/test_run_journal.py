import errno
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.runs.admission.fence import next_fence
from noc.runs.errors import JournalBroken, RunNotFound
from noc.runs.record.chain import MAX_RECORD
from noc.runs.record.events import State
from noc.runs.record.journal import Journal, new_run_id, read, run_ids
from noc.runs.record.tame import MAX_ITEMS, MAX_TEXT, tame
from noc.runs.runner.history import close_cut_runs, summaries

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


def test_a_full_disk_leaves_no_half_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path)
    journal = Journal.reopen(tmp_path, RUN)
    with monkeypatch.context() as full:
        full.setattr(journal._chain, "_file", ShortOf(journal._chain._file, 20))
        with pytest.raises(OSError, match="No space left"):
            journal.append("confirm", State.OK, node="virginia")
    journal.append("confirm", State.FAILED, node="virginia")
    journal.close()
    assert [event.state for event in read(tmp_path, RUN)] == [State.OK] * 3 + [State.FAILED]


class ShortOf:
    """A file on a disk with room for a few bytes more."""

    def __init__(self, file: Any, room: int) -> None:
        self._file, self._room = file, room

    def write(self, data: bytes) -> int:
        if not self._room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = int(self._file.write(data[: self._room]))
        self._room -= written
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def test_a_run_that_was_cut_before_its_first_record_hides_no_other(tmp_path: Path) -> None:
    Journal.create(tmp_path, RUN).close()
    assert close_cut_runs(tmp_path) == [RUN]
    assert summaries(tmp_path, 10) == [{"run": RUN, "outcome": "interrupted", "verdicts": []}]


HOSTILE = st.recursive(
    st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(value=HOSTILE)
def test_what_a_node_says_is_one_line_without_control_characters(value: Any) -> None:
    def texts(inner: Any) -> list[str]:
        if isinstance(inner, str):
            return [inner]
        if isinstance(inner, dict):
            return [text for pair in inner.items() for part in pair for text in texts(part)]
        return [text for part in inner for text in texts(part)] if isinstance(inner, list) else []

    assert all(text.isprintable() and len(text) <= MAX_TEXT for text in texts(tame(value)))


def test_what_a_node_says_is_bounded() -> None:
    assert len(tame(["x" * 10_000] * 10_000)) == MAX_ITEMS
    assert len(tame("x" * 10_000)) == MAX_TEXT
