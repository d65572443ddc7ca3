"""Two runners over one state, one that slept and one that took its place: neither takes the other's records away."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from noc.runs.errors import RunTakenOver
from noc.runs.record.audit import CUT, Audit
from noc.runs.record.chain import Chain, ChainMoved, links
from noc.runs.record.events import State
from noc.runs.record.journal import Journal, read
from noc.runs.runner.history import close_cut_runs

RUN, OTHER = "20260301T110000000-00aa", "20260301T110000000-00bb"


@pytest.fixture
def slept(tmp_path: Path) -> Iterator[Journal]:
    """The journal of a run, as the runner that began it has it open."""
    with closing(Journal.create(tmp_path, RUN)) as journal:
        journal.append("run", State.STARTED)
        yield journal


@pytest.fixture
def audits(tmp_path: Path) -> Iterator[tuple[Audit, Audit]]:
    with closing(Audit(tmp_path / "audit.jsonl")) as one, closing(Audit(tmp_path / "audit.jsonl")) as two:
        yield one, two


def test_a_runner_whose_run_was_gone_on_with_writes_to_its_journal_no_more(tmp_path: Path, slept: Journal) -> None:
    with closing(Journal.reopen(tmp_path, RUN)) as awake:
        awake.append("resumed", State.STARTED)
        with pytest.raises(RunTakenOver):
            slept.append("confirm", State.OK, node="virginia")
        awake.append("run", State.OK)
    assert [event.step for event in read(tmp_path, RUN)] == ["run", "resumed", "run"]


def test_lines_that_came_after_a_file_was_read_are_not_cut_off(tmp_path: Path, slept: Journal) -> None:
    path = tmp_path / RUN / "journal.jsonl"
    *_, last = links(path)
    slept.append("wave", State.PROGRESS)
    with pytest.raises(ChainMoved):
        Chain.reopen(path, last)
    assert len(list(links(path))) == 2


def test_a_journal_that_another_runner_has_in_hand_is_not_ended(tmp_path: Path, slept: Journal) -> None:
    assert close_cut_runs(tmp_path, RUN) == []
    slept.append("run", State.OK)
    assert len(read(tmp_path, RUN)) == 2


def test_a_journal_that_nobody_has_in_hand_is_ended(tmp_path: Path, slept: Journal) -> None:
    slept.close()
    assert close_cut_runs(tmp_path, OTHER) == [RUN]


def test_the_audits_of_two_runners_are_one_chain(audits: tuple[Audit, Audit], tmp_path: Path) -> None:
    one, two = audits
    one.open()
    two.open()
    for number in range(3):
        with one.acting(f"act {number}", "johan"), two.acting(f"other {number}", "james"):
            """Both have an intent open."""
    with closing(Audit(tmp_path / "audit.jsonl")) as third:
        assert [entry.seq for entry in third.entries()] == list(range(1, 13))


def test_an_intent_of_a_run_that_another_runner_has_in_hand_is_not_called_cut(audits: tuple[Audit, Audit]) -> None:
    one, two = audits
    intent = one.intend("deploy", "johan", run=RUN)
    one.intend("halt", "johan")
    assert [entry.what for entry in two.open(RUN)] == ["halt"]
    one.outcome(intent, "ok")
    assert [entry.result for entry in one.entries()][-2:] == [CUT, "ok"]
