"""Copies of the service's database, taken before each change while the service goes on, and proven readable."""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from .layout import Layout
from .state import Refused, lay_ballast, read_json, sync_directory, write_json

KEEP_NEWEST = 3


class Snapshot(NamedTuple):
    """A copy of the database. Numbers rise with each copy, whatever the clock says.

    `release` is the one that ran until then, `at` when it was taken (ISO 8601, UTC), `schema` the database's
    `user_version`, `bytes` the copy's size.
    """

    number: int
    run: str
    at: str
    release: str | None
    schema: int
    bytes: int

    def file(self, layout: Layout) -> Path:
        """Where it lies."""
        return layout.state(f"snapshots/{self.number}.db")


@contextlib.contextmanager
def opened(path: Path, mode: str = "mode=rw") -> Iterator[sqlite3.Connection]:
    """A database of ours; `immutable=1` for a copy that nobody writes to."""
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=10)) as connection:
        yield connection


def schema(layout: Layout) -> int | None:
    """The schema of the database as it is now; None where there is none, or none that can be read."""
    try:
        with opened(layout.database) as database:
            return schema_in(database)
    except sqlite3.Error:
        return None


def schema_in(database: sqlite3.Connection) -> int:
    """The schema of an open database (`user_version`)."""
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def check_room(layout: Layout, data: int | None = None) -> None:
    """Raises Refused("disk") unless the database's snapshot fits with a reserve; lays the ballast down.

    Where another snapshot is to become the database, that one fits as well, and a second copy of the present data.
    """
    layout.state("snapshots").mkdir(mode=0o700, parents=True, exist_ok=True)
    size = database_size(layout)
    if (coming := snapshot_of(layout, data)) is not None:
        size += size + coming.bytes
    free = shutil.disk_usage(layout.state("snapshots")).free
    if free < size + layout.reserve:
        raise Refused("disk", f"{size + layout.reserve} bytes are needed for the database's snapshot, {free} are free")
    lay_ballast(layout)


def database_size(layout: Layout) -> int:
    """Bytes of the database with its log."""
    return sum(path.stat().st_size for path in layout.database.parent.glob(layout.database.name + "*"))


def snapshots(layout: Layout) -> list[Snapshot]:
    """The copies that lie here whole, oldest first."""
    found = [read_json(layout, f"snapshots/{path.name}") for path in layout.state("snapshots").glob("*.json")]
    known = sorted((Snapshot(**said) for said in found), key=lambda snapshot: snapshot.number)
    return [snapshot for snapshot in known if snapshot.file(layout).exists()]


def snapshot_of(layout: Layout, number: int | None) -> Snapshot | None:
    """The copy with a number."""
    return next((snapshot for snapshot in snapshots(layout) if snapshot.number == number), None)


def last_snapshot_of_release(layout: Layout, release: str) -> Snapshot:
    """The copy that was taken when the node last left a release. Raises Refused("no-snapshot")."""
    left = [snapshot for snapshot in snapshots(layout) if snapshot.release == release]
    if not left:
        raise Refused("no-snapshot", f"no snapshot is left from when this node ran {release[:12]}")
    return left[-1]


def next_number(layout: Layout) -> int:
    """The number of the next copy."""
    return 1 + max((snapshot.number for snapshot in snapshots(layout)), default=0)


def take_snapshot(layout: Layout, run: str, release: str | None) -> Snapshot | None:
    """Copy the database while the service goes on, and see that the copy is whole.

    Returns None where there is no database yet; raises Refused("snapshot"), and leaves nothing.
    """
    if not layout.database.exists():
        return None
    number = next_number(layout)
    copy = layout.state(f"snapshots/{number}.db")
    copy.unlink(missing_ok=True)
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    try:
        found = _copy(layout.database, copy)
        snapshot = Snapshot(number, run, at, release, found, copy.stat().st_size)
        write_json(layout, f"snapshots/{number}.json", snapshot._asdict())
    except (sqlite3.Error, OSError) as error:
        copy.unlink(missing_ok=True)
        raise Refused("snapshot", f"the database could not be copied: {error}") from None
    return snapshot


def copy_while_used(source: Path, target: Path) -> None:
    """Copy a database in one step, so that writes meanwhile do not make it begin anew; WAL keeps them going."""
    target.touch(mode=0o600)
    with opened(source) as old, opened(target) as new:
        # Nothing to go back to in a new file; whoever tells of it syncs it first.
        new.execute("PRAGMA journal_mode=OFF")
        new.execute("PRAGMA synchronous=OFF")
        old.backup(new)


def _copy(source: Path, target: Path) -> int:
    """The copy's schema."""
    copy_while_used(source, target)
    with opened(target, "immutable=1") as copy:
        if (said := copy.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(f"the copy is damaged: {said}")
        found = schema_in(copy)
    with target.open("rb") as file:
        os.fsync(file.fileno())
    sync_directory(target.parent)
    return found


def prune_snapshots(layout: Layout) -> None:
    """Keep the newest, and for each release on the node the one from when it was last left."""
    known = snapshots(layout)
    last = {snapshot.release: snapshot.number for snapshot in known}
    here = {path.name for path in layout.release("").glob("*")}
    keep = {number for release, number in last.items() if release in here}
    keep |= {snapshot.number for snapshot in known[-KEEP_NEWEST:]}
    for path in layout.state("snapshots").glob("*"):
        if path.stem not in {str(number) for number in keep}:
            path.unlink(missing_ok=True)


def as_facts(layout: Layout) -> list[dict[str, Any]]:
    """The copies as JSON, oldest first."""
    return [snapshot._asdict() for snapshot in snapshots(layout)]
