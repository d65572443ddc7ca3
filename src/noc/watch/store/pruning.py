"""What is too old goes, in small bites: no commit is long, and pages that became free go back to the file system.

PostgreSQL has pushes, probes and rollups in parts by time; there a bite is a part.
"""

from typing import Final

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, select

from noc.watch.store.engine import in_postgres
from noc.watch.store.parts import Parts
from noc.watch.store.records import Prune
from noc.watch.store.schema import events, heartbeats, incidents, keys, notes, outbox, probes, rollups

ROWS_AT_ONCE: Final = 1_000
PAGES_AT_ONCE: Final = 500
DAY_MS: Final = 86_400_000


class Pruner:
    """Goes round the nodes, one node a bite and a table: each has an index that leads to a node's oldest rows."""

    def __init__(self, parts: Parts) -> None:
        """Start with the first node; `parts` is what is known of PostgreSQL's."""
        self._parts = parts
        self._turn: dict[str, str] = {}

    def bite(self, prune: Prune, connection: Connection) -> None:
        """Drop what is too old of one node in each table, and of what belongs to no node, at most a bite of each."""
        keep, now = prune.keep, prune.at
        if in_postgres(connection):
            self._parts.drop(keep, now, connection)
        else:
            self._telemetry(prune, connection)
        self._oldest(events, now - keep.events * DAY_MS, connection)
        _incidents(now - keep.incidents * DAY_MS, connection)
        connection.execute(delete(keys).where(keys.c.expires < now - DAY_MS))
        if not in_postgres(connection):
            _give_back(connection)

    def _telemetry(self, prune: Prune, connection: Connection) -> None:
        keep, now = prune.keep, prune.at
        self._oldest(heartbeats, now - keep.heartbeats * DAY_MS, connection)
        self._oldest(probes, now - keep.heartbeats * DAY_MS, connection)
        node = self._next(rollups, connection)
        for grain, days in ((60, keep.minutes), (3_600, keep.hours), (86_400, keep.days)):
            old = and_(rollups.c.node == node, rollups.c.grain == grain, rollups.c.at < now - days * DAY_MS)
            first = select(rollups.c.at).where(old).order_by(rollups.c.at).limit(ROWS_AT_ONCE)
            connection.execute(delete(rollups).where(old, rollups.c.at.in_(first)))

    def _oldest(self, table: Table, before: int, connection: Connection) -> None:
        node = self._next(table, connection)
        of_node: ColumnElement[bool] = table.c.node.is_(None) if node is None else table.c.node == node
        old = select(table.c.id).where(of_node, table.c.at < before).order_by(table.c.at).limit(ROWS_AT_ONCE)
        connection.execute(delete(table).where(table.c.id.in_(old)))

    def _next(self, table: Table, connection: Connection) -> str | None:
        """The node behind the last one, in the order of names; None, the rows of no node, when the round is over."""
        after = table.c.node > self._turn.get(table.name, "")
        node: str | None = connection.scalar(select(func.min(table.c.node)).where(after))
        self._turn[table.name] = node or ""
        return node


def _give_back(connection: Connection) -> None:
    free = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
    for _ in range(min(free, PAGES_AT_ONCE)):  # the driver takes one step of a statement without rows: one page
        connection.exec_driver_sql("PRAGMA incremental_vacuum(1)")


def _incidents(before: int, connection: Connection) -> None:
    """Incidents that ended long ago, with all that hangs on them; and messages that belong to none."""
    old = select(incidents.c.id).where(incidents.c.ended < before).order_by(incidents.c.id).limit(ROWS_AT_ONCE)
    gone = list(connection.scalars(old))
    if gone:
        for column in (notes.c.incident, outbox.c.incident, incidents.c.id):
            connection.execute(delete(column.table).where(column.in_(gone)))
    messages = and_(outbox.c.incident.is_(None), outbox.c.created < before)
    connection.execute(delete(outbox).where(messages))
