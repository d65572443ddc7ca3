"""The service's database: room for it, and a copy of it before a release is changed."""

import contextlib
import shutil
import sqlite3

from .layout import Layout
from .state import Refused, lay_ballast


def check_room(layout: Layout) -> None:
    """Raises Refused("disk") unless the database's snapshot fits with a reserve; lays the ballast down."""
    layout.state("snapshots").mkdir(mode=0o700, parents=True, exist_ok=True)
    size = sum(path.stat().st_size for path in layout.database.parent.glob(layout.database.name + "*"))
    free = shutil.disk_usage(layout.state("snapshots")).free
    if free < size + layout.reserve:
        raise Refused("disk", f"{size + layout.reserve} bytes are needed for the database's snapshot, {free} are free")
    lay_ballast(layout)


def snapshot(layout: Layout, run: str) -> None:
    """Copy the database while the service goes on. For people: a rollback never takes back an acknowledged write."""
    if not layout.database.exists():
        return
    copy = layout.state(f"snapshots/{run}.db")
    try:
        with (
            contextlib.closing(sqlite3.connect(f"file:{layout.database}?mode=rw", uri=True, timeout=10)) as source,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target, pages=256)
    except (sqlite3.Error, OSError) as error:
        copy.unlink(missing_ok=True)
        raise Refused("snapshot", f"the database could not be copied: {error}") from None
