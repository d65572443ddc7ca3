"""How long things took, by the journals of earlier runs: what estimates rest on."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from noc.errors import NocError
from noc.runs.plan.estimate import STAGED_AT_ONCE, History
from noc.runs.record.events import RESUMED, Event, State
from noc.runs.record.journal import read, run_ids

RUNS = 20
LEAST_SENT = 1024 * 1024
"""Bytes from which on a transfer tells how fast the line is; below, it tells how far the node is."""


@dataclass
class _Durations:
    """What one run took; fields as in History."""

    survey: float | None = None
    activations: dict[str, float] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    uplink: float | None = None
    provisions: dict[str, float] = field(default_factory=dict)


def read_history(directory: Path) -> History:
    """What the newest runs of a directory took; a journal that cannot be read tells nothing."""
    return _history(_of_run(directory, run, _size(directory / run)) for run in run_ids(directory)[:RUNS])


def history(runs: Iterable[Sequence[Event]]) -> History:
    """What runs took.

    Args:
        runs: their records, the newest run first.
    """
    return _history(map(_durations, runs))


def _history(runs: Iterable[_Durations]) -> History:
    surveys: list[float] = []
    activations, rates, provisions = (defaultdict[str, list[float]](list) for _ in range(3))
    uplinks = []
    for run in runs:
        surveys += [run.survey] if run.survey is not None else []
        uplinks += [run.uplink] if run.uplink is not None else []
        for measured, found in ((activations, run.activations), (rates, run.rates), (provisions, run.provisions)):
            for node, value in found.items():
                measured[node].append(value)
    return History(
        surveys=tuple(surveys),
        activations={node: tuple(values) for node, values in activations.items()},
        rates={node: tuple(values) for node, values in rates.items()},
        uplink=max(uplinks, default=None),
        provisions={node: tuple(values) for node, values in provisions.items()},
    )


def _size(home: Path) -> int:
    """The size of a run's journal, which grows with every record: what was read of that size need not be read again."""
    return sum(path.stat().st_size for path in home.glob("journal.jsonl"))


@lru_cache(maxsize=4 * RUNS)
def _of_run(directory: Path, run: str, _journal_bytes: int) -> _Durations:
    try:
        return _durations(read(directory, run))
    except (NocError, OSError):
        return _Durations()


def _durations(events: Sequence[Event]) -> _Durations:
    found, fold = _Durations(), _Fold()
    for event in events:
        fold.take(event, found)
    found.survey = fold.span("preflight")
    sent, seconds = fold.sent, fold.span("stage")
    if len(sent) >= STAGED_AT_ONCE and seconds:
        found.uplink = sum(sent.values()) / seconds
    return found


class _Fold:
    """Goes through a run's records, and remembers when each step of each node began."""

    def __init__(self) -> None:
        self.sent: dict[str, int] = {}
        self._begun: dict[tuple[str, str], datetime] = {}
        self._first: dict[str, datetime] = {}
        self._soaked: dict[str, timedelta] = {}
        self._spans: dict[str, tuple[datetime, datetime]] = {}

    def take(self, event: Event, found: _Durations) -> None:
        """One more record; a step that was cut, and gone on with in another hour, is not measured."""
        if event.step == RESUMED:
            for known in (self._begun, self._first, self._soaked, self._spans, self.sent):
                known.clear()
        if event.node is None:
            return
        first = self._first.setdefault(event.node, event.at)
        begin, end = self._spans.get(event.step, (event.at, event.at))
        self._spans[event.step] = (begin, max(end, event.at))
        if event.state is State.STARTED:
            self._begun[event.node, event.step] = event.at
        elif event.state is State.OK:
            self._ended(event, event.node, first, found)

    def span(self, step: str) -> float | None:
        """Seconds from the first record of a step to the last, of all nodes together; None where there was none."""
        times = self._spans.get(step)
        return (times[1] - times[0]).total_seconds() if times else None

    def _ended(self, event: Event, node: str, first: datetime, found: _Durations) -> None:
        if event.step == "stage":
            self._staged(event, node, found)
        elif event.step == "soak" and (begun := self._begun.get((node, "soak"))):
            self._soaked[node] = event.at - begun
        elif event.step == "confirm" and (begun := self._begun.get((node, "activate"))):
            found.activations[node] = (event.at - begun - self._soaked.pop(node, timedelta())).total_seconds()
        elif event.step == "live" and event.detail.get("changed"):
            found.provisions[node] = (event.at - first).total_seconds()

    def _staged(self, event: Event, node: str, found: _Durations) -> None:
        begun, sent = self._begun.get((node, "stage")), int(event.detail.get("bytes", 0))
        if begun and sent >= LEAST_SENT and (seconds := (event.at - begun).total_seconds()) > 0:
            self.sent[node], found.rates[node] = sent, sent / seconds
