"""A file of JSON lines that only grows: each is on the disk before its writer goes on, and carries the hash of the one
before it. Journals and the audit are such files.

Two processes may come to have one open, the one that slept and the one that took its place: neither ever takes away
what the other has written.
"""

import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

MAX_RECORD = 16 * 1024 * 1024
"""The first record of a run has its plan: some 500 bytes a node, and each package that changes there."""
GENESIS = "0" * 64
_ALONE_WITHIN_S = 5.0
_POLL_S = 0.005


@dataclass(frozen=True)
class Link:
    """One line of a chain, as it was found.

    Attributes:
        document: what was written, without the hash that chains it.
        hash: sha256 of the line without its newline, in hex.
        end: bytes of the file up to and with this line.
    """

    document: dict[str, Any]
    hash: str
    end: int


class ChainBroken(Exception):
    """A line is unreadable, or does not follow the one before it. Journal and audit turn this into errors of theirs."""

    def __init__(self, number: int, what: str, why: str = "") -> None:
        """Name the line.

        Args:
            number: of the line, from 1.
            what: what is wrong with it, to be read after its name.
            why: the cause where the line could not be read, "" otherwise.
        """
        super().__init__(what)
        self.number, self.what, self.why = number, what, why


class ChainMoved(Exception):
    """Another process has written to the file meanwhile. Nothing was written; what it wrote stands."""


def links(path: Path, *, limit: int = MAX_RECORD) -> Iterator[Link]:
    """The whole lines of a chain, in order; a last line that was cut while it was written is left out.

    Args:
        path: the file.
        limit: bytes that a line may have.

    Raises:
        ChainBroken: a line is missing, changed, unreadable or too long.
    """
    prev, number, end = GENESIS, 0, 0
    with path.open("rb") as file:
        while line := file.readline(limit + 1):
            number += 1
            if not line.endswith(b"\n"):
                if file.read(1):
                    raise ChainBroken(number, "is longer than any record may be")
                return
            end += len(line)
            document = _follow(line[:-1], prev, number)
            prev = hashlib.sha256(line[:-1]).hexdigest()
            yield Link(document, prev, end)


def _follow(line: bytes, prev: str, number: int) -> dict[str, Any]:
    try:
        document = json.loads(line)
        chained = document.pop("prev")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise ChainBroken(number, "cannot be read", type(error).__name__) from error
    if chained != prev:
        raise ChainBroken(number, "does not follow the one before it")
    return dict(document)


def link(document: Mapping[str, Any], prev: str, *, limit: int = MAX_RECORD) -> bytes:
    """One line without its newline, of at most `limit` bytes; a `detail` that is too large is left out.

    Args:
        document: what to write, JSON; it has a key `detail`.
        prev: hash of the line before, GENESIS for the first.
        limit: bytes that a line may have.

    Raises:
        ValueError: it is too large without its detail.
    """
    line = _dump({**document, "prev": prev})
    if len(line) > limit:
        line = _dump({**document, "detail": {"omitted_bytes": len(line)}, "prev": prev})
    if len(line) > limit:
        raise ValueError(f"a record of {len(line)} bytes without its detail")
    return line


def _dump(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Chain:
    """A chain, open for appending. Of several writers each finds out that another one was there."""

    def __init__(self, file: BinaryIO, end: int, prev: str, limit: int) -> None:
        """Use `create` or `reopen`."""
        self._file, self._end, self.prev, self._limit = file, end, prev, limit
        self._torn = False

    @classmethod
    def create(cls, path: Path, *, limit: int = MAX_RECORD) -> Self:
        """Begin a new file; its entry in its directory is synced as well.

        Raises:
            FileExistsError: it is there.
        """
        file = path.open("xb", buffering=0)
        sync_directory(path.parent)
        return cls(file, 0, GENESIS, limit)

    @classmethod
    def reopen(cls, path: Path, last: Link | None, *, limit: int = MAX_RECORD) -> Self:
        """Go on behind the last whole line; what was cut is removed first.

        Args:
            path: the file.
            last: the last of its `links`, None where it has none.
            limit: bytes that a line may have.

        Raises:
            ChainMoved: there are more whole lines by now.
            OSError: it cannot be written.
        """
        file = path.open("r+b", buffering=0)
        chain = cls(file, last.end if last else 0, last.hash if last else GENESIS, limit)
        try:
            with chain._alone():
                chain._cut_tail()
        except BaseException:
            file.close()
            raise
        return chain

    def append(self, document: Mapping[str, Any]) -> str:
        """Write one line, and return its hash when it is on the disk.

        Raises:
            ChainMoved: another process has written to the file since.
            OSError: it is not; the file ends with the line before, now or before the next one is written.
        """
        line = link(document, self.prev, limit=self._limit)
        with self._alone():
            self._write(line + b"\n")
        self._end += len(line) + 1
        self.prev = hashlib.sha256(line).hexdigest()
        return self.prev

    def _write(self, line: bytes) -> None:
        """Write a line whole, or leave the file as it was: what stood after half a line could not be read."""
        if self._file.seek(0, os.SEEK_END) != self._end:
            if not self._torn:
                raise ChainMoved
            self._cut()
        self._torn = True
        try:
            while line:
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())
        except OSError:
            self._cut()
            raise
        self._torn = False

    def _cut_tail(self) -> None:
        self._file.seek(self._end)
        if b"\n" in self._file.read(self._limit + 1):
            raise ChainMoved
        self._cut()
        os.fsync(self._file.fileno())

    def _cut(self) -> None:
        self._file.truncate(self._end)
        self._file.seek(self._end)
        self._torn = False

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other writers out while a line is written (flock(2)). Raises TimeoutError where one does not end."""
        deadline = time.monotonic() + _ALONE_WITHIN_S
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(errno.ETIMEDOUT, "another process stopped while it was writing") from None
                time.sleep(_POLL_S)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        self._file.close()


def sync_directory(path: Path) -> None:
    """Bring a directory's entries to the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
