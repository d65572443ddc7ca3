"""What a rollout learns of its nodes, entered into the inventory as it comes, and into one commit at the end."""

from collections.abc import Sequence
from typing import Protocol

from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.rollout.catchup import owed_after
from noc.runs.rollout.phases import GOOD, Phase
from noc.runs.rollout.target import Target
from noc.runs.site.book import Book


class Concerned(Protocol):
    """A node, as far as the inventory needs it: what it ran before, and what it was to have."""

    before: str | None
    target: Target | None

    @property
    def release(self) -> str | None:
        """The release that it was to have, known from an earlier part of the run where it was not asked in this one."""


class Ledger:
    """The entries of one run."""

    def __init__(self, run: Run, book: Book) -> None:
        """Begin with none."""
        self._run, self._book = run, book
        self._learnt: set[str] = set()

    def enter(self, name: str, phase: Phase, node: Concerned) -> None:
        """Write down at once which release a node runs, where that was seen just now."""
        seen = None
        if phase is Phase.TURNED_BACK:
            seen = node.before
        elif phase in GOOD and node.target is not None:
            seen = node.target.release
        if seen is not None and self._book.learn(name, release=seen):
            self._learnt.add(name)

    def close(self, verdicts: Sequence[Verdict]) -> None:
        """Write down what nodes are owed, and commit all entries."""
        went_well = all(row.good or row.verdict == Phase.SKIPPED for row in verdicts)
        for row in verdicts:
            known = self._book.record(row.node).owed
            if self._book.learn(row.node, owed=owed_after(self._run.plan, row, known, went_well=went_well)):
                self._learnt.add(row.node)
        if learnt := [row.node for row in verdicts if row.node in self._learnt]:
            self._book.commit(self._run, f"{self._run.plan.label()}: {', '.join(learnt)}")
