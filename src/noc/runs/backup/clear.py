"""A backup in the clear: put together in memory from its sealed chunks, opened and counted. It never meets a disk."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from noc.backup.manifest import Manifest
from noc.backup.repository import NodeBackups
from noc.hosts.node.loss import rows_by_table
from noc.runs.backup.errors import NoMemory, RehearsalFailed

SPARE = 64 * 1024 * 1024
"""Bytes of memory that stay free for everything else."""
_TIMES = 3
"""How often the database lies in memory at most: as chunks, as a whole, and opened."""
_WRITE_VERSION, _LEGACY = slice(18, 20), b"\x01\x01"
"""Where a database says that it has a write-ahead log, and what it says without one (sqlite.org/fileformat2, 1.3.3)."""


@dataclass(frozen=True)
class Found:
    """What was counted in a database."""

    tables: int
    rows: int


def put_together(backups: NodeBackups, manifest: Manifest, identity: str) -> bytes:
    """The whole database, each chunk and the whole checked, opened and counted.

    Args:
        backups: of the node.
        manifest: which one.
        identity: the epoch's key.

    Raises:
        BackupDamaged: a chunk is missing or was changed, or the whole is not what was backed up.
        WrongIdentity: the key is another epoch's.
        RehearsalFailed: all is as it was written, and SQLite finds it damaged, or with other tables or rows.
        NoMemory: HQ has not the memory for it.
    """
    check_memory(manifest.bytes)
    content = b"".join(backups.read(manifest, identity))
    prove(content, manifest)
    return content


def prove(content: bytes, manifest: Manifest) -> Found:
    """Open a database in memory, check all of it, and hold it against the trial on the node. Raises RehearsalFailed."""
    what = f"backup {manifest.name} of {manifest.node} cannot be restored"
    fix = f"take an older one: noc backup list {manifest.node}; and find out what wrote this one"
    try:
        found = _count(content)
    except sqlite3.Error as error:
        raise RehearsalFailed(what, why=str(error), fix=fix) from None
    trial = manifest.trial
    if (found.tables, found.rows) != (trial.tables, trial.rows):
        why = f"it has {found.tables} tables and {found.rows} rows; on the node it had {trial.tables} and {trial.rows}"
        raise RehearsalFailed(what, why=why, fix=fix)
    return found


def check_memory(size: int) -> None:
    """Refuse a database for which HQ has not the memory. Raises NoMemory."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    if free < (needed := _TIMES * size + SPARE):
        why = f"{needed >> 20} MiB are needed, and {free >> 20} MiB are free"
        raise NoMemory("HQ has no room in memory for the database", why=why, fix="free memory on HQ, or give it more")


def _count(content: bytes) -> Found:
    """Raises sqlite3.Error for what is no whole database."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(content[: _WRITE_VERSION.start] + _LEGACY + content[_WRITE_VERSION.stop :])
        said = [str(line) for (line,) in database.execute("PRAGMA integrity_check(3)")]
        if said != ["ok"]:
            raise sqlite3.DatabaseError("; ".join(said)[:500])
        rows = rows_by_table(database)
        return Found(len(rows), sum(rows.values()))
