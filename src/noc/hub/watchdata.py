"""The watch's database on its way to another noc: tried on a copy first, and put back with what came in meanwhile."""

import os
import pwd
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

from noc.hub.errors import MigrationFailed
from noc.hub.places import WATCH_STATE
from noc.watch.store.migration import copy_of

DATABASE: Final = WATCH_STATE / "watch.db"
TRY_S: Final = 600.0
_COUNTED: Final = ("heartbeats", "incidents", "events")


def try_migration(python: Path, database: Path = DATABASE) -> None:
    """Let another noc migrate a copy of the database, and look whether that is whole.

    Args:
        python: of the other noc's environment.
        database: in use; it is only read.

    Raises:
        MigrationFailed: it was not migrated, its integrity is gone, or rows are.
    """
    if not database.exists():
        return
    with tempfile.TemporaryDirectory(prefix=".noc-upgrade-", dir=database.parent.parent) as directory:
        copy = Path(directory) / database.name
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source, closing(_opened(copy)) as target:
            source.backup(target)
            before = _counts(target)
        command = [str(python), "-P", "-m", "noc.watch.store.migration", str(copy)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TRY_S, check=False)
        except subprocess.TimeoutExpired:
            raise MigrationFailed(f"a copy of {database} was not migrated within {TRY_S:.0f} s") from None
        if done.returncode:
            words = (done.stderr.strip().splitlines() or ["it was killed"])[-1][:500]
            raise MigrationFailed(
                f"the new noc cannot take over {database}", why=words, fix="report it, with these words"
            )
        _check(copy, before)


def _check(copy: Path, before: dict[str, int]) -> None:
    with closing(_opened(copy)) as connection:
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
        after = _counts(connection)
    if found != "ok":
        raise MigrationFailed("the migrated copy is not whole", why=str(found)[:500])
    if lost := [table for table in before if after.get(table, 0) < before[table]]:
        raise MigrationFailed(f"the migration loses rows of {', '.join(lost)}")


def put_back(database: Path = DATABASE, *, owner: str = "noc-watch") -> int:
    """Put the database from before its last migration back, with the pushes that were stored since; how many those are.

    Nothing has the database open meanwhile. Both files stay as they are until the new one is whole.

    Args:
        database: as the newer noc left it; the copy from before lies beside it.
        owner: whose it is.
    """
    before, merged = copy_of(database), database.with_name(f"{database.name}.merged")
    merged.unlink(missing_ok=True)
    with closing(sqlite3.connect(before)) as source, closing(_opened(merged)) as target:
        source.backup(target)
        target.execute("ATTACH DATABASE ? AS newer", (str(database),))
        kept = _take_over(target)
        target.execute("DETACH DATABASE newer")
        target.execute("PRAGMA journal_mode=DELETE")
    user = pwd.getpwnam(owner)
    os.chown(merged, user.pw_uid, before.stat().st_gid)
    merged.chmod(0o600)
    for suffix in ("-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    merged.replace(database)
    return kept


def _take_over(target: sqlite3.Connection) -> int:
    """Copy the pushes that the newer database has beyond the older, in the columns that both know."""
    columns = [row[1] for row in target.execute("PRAGMA main.table_info(heartbeats)")]
    known = {row[1] for row in target.execute("PRAGMA newer.table_info(heartbeats)")}
    names = ", ".join(f'"{name}"' for name in columns if name in known)
    last = "SELECT coalesce(max(id), 0) FROM main.heartbeats"
    with target:
        done = target.execute(
            f"INSERT INTO main.heartbeats ({names}) SELECT {names} FROM newer.heartbeats WHERE id > ({last})"  # noqa: S608
        )
    return done.rowcount


def _counts(connection: sqlite3.Connection) -> dict[str, int]:
    there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return {
        table: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own names
        for table in _COUNTED
        if table in there
    }


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=30)
