"""What is lost when the present database is given up for a snapshot."""

import contextlib
import sqlite3
import time
from datetime import UTC, datetime
from typing import Any

from .database import Snapshot, opened
from .layout import Layout

COUNT_WITHIN_S = 5.0
_STEPS = 10_000


def loss(layout: Layout, base: Snapshot, since: str) -> dict[str, Any]:
    """Since when writes are lost, over how long, and how many rows of which table.

    `rows` counts what differs from the snapshot that the present data began with, at `since` (ISO 8601); None where
    that could not be counted in time.
    """
    now = datetime.now(UTC)
    seconds = max((now - datetime.fromisoformat(since)).total_seconds(), 0.0)
    until = now.isoformat(timespec="milliseconds")
    return {"since": since, "until": until, "seconds": round(seconds, 3), "rows": _rows(layout, base)}


def counted(layout: Layout) -> dict[str, int] | None:
    """Rows by table as the database holds them now; None where there is none, or they could not be counted in time."""
    deadline = time.monotonic() + COUNT_WITHIN_S
    with contextlib.suppress(sqlite3.Error), opened(layout.database) as database:
        database.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        return rows_by_table(database)
    return None


def rows_by_table(database: sqlite3.Connection) -> dict[str, int]:
    """How many rows each table of an open database has."""
    tables = sorted(_tables(database, "main"))
    return {table: _count(database, f"SELECT 1 FROM {_quoted(table)}") for table in tables}  # noqa: S608 - quoted


def in_words(said: dict[str, Any]) -> str:
    """A loss in one sentence."""
    rows = said["rows"]
    what = "its rows could not be counted" if rows is None else "no row differs"
    if rows:
        what = ", ".join(f"{count} row{'s' * (count != 1)} of {table}" for table, count in rows.items())
    return f"what was written since {said['since']} ({said['seconds']:g} s) is lost: {what}"


def _rows(layout: Layout, base: Snapshot) -> dict[str, int] | None:
    deadline = time.monotonic() + COUNT_WITHIN_S
    with contextlib.suppress(sqlite3.Error), opened(layout.database) as database:
        database.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        database.execute("ATTACH ? AS base", (f"{base.file(layout).absolute().as_uri()}?immutable=1",))
        now, then = _tables(database, "main"), _tables(database, "base")
        counted = {table: _differing(database, table, now, then) for table in sorted(now | then)}
        return {table: count for table, count in counted.items() if count}
    return None


def _tables(database: sqlite3.Connection, of: str) -> set[str]:
    rows = database.execute(f"SELECT name FROM {of}.sqlite_schema WHERE type = 'table'")  # noqa: S608 - ours
    return {str(name) for (name,) in rows if not str(name).startswith("sqlite_")}


def _differing(database: sqlite3.Connection, table: str, now: set[str], then: set[str]) -> int:
    """Rows that were added, changed or removed, by the columns that both have; a changed one counts once."""
    name = _quoted(table)
    if table not in now or table not in then:
        return _count(database, f"SELECT 1 FROM {'main' if table in now else 'base'}.{name}")  # noqa: S608 - quoted
    theirs = _columns(database, "base", name)
    columns = ", ".join(_quoted(column) for column in _columns(database, "main", name) if column in theirs) or "1"
    main, base = (f"SELECT {columns} FROM {of}.{name}" for of in ("main", "base"))  # noqa: S608 - quoted
    return max(_count(database, f"{main} EXCEPT {base}"), _count(database, f"{base} EXCEPT {main}"))


def _columns(database: sqlite3.Connection, of: str, name: str) -> list[str]:
    return [str(row[1]) for row in database.execute(f"PRAGMA {of}.table_info({name})")]


def _count(database: sqlite3.Connection, query: str) -> int:
    return int(database.execute(f"SELECT count(*) FROM ({query})").fetchone()[0])  # noqa: S608 - made above


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
