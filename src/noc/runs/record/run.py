"""One run while it runs: its journal, those who follow it, and the wish to stop it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from noc.runs.plan.plan import Plan
from noc.runs.record.events import RESUMED, RUN, Event, State, Verdict
from noc.runs.record.journal import Journal
from noc.runs.record.tame import tame


class Run:
    """A run in progress.

    Attributes:
        plan: what it does.
        by: who asked for it.
        fence: its number; nodes refuse activations of a lower one.
        check: called before every act that changes a node; raises where the run may not act any more.
        stopping: set when the run is to end: a node in hand is brought to its end, and no other is begun.
    """

    def __init__(
        self,
        plan: Plan,
        by: str,
        fence: int,
        journal: Journal,
        *,
        check: Callable[[], None] = lambda: None,
        **more: Any,  # noqa: ANN401 - facts as in `record`
    ) -> None:
        """Take over a journal: a new one gets its first record, one that is reopened says that the run goes on.

        Args:
            plan: what to do.
            by: who asked for it.
            fence: the number of its lease.
            journal: open for appending.
            check: see the attribute.
            more: facts for that record.
        """
        self.plan, self.by, self.fence, self.check, self._journal = plan, by, fence, check, journal
        self.stopping = asyncio.Event()
        self._changed, self._closed = asyncio.Event(), False
        if journal.events:
            self.record(RESUMED, State.STARTED, by=by, fence=fence, **more)
        else:
            self.record(RUN, State.STARTED, plan=plan.model_dump(mode="json"), by=by, fence=fence, **more)

    @property
    def id(self) -> str:
        """Its name."""
        return self._journal.run

    @property
    def events(self) -> list[Event]:
        """Everything that happened so far."""
        return self._journal.events

    def record(self, step: str, state: State, node: str | None = None, **detail: Any) -> Event:  # noqa: ANN401
        """Write one record to the disk, then show it to those who follow.

        Args:
            step: the step's name.
            state: what is said of it.
            node: the node, None for the run as a whole.
            detail: facts to go with it; never a secret.
        """
        event = self._journal.append(step, state, node=node, detail=tame(detail))
        self._wake()
        return event

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def end(self, verdicts: list[Verdict], *, exit_code: int, error: dict[str, str] | None = None) -> None:
        """Write the last record.

        Args:
            verdicts: the table.
            exit_code: what the command that asked for the run returns.
            error: what ended the run, where one thing did (`NocError.as_dict`).
        """
        state = State.OK if exit_code == 0 else State.FAILED
        rows = [verdict.model_dump() for verdict in verdicts]
        self.record(RUN, state, verdicts=rows, exit=exit_code, error=error)

    def close(self) -> None:
        """Close the journal, whether or not its last record could be written; those who follow have seen all."""
        self._closed = True
        self._journal.close()
        self._wake()

    async def follow(self, after: int = 0) -> AsyncIterator[Event]:
        """Records from the one after number `after`, past and future, until the last, or the run's end without one."""
        while True:
            changed = self._changed
            for event in self.events[max(after, 0) :]:
                after = event.seq
                yield event
                if event.is_last and event is self.events[-1]:
                    return
            if self._closed:
                return
            await changed.wait()
