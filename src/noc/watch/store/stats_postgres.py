"""What the watch's database in PostgreSQL holds: each table is its parts and their indexes together."""

from typing import Final

from sqlalchemy import Connection, Table, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from noc.fleet.keeping import Keep
from noc.fleet.storing import Address
from noc.watch.errors import NoSuchDatabase
from noc.watch.store.engine import trouble
from noc.watch.store.migration import revision
from noc.watch.store.postgres import open_postgres
from noc.watch.store.rollups import GRAINS
from noc.watch.store.schema import heartbeats, metadata, rollups
from noc.watch.store.stats import Stats, TableSize, kept_days, node_year

_SIZE: Final = text(
    "SELECT pg_total_relation_size(CAST(:name AS regclass)) + coalesce(sum(pg_total_relation_size(relid)), 0)"
    " FROM pg_partition_tree(CAST(:name AS regclass)) WHERE level > 0"
)


def measure(address: Address, keep: Keep) -> Stats:
    """Measure a database as `read_stats` does.

    Raises:
        NoSuchDatabase, StoreTrouble: it holds no watch; it does not answer.
    """
    engine = open_postgres(address, patience_s=None)
    try:
        if revision(engine) is None:
            raise NoSuchDatabase(f"{address} holds nothing of the watch", fix="start the watch on it")
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            return _measure(connection, keep)
    except SQLAlchemyError as error:
        raise trouble(f"cannot read {address}", error) from error
    finally:
        engine.dispose()


def _measure(connection: Connection, keep: Keep) -> Stats:
    tables = sorted((_table(connection, table, keep) for table in metadata.sorted_tables), key=lambda each: -each.bytes)
    by_name = {table.name: table for table in tables}
    nodes = connection.scalar(select(func.count(heartbeats.c.node.distinct()))) or 0
    newest = connection.scalar(select(func.max(heartbeats.c.at))) or 0
    year = node_year(by_name, nodes, newest, _buckets(connection), keep)
    size = connection.scalar(text("SELECT pg_database_size(current_database())")) or 0
    return Stats(size, None, None, tuple(tables), nodes, year)


def _table(connection: Connection, table: Table, keep: Keep) -> TableSize:
    when = next((table.c[name] for name in ("at", "started", "created") if name in table.c), None)
    oldest = None if when is None else connection.scalar(select(func.min(when)))
    rows = connection.scalar(select(func.count()).select_from(table)) or 0
    size = _size(connection, table.name)
    return TableSize(table.name, rows, size, oldest, kept_days(keep).get(table.name, ()))


def _size(connection: Connection, table: str) -> int:
    return int(connection.scalar(_SIZE, {"name": table}) or 0)


def _buckets(connection: Connection) -> dict[int, float]:
    """The bytes of each grain's rows: each has parts of its own."""
    counts = select(rollups.c.grain, func.count()).group_by(rollups.c.grain)
    rows = {grain: count for grain, count in connection.execute(counts) if grain in GRAINS}
    sizes = {grain: _size(connection, f"rollups_{grain}") for grain in rows}
    return {grain: sizes[grain] / count for grain, count in rows.items()}
