"""The statements that run all day, past SQLAlchemy's compiler: pushes in, and the buckets that they change.

SQLite is in this process, so a statement a row costs nothing. PostgreSQL is not: it gets a batch as one JSON document,
which orjson writes, and PostgreSQL reads, faster than the driver does either with arrays or with rows.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

import orjson
from sqlalchemy import Connection, Engine

from noc.watch.store.engine import in_postgres
from noc.watch.store.parts import Parts

Place = tuple[str, int, int]
"""Which bucket: node, grain in seconds, and its start in ms UTC."""
Row = tuple[Any, ...]

BEAT: Final = ("node", "at", "up", "msg", "ping", "seq", "boot", "version", "sent", "warn", "telemetry")
"""The columns of a push, the telemetry as JSON in text."""
BUCKET: Final = ("node", "grain", "at", "beats", "deaths", "fields")
"""The columns of a bucket, its fields as JSON in text."""

_NUL: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""The escaped character; a backslash that is escaped itself, with the same letters behind it, is none."""
_AT: Final = BEAT.index("at")
_BEAT_TYPES: Final = ("text", "int8", "bool", "text", "float8", "int8", "text", "text", "int8", "text", "json")
_BUCKET_TYPES: Final = ("text", "int4", "int8", "int4", "int4", "json")
_UPSERT: Final = (
    " ON CONFLICT (node, grain, at)"
    " DO UPDATE SET beats = excluded.beats, deaths = excluded.deaths, fields = excluded.fields"
)


class Rows(Protocol):
    """How one kind of database takes them; within a transaction, for the writer's thread alone."""

    ahead: bool
    """Whether buckets are better read all at once, before the first of them is needed."""

    def add_beats(self, rows: Sequence[Row], connection: Connection) -> None:
        """Add pushes, as `BEAT` has their columns."""

    def read_buckets(self, places: Sequence[Place], connection: Connection) -> Iterable[Row]:
        """Those of these buckets that there are, as `BUCKET` has their columns."""

    def write_buckets(self, rows: Sequence[Row], connection: Connection) -> None:
        """Write buckets, in the place of those before."""


def rows_of(engine: Engine, parts: Parts) -> Rows:
    """The statements for a database; `parts` is what is known of PostgreSQL's."""
    return PostgresRows(parts) if in_postgres(engine) else SqliteRows()


class SqliteRows:
    """In a file."""

    ahead = False
    _ADD: Final = f"INSERT INTO heartbeats ({', '.join(BEAT)}) VALUES ({', '.join('?' * len(BEAT))})"  # noqa: S608 - our own names
    _READ: Final = f"SELECT {', '.join(BUCKET)} FROM rollups WHERE node = ? AND grain = ? AND at = ?"  # noqa: S608 - our own names
    _WRITE: Final = f"INSERT INTO rollups ({', '.join(BUCKET)}) VALUES (?, ?, ?, ?, ?, ?){_UPSERT}"  # noqa: S608

    def add_beats(self, rows: Sequence[Row], connection: Connection) -> None:
        """As `Rows` says."""
        connection.exec_driver_sql(self._ADD, list(rows))

    def read_buckets(self, places: Sequence[Place], connection: Connection) -> Iterable[Row]:
        """As `Rows` says."""
        for place in places:
            if (row := connection.exec_driver_sql(self._READ, place).one_or_none()) is not None:
                yield tuple(row)

    def write_buckets(self, rows: Sequence[Row], connection: Connection) -> None:
        """As `Rows` says."""
        connection.exec_driver_sql(self._WRITE, list(rows))


def _from_json(columns: Sequence[str], types: Sequence[str]) -> str:
    """A table of rows that comes as one JSON document."""
    typed = ", ".join(f"{name} {each}" for name, each in zip(columns, types, strict=True))
    return f"SELECT {', '.join(columns)} FROM json_to_recordset(%s::json) AS batch ({typed})"  # noqa: S608


class PostgresRows:
    """In PostgreSQL, in parts by time."""

    ahead = True
    _ADD: Final = f"INSERT INTO heartbeats ({', '.join(BEAT)}) {_from_json(BEAT, _BEAT_TYPES)}"
    _READ: Final = (
        "SELECT node, grain, at, beats, deaths, fields::text FROM rollups"  # noqa: S608 - our own names
        f" JOIN ({_from_json(BUCKET[:3], _BUCKET_TYPES[:3])}) AS place USING (node, grain, at)"
    )
    _WRITE: Final = f"INSERT INTO rollups ({', '.join(BUCKET)}) {_from_json(BUCKET, _BUCKET_TYPES)}{_UPSERT}"

    def __init__(self, parts: Parts) -> None:
        """Take what is known of the parts."""
        self._parts = parts

    def add_beats(self, rows: Sequence[Row], connection: Connection) -> None:
        """As `Rows` says."""
        self._parts.ensure("heartbeats", (row[_AT] for row in rows), connection)
        connection.exec_driver_sql(self._ADD, (_document(BEAT, _with_json(rows)),))

    def read_buckets(self, places: Sequence[Place], connection: Connection) -> Iterable[Row]:
        """As `Rows` says."""
        return map(tuple, connection.exec_driver_sql(self._READ, (_document(BUCKET[:3], places),)))

    def write_buckets(self, rows: Sequence[Row], connection: Connection) -> None:
        """As `Rows` says."""
        for grain in {row[1] for row in rows}:
            self._parts.ensure(f"rollups_{grain}", (row[2] for row in rows if row[1] == grain), connection)
        connection.exec_driver_sql(self._WRITE, (_document(BUCKET, _with_json(rows)),))


def _with_json(rows: Sequence[Row]) -> Iterable[Row]:
    """Rows whose last column is JSON in text, which stays as it is."""
    return ((*row[:-1], row[-1] and orjson.Fragment(row[-1])) for row in rows)


def _document(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """Rows as PostgreSQL reads them, without the one character that its text cannot hold."""
    text = orjson.dumps([dict(zip(columns, row, strict=True)) for row in rows]).decode()
    return _NUL.sub(r"\1\\ufffd", text) if r"\u0000" in text else text
