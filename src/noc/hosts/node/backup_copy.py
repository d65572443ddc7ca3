"""A copy of the database for a backup: taken while the service writes, packed, and proven by putting it together again.

On the disk lie at most a copy and its packed form, or that and what was put together from it. None of it has a name
once it is proven, so that it is gone with the process that holds it; what a power cut leaves is removed by the next.
"""

import hashlib
import os
import shutil
import sqlite3
import zlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple

from .backup_cutting import cut
from .database import opened
from .layout import Layout
from .state import Refused, locked

MOST_CHUNKS = 12_000
LEVEL = 1
"""Of zlib. Most of a vault is sealed by its users already, and what is not gets little smaller by more work."""
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
        piece = self.pieces[name]
        return os.pread(self._pack.fileno(), max(min(length, piece.packed - offset), 0), piece.offset + offset)

    def _fill(self, source: BinaryIO) -> str:
        """Write every chunk into the pack, each once; the keyed hash of the whole."""
        whole, at = _hash(self._key, _WHOLE), 0
        for content in cut(source, self.page_size, self._key):
            name = _hash(self._key, _CHUNK, content).hexdigest()
            whole.update(content)
            self.order.append(name)
            if name not in self.pieces:
                packed = zlib.compress(content, LEVEL)
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


def _emptied(directory: Path) -> Path:
    """A directory for this copy alone; what an earlier one left, which a power cut ended, is gone."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700, parents=True)
    return directory


def _check_room(layout: Layout, directory: Path) -> None:
    size = sum(path.stat().st_size for path in layout.database.parent.glob(layout.database.name + "*"))
    needed, free = 2 * size + layout.reserve, shutil.disk_usage(directory).free
    if free < needed:
        raise Refused("disk", f"{needed} bytes are needed for a backup's copy, {free} are free")


def _copy(source: Path, target: Path) -> int:
    """Copy in one step, so that writes meanwhile do not make it begin anew, and WAL keeps them going; the page size."""
    if not source.exists():
        raise Refused("no-database", "the service has no database yet")
    target.touch(mode=0o600)
    try:
        with opened(source) as old, opened(target) as new:
            # Nobody goes back to it after a power cut.
            new.execute("PRAGMA journal_mode=OFF")
            new.execute("PRAGMA synchronous=OFF")
            old.backup(new)
            return int(new.execute("PRAGMA page_size").fetchone()[0])
    except sqlite3.Error as error:
        raise Refused("damaged", f"the database could not be copied: {error}") from None


def _prove(trial: Path) -> Proof:
    """Open what was put together, check all of it, and count it. Raises Refused("damaged")."""
    try:
        with opened(trial, "immutable=1") as database:
            said = [str(line) for (line,) in database.execute("PRAGMA integrity_check(3)")]
            if said != ["ok"]:
                raise Refused("damaged", f"the database is damaged: {'; '.join(said)}"[:500])
            schema = int(database.execute("PRAGMA user_version").fetchone()[0])
            tables = _tables(database)
            rows = sum(_rows(database, table) for table in tables)
    except sqlite3.Error as error:
        raise Refused("damaged", f"the database cannot be read: {error}") from None
    return Proof(schema, len(tables), rows)


def _tables(database: sqlite3.Connection) -> Sequence[str]:
    found = database.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite@_%' ESCAPE '@'"
    )
    return [str(name) for (name,) in found]


def _rows(database: sqlite3.Connection, table: str) -> int:
    name = '"' + table.replace('"', '""') + '"'
    return int(database.execute(f"SELECT count(*) FROM {name}").fetchone()[0])  # noqa: S608 - quoted


def _new(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")


def _hash(key: bytes, person: bytes, content: bytes = b"") -> "hashlib.blake2b":
    return hashlib.blake2b(content, digest_size=32, key=key, person=person)
