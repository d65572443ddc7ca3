"""Opening the watch's SQLite file: how careful it is, and who begins its transactions."""

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from noc.watch.errors import NoSuchFolder

PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "FULL",  # every commit is on the disk before it returns
    "busy_timeout": "5000",
    "wal_autocheckpoint": "4000",  # pages: the same few are written again and again, and are taken over once
    "journal_size_limit": "16777216",
}


def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own connection
    connection.isolation_level = None  # the driver would commit each DDL statement by itself; `_begin` says BEGIN
    cursor = connection.cursor()
    if cursor.execute("PRAGMA page_count").fetchone()[0] == 0:
        # Before the first page of a new file; later this is a write, which would take a writer's snapshot away.
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
    for pragma, value in PRAGMAS.items():
        cursor.execute(f"PRAGMA {pragma}={value}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def open_engine(path: Path) -> Engine:
    """An engine on the SQLite file: WAL, and every commit on the disk before it returns.

    Raises:
        NoSuchFolder: its directory is missing or not ours to write.
    """
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise NoSuchFolder(f"cannot keep a database in {path.parent}", fix="make the directory, or name --db FILE")
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def cause(error: SQLAlchemyError) -> str:
    """The driver's sentence without the statement and its values, which are nobody's business in a log."""
    return str(getattr(error, "orig", None) or type(error).__name__)
