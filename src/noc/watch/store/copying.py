"""From a SQLite file to PostgreSQL: what is there is copied while the watch serves, the rest when it starts anew.

Rows with numbers only ever come at the end, and rollups change where time is, so that the second part is small. It is
one transaction: either the watch has moved, or nothing has changed. The table `copying` is there from the beginning of
the first part to the end of the second, and says from which file and since when.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from noc.fleet.storing import Address
from noc.watch.errors import DatabaseAway, NoSuchDatabase, NotCopied, NotEmpty, NotWhole
from noc.watch.store.carrier import NUMBERED, SMALL, Carrier
from noc.watch.store.engine import trouble
from noc.watch.store.migration import migrate
from noc.watch.store.postgres import open_postgres
from noc.watch.store.schema import HEAD, metadata, rollups

BUSY_S: Final = 30.0
MARGIN_MS: Final = 7_200_000
"""Buckets that ended so long before the copy began may have changed since, where the clock was set back."""

Tell = Callable[[str, int], object]
"""Called with a table's name, and how many of its rows were copied so far."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What the first part came to.

    Attributes:
        rows: rows that it copied this time.
        rest: about how many are left for the second part, as of now.
        wait_s: for about how many seconds pushes will wait for those.
    """

    rows: int
    rest: int
    wait_s: float


def silent(_table: str, _rows: int) -> None:
    """Tell nobody how far a copy is."""


def copy(file: Path, address: Address, tell: Tell = silent) -> Copied:
    """The first part: copy a file that is in use, or go on with a copy that was interrupted.

    Args:
        file: the watch's SQLite file; it is only read.
        address: a database that is empty, or holds what an earlier copy of this file brought.
        tell: hears how far it is.

    Raises:
        NoSuchDatabase, NotEmpty, NotWhole, StoreTrouble, NewerDatabase: nothing has moved; the file is as it was.
    """
    rows, began = 0, time.monotonic()
    with _source(file) as source, _target(address) as target:
        migrate(target.engine)
        since = _begin(file, target)
        carrier = Carrier(source, target)
        for table in (*NUMBERED, rollups):
            of_table = 0
            for count in _committed(carrier.append(table), target):
                rows, of_table = rows + count, of_table + count
                tell(table.name, of_table)
        if short := carrier.short():
            raise NotWhole(f"less of {', '.join(short)} has arrived than there is", fix="say it again")
        rest = carrier.rest(since - MARGIN_MS)
    rate = max(5_000.0, rows / max(0.001, time.monotonic() - began))
    return Copied(rows, rest, round(1 + rest / rate, 1))


def finish_copy(file: Path, address: Address, alive: Callable[[], object]) -> int:
    """The second part, before the watch serves: copy what came since the first, and put the file aside.

    Args:
        file: the file that the watch had, if it had one; nobody else writes to it.
        address: the database that it has now, with this release's schema.
        alive: called from time to time.

    Returns:
        How many rows it copied; 0 where no copy had begun.

    Raises:
        NotCopied: the database is empty, the file is not, and there was no first part.
        NotWhole, StoreTrouble: nothing has moved; the file is as it was.
    """
    with _target(address) as target:
        begun = _begun(target)
        if begun is None:
            if file.exists() and _is_empty(target) and _holds_something(file):
                raise NotCopied(f"{file} is not in {address} yet", fix=f"noc watch migrate --to '{address}'")
            return 0
        if not file.exists():
            raise NotCopied(f"half of {begun[0]} was copied, and it is not at {file}", fix="put it back there")
        with _source(file, mode="rw") as source:
            source.execute("BEGIN IMMEDIATE")  # a watch that still ran could not write what would be missed
            count = _second(Carrier(source, target), begun[1], alive)
            target.execute(text("DROP TABLE copying"))
            target.commit()
            source.rollback()
            source.execute("PRAGMA journal_mode=DELETE")  # what is in its log goes along with the file
    file.replace(file.with_name(f"{file.name}.moved"))
    return count


def _second(carrier: Carrier, since: int, alive: Callable[[], object]) -> int:
    count = 0
    for table in NUMBERED:
        for rows in carrier.append(table):
            count += rows
            alive()
    count += carrier.renew(since - MARGIN_MS)
    for table in SMALL:
        alive()
        count += carrier.replace(table)
    carrier.number_on()
    if unlike := carrier.unequal():
        raise NotWhole(f"{', '.join(unlike)} did not arrive as they were", fix="start the watch again")
    return count


def _committed(counts: Iterator[int], target: Connection) -> Iterator[int]:
    """Each step is a transaction of its own, so that what has arrived stays if the copy is interrupted."""
    for count in counts:
        target.commit()
        yield count


@contextmanager
def _source(file: Path, *, mode: str = "ro") -> Iterator[sqlite3.Connection]:
    """The file; its schema must be this release's."""
    try:
        with closing(
            sqlite3.connect(f"file:{quote(str(file))}?mode={mode}", uri=True, timeout=BUSY_S, isolation_level=None)
        ) as source:
            [(known,)] = source.execute("SELECT version_num FROM alembic_version")
            if known != HEAD:
                what = f"{file} has the schema of another release"
                raise NoSuchDatabase(what, why=f"{known}, not {HEAD}", fix="start this release's watch on it once")
            yield source
    except sqlite3.Error as error:
        raise NoSuchDatabase(f"cannot read {file}", why=str(error), fix="as root; or name --db FILE") from error


@contextmanager
def _target(address: Address) -> Iterator[Connection]:
    """A connection on which a statement may take its time."""
    engine = open_postgres(address, patience_s=None)
    what = f"{address} did not take the copy"
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise trouble(what, error) from error
    except psycopg.Error as error:  # COPY goes past SQLAlchemy
        raise DatabaseAway(what, why=str(error).partition("\n")[0], fix="see the log of PostgreSQL") from error
    finally:
        engine.dispose()


def _begin(file: Path, target: Connection) -> int:
    """Mark that a copy has begun, or find the mark of the one that goes on; when it began, ms UTC."""
    begun = _begun(target)
    if begun is not None and begun[0] == str(file.resolve()):
        return begun[1]
    if begun is not None or not _is_empty(target):
        raise NotEmpty("the database holds other rows already", fix="make an empty one with createdb, and name it")
    now = time.time_ns() // 1_000_000
    target.execute(text("CREATE TABLE copying (source text NOT NULL, begun int8 NOT NULL, reached json)"))
    target.execute(
        text("INSERT INTO copying (source, begun) VALUES (:source, :begun)"),
        {"source": str(file.resolve()), "begun": now},
    )
    target.commit()
    return now


def _begun(target: Connection) -> tuple[str, int] | None:
    """From which file a copy has begun that is not finished, and when (ms UTC)."""
    if not inspect(target).has_table("copying"):
        return None
    source, begun = target.execute(text("SELECT source, begun FROM copying")).one()
    return source, begun


def _is_empty(target: Connection) -> bool:
    rows = (target.execute(select(1).select_from(table).limit(1)).first() for table in metadata.sorted_tables)
    return all(row is None for row in rows)


def _holds_something(file: Path) -> bool:
    with _source(file) as source:
        tables = (table.name for table in metadata.sorted_tables)
        return any(source.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() for name in tables)  # noqa: S608
