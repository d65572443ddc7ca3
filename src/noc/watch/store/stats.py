"""What the watch's database holds and costs: measured in the file, and from that what a node comes to in a year."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from noc.fleet.keeping import Keep
from noc.watch.errors import NoSuchDatabase
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
        bytes: the file, without its write-ahead log.
        log_bytes: the write-ahead log.
        free_bytes: pages in the file that hold nothing and will be given back.
        tables: the largest first.
        nodes: how many nodes have pushed, of those whose pushes are kept.
        node_year: what one node comes to in a year, by kind of row; a kind of which nothing was measured is missing.
    """

    bytes: int
    log_bytes: int
    free_bytes: int
    tables: tuple[TableSize, ...]
    nodes: int
    node_year: dict[str, int]


def read_stats(path: Path, keep: Keep) -> Stats:
    """Measure a database, which may be in use; it is read from end to end.

    Args:
        path: the file.
        keep: for how long each kind of row stays.

    Raises:
        NoSuchDatabase: there is none, or it is not ours to read.
    """
    log = path.with_name(path.name + "-wal")
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            connection.execute("BEGIN")  # every number is of one moment
            page, free = (_one(connection, f"PRAGMA {name}") for name in ("page_size", "freelist_count"))
            tables = tuple(sorted(_tables(connection, keep), key=lambda table: -table.bytes))
            nodes = _one(connection, "SELECT count(DISTINCT node) FROM heartbeats")
            node_year = _node_year(connection, {table.name: table for table in tables}, nodes, keep)
            pages = _one(connection, "PRAGMA page_count")
    except sqlite3.Error as error:
        raise NoSuchDatabase(
            f"cannot read {path}", why=str(error), fix="as root or noc-watch; name --db FILE"
        ) from error
    return Stats(pages * page, log.stat().st_size if log.exists() else 0, free * page, tables, nodes, node_year)


def _one(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0] or 0)


def _tables(connection: sqlite3.Connection, keep: Keep) -> Iterator[TableSize]:
    kept = {
        "heartbeats": (keep.heartbeats,),
        "probes": (keep.heartbeats,),
        "rollups": (keep.minutes, keep.hours, keep.days),
        "events": (keep.events,),
        "incidents": (keep.incidents,),
    }
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


def _node_year(connection: sqlite3.Connection, tables: dict[str, TableSize], nodes: int, keep: Keep) -> dict[str, int]:
    found: dict[str, int] = {}
    newest = _one(connection, "SELECT max(at) FROM heartbeats")
    for name, kept in (("heartbeats", keep.heartbeats), ("probes", keep.heartbeats), ("events", keep.events)):
        table = tables[name]
        if nodes and table.oldest and (days := (newest - table.oldest) / DAY_MS) > 0:
            found[name] = round(table.bytes / days / nodes * min(YEAR_DAYS, kept))
    return found | _rollups_of_a_year(connection, tables["rollups"], keep)


def _rollups_of_a_year(connection: sqlite3.Connection, table: TableSize, keep: Keep) -> dict[str, int]:
    """One row a bucket for as long as the grain is kept, each as large as the grain's rows are now."""
    rows = connection.execute("SELECT grain, count(*), sum(length(fields)) FROM rollups GROUP BY grain").fetchall()
    text = {grain: length + ROW_OVERHEAD * count for grain, count, length in rows}
    share = {grain: table.bytes * text[grain] / sum(text.values()) / count for grain, count, _ in rows}
    kept = dict(zip(GRAINS, (keep.minutes, keep.hours, keep.days), strict=True))
    names = dict(zip(GRAINS, ("minutes", "hours", "days"), strict=True))
    a_day = DAY_MS // 1000
    return {
        names[grain]: round(size * a_day / grain * min(YEAR_DAYS, kept[grain]))
        for grain, size in share.items()
        if grain in kept
    }
