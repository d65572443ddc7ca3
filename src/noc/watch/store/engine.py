"""Opening the watch's database: a SQLite file, how careful it is and who begins its transactions; or PostgreSQL."""

import os
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from noc.fleet.storing import Address
from noc.watch.errors import DatabaseAway, DatabaseFull, NoSuchFolder, StoreTrouble

Where = Path | Address
"""A SQLite file, or a database of PostgreSQL."""

PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "FULL",  # every commit is on the disk before it returns
    "busy_timeout": "5000",
    "wal_autocheckpoint": "4000",  # pages: the same few are written again and again, and are taken over once
    "journal_size_limit": "16777216",
}
DISK_FULL: Final = "53100"
AWAY: Final = ("08", "28", "3D", "57P", "57014", "53300", "55P03")
"""No connection, nobody let in, no such database, shut down, too slow, too many connections, locked for too long."""


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


def open_engine(where: Where) -> Engine:
    """An engine on the watch's database, every commit of which is on the disk before it returns.

    Raises:
        NoSuchFolder: a file's directory is missing or not ours to write.
    """
    if isinstance(where, Address):
        from noc.watch.store.postgres import open_postgres  # noqa: PLC0415 - most fleets have the file

        return open_postgres(where)
    if not os.access(where.parent, os.W_OK | os.X_OK):
        raise NoSuchFolder(f"cannot keep a database in {where.parent}", fix="make the directory, or name --db FILE")
    engine = create_engine(f"sqlite:///{where}", connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def in_postgres(connection: Connection | Engine) -> bool:
    """Whether a database is PostgreSQL's."""
    return connection.dialect.name == "postgresql"


def file_of(engine: Engine) -> Path | None:
    """The file that a database is; None for one of PostgreSQL."""
    return None if in_postgres(engine) else Path(engine.url.database or "/")


def cause(error: SQLAlchemyError) -> str:
    """The driver's sentence without the statement and its values, which are nobody's business in a log."""
    original = getattr(error, "orig", None)
    said = getattr(getattr(original, "diag", None), "message_primary", None) or original
    return str(said or type(error).__name__).partition("\n")[0]


def trouble(what: str, error: SQLAlchemyError, *, fix: str = "check the disk") -> StoreTrouble:
    """What failed in the database, as an error that says what can be done; `fix` is what helps with a file.

    What failed in PostgreSQL it says itself, as an SQLSTATE (postgresql.org/docs, Appendix A); without one it is away.
    """
    original = error.orig if isinstance(error, DBAPIError) else None
    if not hasattr(original, "sqlstate"):
        return StoreTrouble(what, why=cause(error), fix=fix)
    state = str(getattr(original, "sqlstate", None) or "")
    if state == DISK_FULL:
        return DatabaseFull(what, why=cause(error), fix="make room on the disk of PostgreSQL")
    if not state or state.startswith(AWAY):
        return DatabaseAway(what, why=cause(error), fix="is PostgreSQL up, and may this user in? its log says more")
    return StoreTrouble(what, why=cause(error), fix="see the log of PostgreSQL")
