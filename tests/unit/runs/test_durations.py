"""What earlier runs took, read from records as a rollout writes them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from noc.runs.record.durations import RUNS, history, read_history
from noc.runs.record.events import Event, State
from noc.runs.record.journal import Journal
from runs_kit import NOW

MIB = 2**20


class Told:
    """Records of one run, each at its second."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, second: float, node: str | None, step: str, state: State, **detail: Any) -> "Told":
        at = NOW + timedelta(seconds=second)
        number = len(self.events) + 1
        self.events.append(Event(seq=number, at=at, run="r", node=node, step=step, state=state, detail=detail))
        return self

    def step(self, begin: float, end: float, node: str, step: str, **detail: Any) -> "Told":
        return self(begin, node, step, State.STARTED)(end, node, step, State.OK, **detail)


def test_an_activation_is_measured_from_its_begin_until_it_is_confirmed_less_its_soak() -> None:
    told = Told()
    told.step(10, 12, "a", "activate").step(12, 13, "a", "prove").step(13, 23, "a", "soak").step(
        23, 23.5, "a", "confirm"
    )
    assert history([told.events]).activations == {"a": (3.5,)}


def test_a_transfer_tells_how_fast_the_line_is_only_when_it_is_long() -> None:
    told = Told().step(0, 2, "a", "stage", bytes=20 * MIB).step(0, 1, "b", "stage", bytes=700)
    assert history([told.events]).rates == {"a": (10.0 * MIB,)}


def test_the_uplink_is_what_went_to_several_nodes_together() -> None:
    told, alone = Told(), Told().step(0, 1, "a", "stage", bytes=20 * MIB)
    for name in "abcd":
        told.step(0, 4, name, "stage", bytes=20 * MIB)
    assert history([alone.events]).uplink is None
    assert history([told.events]).uplink == 20.0 * MIB


def test_the_survey_ends_with_the_last_answer() -> None:
    told = Told().step(0, 1, "a", "preflight").step(0.2, 1.5, "b", "preflight")
    assert history([told.events]).surveys == (1.5,)


def test_a_node_that_became_live_tells_how_long_that_takes() -> None:
    told = (
        Told().step(0, 5, "a", "contact").step(5, 90, "a", "live", changed=["live"]).step(1, 2, "b", "live", changed=[])
    )
    assert history([told.events]).provisions == {"a": (90.0,)}


def test_what_was_cut_and_gone_on_with_is_not_measured_across_the_gap() -> None:
    told = Told()(10, "a", "activate", State.STARTED)(5000, None, "resumed", State.STARTED)
    told.step(5001, 5002, "a", "confirm")
    assert history([told.events]).activations == {}


def test_the_newest_run_comes_first() -> None:
    runs = [Told().step(0, seconds, "a", "activate").step(seconds, seconds, "a", "confirm") for seconds in (1, 2)]
    assert history([run.events for run in runs]).activations == {"a": (1.0, 2.0)}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """More runs than are read, the newest of which cannot be."""
    for number in range(RUNS + 2):
        journal = Journal.create(tmp_path, f"20260301T1200{number:02}000-00aa")
        journal.append("activate", State.STARTED, node="a")
        journal.append("confirm", State.OK, node="a")
        journal.close()
    (tmp_path / f"20260301T1200{RUNS + 1:02}000-00aa" / "journal.jsonl").write_text("not a record\n")
    return tmp_path


def test_only_the_newest_runs_are_read_and_a_broken_journal_tells_nothing(runs: Path) -> None:
    assert len(read_history(runs).activations["a"]) == RUNS - 1


def test_a_journal_that_has_grown_is_read_again(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path, "20260301T120000000-00aa")
    journal.append("activate", State.STARTED, node="a")
    assert read_history(tmp_path).activations == {}
    journal.append("confirm", State.OK, node="a")
    journal.close()
    assert set(read_history(tmp_path).activations) == {"a"}


def test_without_any_run_there_is_no_history(tmp_path: Path) -> None:
    assert read_history(tmp_path / "missing").activations == {}
