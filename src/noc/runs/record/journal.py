"""A run's journal: append-only JSON lines, each synced before the act goes on, each carrying its predecessor's hash."""

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from noc.runs.errors import JournalBroken, RunNotFound, RunTakenOver
from noc.runs.record.chain import Chain, ChainBroken, ChainMoved, Link, links, sync_directory
from noc.runs.record.events import Event, State

_RUN_ID = re.compile(r"^\d{8}T\d{9}-[0-9a-f]{4}$")
_FILE = "journal.jsonl"


def new_run_id(now: datetime) -> str:
    """A name for a run: its start in UTC to the millisecond, then four random digits; names sort by time."""
    utc = now.astimezone(UTC)
    return f"{utc:%Y%m%dT%H%M%S}{utc.microsecond // 1000:03d}-{secrets.token_hex(2)}"


def run_ids(directory: Path) -> list[str]:
    """The runs that are kept in a directory, newest first."""
    if not directory.is_dir():
        return []
    return sorted((entry.name for entry in directory.iterdir() if _RUN_ID.match(entry.name)), reverse=True)


class Journal:
    """The journal of one run, open for appending. One writer: the runner."""

    def __init__(self, chain: Chain, run: str, events: list[Event]) -> None:
        """Use `create` or `reopen`."""
        self._chain, self.run, self.events = chain, run, events

    @classmethod
    def create(cls, directory: Path, run: str) -> Self:
        """Begin the journal of a new run below `directory`; its entry is synced as well."""
        home = directory / run
        home.mkdir(mode=0o750, parents=True)
        chain = Chain.create(home / _FILE)
        sync_directory(directory)
        return cls(chain, run, [])

    @classmethod
    def reopen(cls, directory: Path, run: str) -> Self:
        """Go on with a journal that was cut; a torn last line is cut off first.

        Raises:
            RunNotFound, JournalBroken: as `read` does.
            RunTakenOver: another runner writes to it.
        """
        events, last = _parse(directory, run)
        try:
            return cls(Chain.reopen(directory / run / _FILE, last), run, events)
        except ChainMoved:
            raise _taken_over(run) from None

    def append(
        self, step: str, state: State, *, node: str | None = None, detail: dict[str, Any] | None = None
    ) -> Event:
        """Write one record and return when it is on the disk; a detail that is too large is left out of the file.

        Raises:
            RunTakenOver: another runner has written to it since.
        """
        event = Event(
            seq=len(self.events) + 1,
            at=datetime.now(UTC),
            run=self.run,
            node=node,
            step=step,
            state=state,
            detail=detail or {},
        )
        try:
            self._chain.append(event.model_dump(mode="json"))
        except ChainMoved:
            raise _taken_over(self.run) from None
        self.events.append(event)
        return event

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        self._chain.close()


def _taken_over(run: str) -> RunTakenOver:
    fix = f"noc run show {run} tells what became of it"
    return RunTakenOver(f"run {run} is another runner's by now", why="it has written to the journal", fix=fix)


def read(directory: Path, run: str) -> list[Event]:
    """Every whole record of a run, in order, its chain checked; a torn last line is left out.

    Raises:
        RunNotFound: there is no such run.
        JournalBroken: a record is missing, changed or unreadable.
    """
    return _parse(directory, run)[0]


def opening(directory: Path, run: str) -> Event | None:
    """The first record of a run that is there; None where it has none, or one that cannot be read."""
    try:
        return next((_event(found.document, 1, run) for found in links(directory / run / _FILE)), None)
    except (ChainBroken, OSError):
        return None


def _parse(directory: Path, run: str) -> tuple[list[Event], Link | None]:
    """Records, and the last line that is whole."""
    path = directory / run / _FILE
    if not _RUN_ID.match(run) or not path.exists():
        raise RunNotFound(f"there is no run {run[:64]}", fix="noc run list shows them")
    events: list[Event] = []
    last = None
    try:
        for last in links(path):
            events.append(_event(last.document, len(events) + 1, run))
    except ChainBroken as error:
        raise JournalBroken(f"record {error.number} of run {run} {error.what}", why=error.why) from error
    return events, last


def _event(document: dict[str, Any], seq: int, run: str) -> Event:
    try:
        event = Event.model_validate(document)
    except ValidationError as error:
        raise ChainBroken(seq, "cannot be read", type(error).__name__) from error
    if event.seq != seq or event.run != run:
        raise ChainBroken(seq, "does not follow the one before it")
    return event
