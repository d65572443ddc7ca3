"""`backup PATH`: a consistent copy of the database while the service goes on serving."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from clavitor.database import connect
from clavitor.errors import ServiceError


def backup(database: Path, target: Path) -> int:
    """Copy the database to a new file that its owner alone may read, and sync it to the disk.

    Args:
        database: the live database.
        target: must not exist; its directory must.

    Returns:
        the copy's size in bytes.

    Raises:
        ServiceError: the target exists or cannot be written, or the copy fails its check; nothing is left behind.
    """
    with closing(connect(database)) as source:
        _create(target)
        try:
            _copy(source, target)
            _sync(target)
        except (OSError, sqlite3.Error) as error:
            target.unlink(missing_ok=True)
            raise ServiceError(f"cannot copy the database to {target}: {error}") from error
    return target.stat().st_size


def _create(target: Path) -> None:
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    except FileExistsError:
        raise ServiceError(f"{target} exists already: name a new file, a backup never overwrites") from None
    except OSError as error:
        raise ServiceError(f"cannot create {target}: {error.strerror}") from error


def _copy(source: sqlite3.Connection, target: Path) -> None:
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        # In one step, thus from one snapshot: WAL lets writers go on, and no write can make the copy start again.
        source.backup(copy, pages=-1)
        # The copy stands alone: no write-ahead log beside it that could be left behind.
        copy.execute("PRAGMA journal_mode=DELETE").fetchone()
        verdict = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)


def _sync(target: Path) -> None:
    for path, flags in ((target, os.O_RDONLY), (target.parent, os.O_RDONLY | os.O_DIRECTORY)):
        descriptor = os.open(path, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
