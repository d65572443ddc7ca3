"""Carries rows from a SQLite file to PostgreSQL, as COPY takes them."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, func, select, text

from noc.watch.store.parts import Parts
from noc.watch.store.rollups import GRAINS
from noc.watch.store.schema import events, heartbeats, metadata, notes, probes, rollups

AT_ONCE: Final = 5_000
"""Rows in one COPY."""
NUMBERED: Final = (heartbeats, probes, events)
"""Tables whose rows never change and come at the end alone."""
SMALL: Final = tuple(table for table in metadata.sorted_tables if table not in {*NUMBERED, rollups})
"""Tables whose rows change, and that are small enough to be copied whole."""
COUNTERS: Final = (*NUMBERED, notes)
"""Tables whose rows the database numbers."""

Row = Sequence[Any]


class Carrier:
    """Between a file and a database, both open; the transactions are the caller's."""

    def __init__(self, source: sqlite3.Connection, target: Connection) -> None:
        """Take both; both have this release's schema, and the database has the mark of a copy."""
        self._source, self._target, self._parts = source, target, Parts()
        self._reached: dict[str, list[Any]] = target.scalar(text("SELECT reached FROM copying")) or {}

    def append(self, table: Table) -> Iterator[int]:
        """Copy the rows behind the last one that was copied: `AT_ONCE` at a time; yields how many after each.

        How far it came is written in the same transaction.
        """
        key = [column.name for column in table.primary_key]
        places = [list(table.c).index(column) for column in table.primary_key]
        order = f"ORDER BY {', '.join(key)} LIMIT {AT_ONCE}"
        beyond = f"WHERE ({', '.join(key)}) > ({', '.join('?' * len(key))})"
        while True:
            behind = self._reached.get(table.name, [])
            rows = self._read(table, f"{beyond} {order}" if behind else order, behind)
            if not rows:
                return
            self.write(table, rows)
            self._reached[table.name] = [rows[-1][place] for place in places]
            reached = {"reached": json.dumps(self._reached)}
            self._target.execute(text("UPDATE copying SET reached = CAST(:reached AS json)"), reached)
            yield len(rows)

    def replace(self, table: Table) -> int:
        """Copy a small table whole, in the place of what is there."""
        self._target.execute(delete(table))
        return self.write(table, self._read(table))

    def renew(self, since: int) -> int:
        """Copy every bucket again that ended at a time (ms UTC) or later; how many."""
        count, node = 0, self._next_node("")
        while node is not None:
            for grain in GRAINS:
                begun = since - grain * 1000
                of_span = rollups.c.node == node, rollups.c.grain == grain, rollups.c.at >= begun
                self._target.execute(delete(rollups).where(*of_span))
                rows = self._read(rollups, "WHERE node = ? AND grain = ? AND at >= ?", (node, grain, begun))
                count += self.write(rollups, rows)
            node = self._next_node(node)
        return count

    def write(self, table: Table, rows: Iterable[Row]) -> int:
        """Add rows with their parts; how many."""
        count, left = 0, iter(rows)
        driver: Any = self._target.connection.driver_connection
        while batch := list(islice(left, AT_ONCE)):
            self._make_parts(table, batch)
            into = f"COPY {table.name} ({_columns(table)}) FROM STDIN"
            with driver.cursor() as cursor, cursor.copy(into) as copied:
                for row in batch:
                    copied.write_row(row)
            count += len(batch)
        return count

    def number_on(self) -> None:
        """Let PostgreSQL number new rows where SQLite would, which never gives an event's number twice."""
        given = dict(self._source.execute("SELECT name, seq FROM sqlite_sequence"))
        for table in COUNTERS:
            [(last,)] = self._source.execute(f"SELECT max(id) FROM {table.name}")  # noqa: S608 - our own names
            if number := max(last or 0, given.get(table.name, 0)):
                self._target.execute(select(func.setval(text(f"'{table.name}_id_seq'"), number)))

    def short(self) -> list[str]:
        """The names of numbered tables of which less is there than `append` has passed in the file."""
        reached = {table: self._reached.get(table.name, [0])[0] for table in NUMBERED}
        passed = {table: self._count(table, "WHERE id <= ?", last) for table, last in reached.items()}
        return [table.name for table, count in passed.items() if self._count_there(table) < count]

    def unequal(self) -> list[str]:
        """The names of tables that are not there as they are in the file."""
        unlike = [table.name for table in SMALL if self._count_there(table) != self._count(table)]
        return unlike + [table.name for table in NUMBERED if self._left(table)]

    def rest(self, since: int) -> int:
        """About how many rows were left for the end, if it were now."""
        count = sum(self._count(table) for table in SMALL)
        for table in NUMBERED:
            count += self._left(table)
        [(nodes,)] = self._source.execute("SELECT count(DISTINCT node) FROM heartbeats")
        [(newest,)] = self._source.execute("SELECT coalesce(max(at), 0) FROM heartbeats")
        left: int = nodes * sum(2 + max(0, newest - since) // (grain * 1000) for grain in GRAINS)
        return count + left

    def _read(self, table: Table, which: str = "", values: Sequence[Any] = ()) -> list[Row]:
        return self._source.execute(f"SELECT {_columns(table)} FROM {table.name} {which}", values).fetchall()  # noqa: S608

    def _make_parts(self, table: Table, rows: Sequence[Row]) -> None:
        if table is rollups:
            for grain in {row[1] for row in rows}:
                self._parts.ensure(f"rollups_{grain}", (row[2] for row in rows if row[1] == grain), self._target)
        elif table in (heartbeats, probes):
            at = list(table.c).index(table.c.at)
            self._parts.ensure(table.name, (row[at] for row in rows), self._target)

    def _left(self, table: Table) -> int:
        """How many numbers there are behind the last row that was reached."""
        [(last,)] = self._source.execute(f"SELECT max(id) FROM {table.name}")  # noqa: S608 - our own names
        reached: int = self._reached.get(table.name, [0])[0]
        return max(0, int(last or 0) - reached)

    def _count(self, table: Table, which: str = "", *values: int) -> int:
        [(count,)] = self._source.execute(f"SELECT count(*) FROM {table.name} {which}", values)  # noqa: S608
        return int(count)

    def _count_there(self, table: Table) -> int:
        return self._target.scalar(select(func.count()).select_from(table)) or 0

    def _next_node(self, after: str) -> str | None:
        [(node,)] = self._source.execute("SELECT min(node) FROM rollups WHERE node > ?", (after,))
        return None if node is None else str(node)


def _columns(table: Table) -> str:
    return ", ".join(f'"{name}"' for name in table.c.keys())  # noqa: SIM118 - its keys, not its columns
