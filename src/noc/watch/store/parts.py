"""Tables that PostgreSQL keeps in parts by time, so that what is too old goes as a file does, and leaves no hole.

A part is made in the transaction that needs it first, beside the table, and then attached: unlike one that is made in
its place, that waits for no reader (postgresql.org/docs, ALTER TABLE).
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from noc.fleet.keeping import Keep

DAY_MS: Final = 86_400_000
DAYS: Final = {"heartbeats": 1, "probes": 1, "rollups_60": 1, "rollups_3600": 30, "rollups_86400": 365}
"""Table → days in one of its parts; rollups are in one table for each grain."""
EPOCH: Final = date(1970, 1, 1)
_LOCK: Final = 7_235_100
"""The number of the advisory lock under which parts are made; any, as long as nothing else takes it."""


class Parts:
    """Makes parts where rows come to lie, and drops those that are too old. For the writer's thread alone."""

    def __init__(self) -> None:
        """Know of none: each is looked for when it is needed first."""
        self._there: set[tuple[str, int]] = set()

    def ensure(self, table: str, times: Iterable[int], connection: Connection) -> None:
        """Have a part for each of these times (ms UTC). Where the transaction is not committed, call `forget`."""
        width = DAYS[table]
        for first in {at // DAY_MS // width * width for at in times}:
            if (table, first) not in self._there:
                _make(table, first, connection)
                self._there.add((table, first))

    def forget(self) -> None:
        """Look for each part again."""
        self._there.clear()

    def drop(self, keep: Keep, now: int, connection: Connection) -> None:
        """Drop each table's oldest part if all of it is too old at a time (ms UTC); one in use stays for now."""
        for table in DAYS:
            oldest = min(_first_days(table, connection), default=None)
            if oldest is not None and self.is_over(table, oldest, keep, now // DAY_MS):
                _drop(_name(table, oldest), connection)
                self._there.discard((table, oldest))

    @staticmethod
    def is_over(table: str, first: int, keep: Keep, today: int) -> bool:
        """Whether a part that begins with a day (since the epoch) is too old to its last row, on another day."""
        return first + DAYS[table] + _kept(keep)[table] <= today


def _kept(keep: Keep) -> dict[str, int]:
    rollups = {"rollups_60": keep.minutes, "rollups_3600": keep.hours, "rollups_86400": keep.days}
    return {"heartbeats": keep.heartbeats, "probes": keep.heartbeats} | rollups


def _name(table: str, first: int) -> str:
    return f"{table}_{EPOCH + timedelta(first):%Y%m%d}"


def _first_days(table: str, connection: Connection) -> list[int]:
    """The first day, since the epoch, of each part that a table has."""
    parts = "SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"
    names = connection.exec_driver_sql(f"{parts} WHERE i.inhparent = %s::regclass", (table,)).scalars()
    return [(datetime.strptime(name[-8:], "%Y%m%d").replace(tzinfo=UTC).date() - EPOCH).days for name in names]


def _make(table: str, first: int, connection: Connection) -> None:
    part, begin, end = _name(table, first), first * DAY_MS, (first + DAYS[table]) * DAY_MS
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    if connection.exec_driver_sql("SELECT to_regclass(%s)", (part,)).scalar() is None:
        connection.exec_driver_sql(f"CREATE TABLE {part} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        connection.exec_driver_sql(f"ALTER TABLE {table} ATTACH PARTITION {part} FOR VALUES FROM ({begin}) TO ({end})")


def _drop(part: str, connection: Connection) -> None:
    """Drop a part, unless somebody reads: pushes wait behind us, so we wait for nobody."""
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("SET LOCAL lock_timeout = '100ms'")
            connection.exec_driver_sql(f"DROP TABLE {part}")
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != "55P03" or error.connection_invalidated:
            raise
    else:
        connection.exec_driver_sql("RESET lock_timeout")
