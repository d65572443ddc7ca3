"""What a rollout learns of its nodes, entered into the inventory as it comes, and into one commit at the end."""

from collections.abc import Sequence
from typing import Protocol

from noc.fleet.model import Fleet
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

    def __init__(self, run: Run, book: Book, fleet: Fleet) -> None:
        """Begin with none."""
        self._run, self._book, self._fleet = run, book, fleet
        self._learnt: set[str] = set()

    def enter(self, name: str, phase: Phase, node: Concerned) -> None:
        """Write down at once what was seen of a node just now: its release, and with its configuration HQ's address."""
        seen: dict[str, object] = {}
        if phase is Phase.TURNED_BACK:
            seen["release"] = node.before
        elif phase in GOOD and node.target is not None:
            seen["release"] = node.target.release
            if self._run.plan.configuration:
                seen["hub"] = self._fleet.hub.address
        if (learnt := {key: value for key, value in seen.items() if value}) and self._book.learn(name, **learnt):
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
