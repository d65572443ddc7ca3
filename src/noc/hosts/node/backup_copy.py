"""A copy of the database for a backup: taken while the service writes, packed, and proven by putting it together again.

On the disk lie at most a copy and its packed form, or that and what was put together from it. None of it has a name
once it is proven, so that it is gone with the process that holds it; what a power cut leaves is removed by the next.
"""

import hashlib
import os
import shutil
import sqlite3
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple

from .backup_cutting import cut
from .database import copy_while_used, database_size, opened, schema_in
from .layout import Layout
from .loss import rows_by_table
from .state import Refused, locked

MOST_CHUNKS = 12_000
FAST, STORED = 1, 0
"""Levels of zlib: what gets smaller gets little smaller by more work, and most of a vault is sealed by its users."""
_SAMPLES, _SAMPLE = 4, 2048
_WORTH = 0.95
_CHUNK, _WHOLE = b"noc chunk", b"noc whole"


class Piece(NamedTuple):
    """Where a chunk lies in the pack, in bytes, and its clear size."""

    offset: int
    packed: int
    size: int


class Proof(NamedTuple):
    """What was found in a database that was put together from its chunks: `user_version`, tables, rows of all."""

    schema: int
    tables: int
    rows: int


class Copy:
    """A copy that is proven and waits to be fetched. It holds the node's only place for one until it is closed."""

    def __init__(self, layout: Layout, key: bytes) -> None:
        """Take it. Raises Refused; whatever happens, nothing of it stays on the disk then.

        Args:
            layout: the node.
            key: 32 bytes that name chunks.
        """
        self._key = key
        self.pieces: dict[str, Piece] = {}
        self.order: list[str] = []
        with ExitStack() as stack:
            stack.enter_context(locked(layout, "backup.lock"))
            directory = _emptied(layout.state("backup"))
            stack.callback(shutil.rmtree, directory, ignore_errors=True)
            self._take(layout, directory, stack)
            shutil.rmtree(directory, ignore_errors=True)
            self._held = stack.pop_all()

    def _take(self, layout: Layout, directory: Path, stack: ExitStack) -> None:
        """Copy, pack, put together, prove. The copy goes before the trial comes: two of them need not fit."""
        _check_room(layout, directory)
        copy, trial = directory / "copy.db", directory / "trial.db"
        self.page_size = _copy(layout.database, copy)
        self.bytes = copy.stat().st_size
        self._pack = stack.enter_context(_new(directory / "pack"))
        with copy.open("rb") as source:
            self.whole = self._fill(source)
        copy.unlink()
        self._put_together(trial)
        self.proof = _prove(trial)

    def close(self) -> None:
        """Let go of it; closing twice is harmless."""
        self._held.close()

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Part of a chunk as zlib, from an offset in it. Raises KeyError for a chunk that it does not have."""
        piece, offset = self.pieces[name], max(offset, 0)
        return os.pread(self._pack.fileno(), max(min(length, piece.packed - offset), 0), piece.offset + offset)

    def _fill(self, source: BinaryIO) -> str:
        """Write every chunk into the pack, each once; the keyed hash of the whole."""
        whole, at = _hash(self._key, _WHOLE), 0
        for content in cut(source, self.page_size, self.bytes, self._key):
            name = _hash(self._key, _CHUNK, content).hexdigest()
            whole.update(content)
            self.order.append(name)
            if name not in self.pieces:
                packed = pack(content)
                self._pack.write(packed)
                self.pieces[name] = Piece(at, len(packed), len(content))
                at += len(packed)
        self._pack.flush()
        if len(self.order) > MOST_CHUNKS:
            raise Refused("large", f"the database has {len(self.order)} chunks, {MOST_CHUNKS} are the most")
        return whole.hexdigest()

    def _put_together(self, trial: Path) -> None:
        """The database again, from the very bytes that HQ gets. Raises Refused("trial")."""
        whole = _hash(self._key, _WHOLE)
        with _new(trial) as target:
            for name in self.order:
                content = zlib.decompress(self.read(name, 0, self.pieces[name].packed))
                whole.update(content)
                target.write(content)
        if whole.hexdigest() != self.whole:
            raise Refused("trial", "what was put together from the chunks is not what was copied")


def pack(content: bytes) -> bytes:
    """A chunk as zlib (RFC 1950), compressed where a sample of it says that this is worth the work."""
    step = max(len(content) // _SAMPLES, 1)
    sample = b"".join(content[start : start + _SAMPLE] for start in range(0, len(content), step))
    is_worth = len(zlib.compress(sample, FAST)) < _WORTH * len(sample)
    return zlib.compress(content, FAST if is_worth else STORED)


def _emptied(directory: Path) -> Path:
    """A directory for this copy alone; what an earlier one left, which a power cut ended, is gone."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700, parents=True)
    return directory


def _check_room(layout: Layout, directory: Path) -> None:
    needed = 2 * database_size(layout) + layout.reserve
    if (free := shutil.disk_usage(directory).free) < needed:
        raise Refused("disk", f"{needed} bytes are needed for a backup's copy, {free} are free")


def _copy(source: Path, target: Path) -> int:
    """Copy the database; its page size. Raises Refused("no-database", "damaged")."""
    if not source.exists():
        raise Refused("no-database", "the service has no database yet")
    try:
        copy_while_used(source, target)
        with opened(target, "immutable=1") as copy:
            return int(copy.execute("PRAGMA page_size").fetchone()[0])
    except sqlite3.Error as error:
        raise Refused("damaged", f"the database could not be copied: {error}") from None


def _prove(trial: Path) -> Proof:
    """Open what was put together, check all of it, and count it. Raises Refused("damaged")."""
    try:
        with opened(trial, "immutable=1") as database:
            said = [str(line) for (line,) in database.execute("PRAGMA integrity_check(3)")]
            if said != ["ok"]:
                raise Refused("damaged", f"the database is damaged: {'; '.join(said)}"[:500])
            rows = rows_by_table(database)
            return Proof(schema_in(database), len(rows), sum(rows.values()))
    except sqlite3.Error as error:
        raise Refused("damaged", f"the database cannot be read: {error}") from None


def _new(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")


def _hash(key: bytes, person: bytes, content: bytes = b"") -> "hashlib.blake2b":
    return hashlib.blake2b(content, digest_size=32, key=key, person=person)
