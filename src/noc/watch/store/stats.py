"""What the watch's database holds and costs: measured in it, and from that what a node comes to in a year."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from noc.fleet.keeping import Keep
from noc.fleet.storing import Address
from noc.watch.errors import NoSuchDatabase
from noc.watch.store.engine import Where
from noc.watch.store.rollups import GRAINS

DAY_MS: Final = 86_400_000
YEAR_DAYS: Final = 365
ROW_OVERHEAD: Final = 40  # what a rollup's row holds besides its fields: name, numbers, header


@dataclass(frozen=True, slots=True)
class TableSize:
    """One table with its indexes.

    Attributes:
        name, rows, bytes: what is there.
        oldest: its oldest row's time (ms UTC), None where it has none.
        kept_days: for how many days its rows stay, one number a grain; none where they belong to what has a time.
    """

    name: str
    rows: int
    bytes: int
    oldest: int | None
    kept_days: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Stats:
    """A database's contents.

    Attributes:
        bytes: the file, without its write-ahead log; or the database of PostgreSQL.
        log_bytes: the write-ahead log of the file; None of PostgreSQL, where all databases share one.
        free_bytes: pages in the file that hold nothing and will be given back; None of PostgreSQL.
        tables: the largest first.
        nodes: how many nodes have pushed, of those whose pushes are kept.
        node_year: what one node comes to in a year, by kind of row; a kind of which nothing was measured is missing.
    """

    bytes: int
    log_bytes: int | None
    free_bytes: int | None
    tables: tuple[TableSize, ...]
    nodes: int
    node_year: dict[str, int]


def read_stats(where: Where, keep: Keep) -> Stats:
    """Measure a database, which may be in use; it is read from end to end.

    Args:
        where: the file, or the database of PostgreSQL.
        keep: for how long each kind of row stays.

    Raises:
        NoSuchDatabase: there is none, or it is not ours to read.
        StoreTrouble: PostgreSQL does not answer.
    """
    if isinstance(where, Address):
        from noc.watch.store.stats_postgres import measure  # noqa: PLC0415 - most fleets have the file

        return measure(where, keep)
    return _measure(where, keep)


def _measure(path: Path, keep: Keep) -> Stats:
    log = path.with_name(path.name + "-wal")
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            connection.execute("BEGIN")  # every number is of one moment
            page, free = (_one(connection, f"PRAGMA {name}") for name in ("page_size", "freelist_count"))
            tables = tuple(sorted(_tables(connection, keep), key=lambda table: -table.bytes))
            nodes = _one(connection, "SELECT count(DISTINCT node) FROM heartbeats")
            newest = _one(connection, "SELECT max(at) FROM heartbeats")
            by_name = {table.name: table for table in tables}
            year = node_year(by_name, nodes, newest, _buckets(connection, by_name["rollups"]), keep)
            pages = _one(connection, "PRAGMA page_count")
    except sqlite3.Error as error:
        raise NoSuchDatabase(
            f"cannot read {path}", why=str(error), fix="as root or noc-watch; name --db FILE"
        ) from error
    return Stats(pages * page, log.stat().st_size if log.exists() else 0, free * page, tables, nodes, year)


def _one(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0] or 0)


def _tables(connection: sqlite3.Connection, keep: Keep) -> Iterator[TableSize]:
    kept = kept_days(keep)
    sizes = connection.execute(
        "SELECT s.tbl_name, sum(d.pgsize) FROM dbstat AS d JOIN sqlite_master AS s ON s.name = d.name"
        " WHERE d.aggregate = TRUE AND s.tbl_name NOT LIKE 'sqlite!_%' ESCAPE '!' GROUP BY s.tbl_name"
    )
    for name, size in sizes.fetchall():
        columns = {row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')}
        when = next((column for column in ("at", "started", "created") if column in columns), None)
        oldest = connection.execute(f'SELECT min("{when}") FROM "{name}"').fetchone()[0] if when else None  # noqa: S608
        rows = _one(connection, f'SELECT count(*) FROM "{name}"')  # noqa: S608
        yield TableSize(name, rows, size, oldest, kept.get(name, ()))


def node_year(
    tables: dict[str, TableSize], nodes: int, newest: int, buckets: Mapping[int, float], keep: Keep
) -> dict[str, int]:
    """What a node comes to in a year, from what its rows measure.

    Args:
        tables: by name.
        nodes: how many have pushed.
        newest: when the newest push came, ms UTC.
        buckets: grain → bytes of one of its rows; a grain of which there is none is missing.
        keep: for how long each kind of row stays.
    """
    found: dict[str, int] = {}
    for name, kept in (("heartbeats", keep.heartbeats), ("probes", keep.heartbeats), ("events", keep.events)):
        table = tables[name]
        if nodes and table.oldest and (days := (newest - table.oldest) / DAY_MS) > 0:
            found[name] = round(table.bytes / days / nodes * min(YEAR_DAYS, kept))
    for grain, name, kept in zip(GRAINS, ("minutes", "hours", "days"), kept_days(keep)["rollups"], strict=True):
        if grain in buckets:
            found[name] = round(buckets[grain] * DAY_MS / 1000 / grain * min(YEAR_DAYS, kept))
    return found


def kept_days(keep: Keep) -> dict[str, tuple[int, ...]]:
    """For how many days each table's rows stay, one number a grain; a table whose rows have no time is missing."""
    return {
        "heartbeats": (keep.heartbeats,),
        "probes": (keep.heartbeats,),
        "rollups": (keep.minutes, keep.hours, keep.days),
        "events": (keep.events,),
        "incidents": (keep.incidents,),
    }


def _buckets(connection: sqlite3.Connection, table: TableSize) -> dict[int, float]:
    """The bytes of each grain's rows: their share of the table is that of their text."""
    rows = connection.execute("SELECT grain, count(*), sum(length(fields)) FROM rollups GROUP BY grain").fetchall()
    text = {grain: length + ROW_OVERHEAD * count for grain, count, length in rows}
    return {grain: table.bytes * text[grain] / sum(text.values()) / count for grain, count, _ in rows}
