"""The one SQLite file: durable writes in short transactions, never on the event loop."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from clavitor.errors import ServiceError
from clavitor.schema import migrate

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",
    "journal_size_limit=16777216",  # bytes to which the log shrinks again after a long reader, such as a backup
)
BUSY = 2.0  # seconds that a statement waits for another process's lock


def connect(path: Path, *, create: bool = False) -> sqlite3.Connection:
    """Open the database in autocommit mode, as durable as SQLite can be.

    WAL keeps readers and the writer out of each other's way; synchronous FULL makes the WAL's fsync part of every
    commit, so what was acknowledged outlives the process and the power.

    Raises:
        ServiceError: there is no such file, or it is no database.
    """
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
    try:
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False)
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").fetchone()
    except sqlite3.Error as error:
        raise ServiceError(f"cannot open the database {path}: {error}") from error
    return connection


def prepare(path: Path) -> None:
    """Create or migrate the database; its file belongs to its owner alone.

    Raises:
        ServiceError: it cannot be created, written or understood.
    """
    if not path.parent.is_dir():
        raise ServiceError(
            f"{path.parent} is not a directory: create it for the service's user, or correct CLAVITOR_DB"
        )
    try:
        with closing(connect(path, create=True)) as connection:
            migrate(connection)
        path.chmod(0o600)
    except (OSError, sqlite3.Error) as error:
        raise ServiceError(f"cannot prepare the database {path}: {error}") from error


class Database:
    """One writer and one reader, each a connection with a thread of its own.

    Args:
        path: prepared by `prepare`.
    """

    def __init__(self, path: Path) -> None:
        self._writer, self._reader = connect(path), connect(path)
        self._reader.execute("PRAGMA query_only=ON")
        self._write_thread = ThreadPoolExecutor(1, "write")
        self._read_thread = ThreadPoolExecutor(1, "read")

    async def write(self, work: Work[Result]) -> Result:
        """Run `work` in one transaction; when this returns, its result is on the disk.

        An exception of `work` rolls everything back and is raised here.
        """
        return await asyncio.get_running_loop().run_in_executor(self._write_thread, _transact, self._writer, work)

    async def read(self, work: Work[Result]) -> Result:
        """Run `work` on one consistent snapshot."""
        return await asyncio.get_running_loop().run_in_executor(self._read_thread, _look, self._reader, work)

    def close(self) -> None:
        """Finish what was begun and close; blocks for as long as that takes."""
        for thread, connection in ((self._read_thread, self._reader), (self._write_thread, self._writer)):
            thread.shutdown()
            connection.close()


def _look(connection: sqlite3.Connection, work: Work[Result]) -> Result:
    connection.execute("BEGIN")
    try:
        return work(connection)
    finally:
        connection.execute("ROLLBACK")


def _transact(connection: sqlite3.Connection, work: Work[Result]) -> Result:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result
