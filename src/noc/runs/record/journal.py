"""A run's journal: append-only JSON lines, each synced before the act goes on, each carrying its predecessor's hash."""

import hashlib
import json
import os
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

from pydantic import ValidationError

from noc.runs.errors import JournalBroken, RunNotFound
from noc.runs.record.events import Event, State

MAX_RECORD = 1024 * 1024
GENESIS = "0" * 64
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


def encode(event: Event, prev: str) -> bytes:
    """One journal line without its newline, of at most MAX_RECORD bytes; a detail that is too large is left out.

    Args:
        event: the record.
        prev: hash of the line before, GENESIS for the first.
    """
    line = _dump({**event.model_dump(mode="json"), "prev": prev})
    if len(line) > MAX_RECORD:
        cut = event.model_copy(update={"detail": {"omitted_bytes": len(line)}})
        line = _dump({**cut.model_dump(mode="json"), "prev": prev})
    return line


def _dump(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Journal:
    """The journal of one run, open for appending. One writer: the runner."""

    def __init__(self, file: BinaryIO, run: str, events: list[Event], prev: str) -> None:
        """Use `create` or `reopen`."""
        self._file, self.run, self.events, self._prev = file, run, events, prev

    @classmethod
    def create(cls, directory: Path, run: str) -> Self:
        """Begin the journal of a new run below `directory`; its entry is synced as well."""
        home = directory / run
        home.mkdir(mode=0o750, parents=True)
        file = (home / _FILE).open("xb", buffering=0)
        for path in (home, directory):
            _sync_directory(path)
        return cls(file, run, [], GENESIS)

    @classmethod
    def reopen(cls, directory: Path, run: str) -> Self:
        """Go on with a journal that was cut; a torn last line is cut off first.

        Raises:
            RunNotFound, JournalBroken: as `read` does.
        """
        events, good, prev = _parse(directory, run)
        file = (directory / run / _FILE).open("r+b", buffering=0)
        file.truncate(good)
        file.seek(good)
        os.fsync(file.fileno())
        return cls(file, run, events, prev)

    def append(
        self, step: str, state: State, *, node: str | None = None, detail: dict[str, Any] | None = None
    ) -> Event:
        """Write one record and return when it is on the disk."""
        event = Event(
            seq=len(self.events) + 1,
            at=datetime.now(UTC),
            run=self.run,
            node=node,
            step=step,
            state=state,
            detail=detail or {},
        )
        line = encode(event, self._prev)
        self._write(line + b"\n")
        self._prev = hashlib.sha256(line).hexdigest()
        self.events.append(event)
        return event

    def _write(self, line: bytes) -> None:
        """Write a line whole, or leave the file as it was: what stood after half a line could not be read."""
        good = self._file.tell()
        try:
            while line:
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(good)
            self._file.seek(good)
            raise

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        self._file.close()


def read(directory: Path, run: str) -> list[Event]:
    """Every whole record of a run, in order, its chain checked; a torn last line is left out.

    Raises:
        RunNotFound: there is no such run.
        JournalBroken: a record is missing, changed or unreadable.
    """
    return _parse(directory, run)[0]


def _parse(directory: Path, run: str) -> tuple[list[Event], int, str]:
    """Records, length in bytes of what is whole, and the hash that the next record has to carry."""
    path = directory / run / _FILE
    if not _RUN_ID.match(run) or not path.exists():
        raise RunNotFound(f"there is no run {run[:64]}", fix="noc run list shows them")
    events: list[Event] = []
    good, prev = 0, GENESIS
    with path.open("rb") as file:
        while line := file.readline(MAX_RECORD + 1):
            if not line.endswith(b"\n"):
                if file.read(1):
                    raise JournalBroken(f"record {len(events) + 1} of run {run} is longer than any record may be")
                break
            events.append(_decode(line[:-1], prev, len(events) + 1, run))
            prev = hashlib.sha256(line[:-1]).hexdigest()
            good += len(line)
    return events, good, prev


def _decode(line: bytes, prev: str, seq: int, run: str) -> Event:
    try:
        document = json.loads(line)
        chained = document.pop("prev")
        event = Event.model_validate(document)
    except (ValueError, KeyError, AttributeError, ValidationError) as error:
        raise JournalBroken(f"record {seq} of run {run} cannot be read", why=type(error).__name__) from error
    if chained != prev or event.seq != seq or event.run != run:
        raise JournalBroken(f"record {seq} of run {run} does not follow the one before it")
    return event


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
