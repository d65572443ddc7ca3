"""The statements that run all day, past SQLAlchemy's compiler: pushes in, and the buckets that they change.

SQLite is in this process, so a statement a row costs nothing. PostgreSQL is not: it gets a batch as one array a column.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

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


def _from_arrays(columns: Sequence[str], types: Sequence[str]) -> str:
    """A table of rows that comes as one array a column; JSON comes as text."""
    arrays = ", ".join(f"%s::{'text' if each == 'json' else each}[]" for each in types)
    wanted = ", ".join(f"{name}::json" if each == "json" else name for name, each in zip(columns, types, strict=True))
    return f"SELECT {wanted} FROM unnest({arrays}) AS batch ({', '.join(columns)})"  # noqa: S608 - our own names


class PostgresRows:
    """In PostgreSQL, in parts by time."""

    ahead = True
    _ADD: Final = f"INSERT INTO heartbeats ({', '.join(BEAT)}) {_from_arrays(BEAT, _BEAT_TYPES)}"
    _READ: Final = (
        "SELECT node, grain, at, beats, deaths, fields::text FROM rollups"  # noqa: S608 - our own names
        f" JOIN ({_from_arrays(BUCKET[:3], _BUCKET_TYPES[:3])}) AS place USING (node, grain, at)"
    )
    _WRITE: Final = f"INSERT INTO rollups ({', '.join(BUCKET)}) {_from_arrays(BUCKET, _BUCKET_TYPES)}{_UPSERT}"

    def __init__(self, parts: Parts) -> None:
        """Take what is known of the parts."""
        self._parts = parts

    def add_beats(self, rows: Sequence[Row], connection: Connection) -> None:
        """As `Rows` says."""
        self._parts.ensure("heartbeats", (row[_AT] for row in rows), connection)
        connection.exec_driver_sql(self._ADD, _arrays(rows))

    def read_buckets(self, places: Sequence[Place], connection: Connection) -> Iterable[Row]:
        """As `Rows` says."""
        return map(tuple, connection.exec_driver_sql(self._READ, _arrays(places)))

    def write_buckets(self, rows: Sequence[Row], connection: Connection) -> None:
        """As `Rows` says."""
        for grain in {row[1] for row in rows}:
            self._parts.ensure(f"rollups_{grain}", (row[2] for row in rows if row[1] == grain), connection)
        connection.exec_driver_sql(self._WRITE, _arrays(rows))


def _arrays(rows: Sequence[Row]) -> tuple[list[Any], ...]:
    return tuple(map(list, zip(*rows, strict=True)))
