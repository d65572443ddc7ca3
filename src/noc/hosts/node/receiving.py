"""A database that HQ sends, so that it becomes a snapshot, which an order may then put in place."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from .database import Snapshot, database_size, next_number, opened, prune_snapshots, schema, schema_in
from .layout import Layout
from .loss import counted
from .state import Refused, locked, read_pending, sync_directory, write_json


def receive(layout: Layout, sha256: str, *, size: int, run: str, at: str) -> dict[str, Any]:
    """Take a database of `size` bytes that was copied at a time (ISO 8601): asked before it is sent, and again after.

    Returns `path`, where it belongs, and the `number` of the snapshot that it has become, None while it is not there.
    Raises Refused("disk", "busy", "data").
    """
    path = layout.state(f"incoming/{sha256}.db")
    with locked(layout, within=10):
        if read_pending(layout) is not None:
            raise Refused("busy", "an activation is not settled on this node")
        if path.is_file():
            return {"ok": True, "path": str(path), "number": _register(layout, path, run, at)}
        _make_room(layout, path, size)
    return {"ok": True, "path": str(path), "number": None}


def present(layout: Layout) -> dict[str, Any]:
    """The database as it is now: schema, bytes, rows by table; None for what cannot be read."""
    return {"ok": True, "schema": schema(layout), "bytes": database_size(layout), "rows": counted(layout)}


def _make_room(layout: Layout, path: Path, size: int) -> None:
    """Let go of what earlier attempts have left, but not of the part of this one that is here."""
    for directory in (path.parent, layout.state("snapshots")):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    prune_snapshots(layout)
    part = path.with_name(path.name + ".part")
    for other in path.parent.iterdir():
        if other != part:
            other.unlink()
    here = part.stat().st_size if part.exists() else 0
    # Beside it come the copy that takes the database's place, and two copies of the present one.
    wanted = 2 * size - here + 2 * database_size(layout) + layout.reserve
    if (free := shutil.disk_usage(path.parent).free) < wanted:
        raise Refused("disk", f"{wanted} bytes are needed to put {size} bytes of data back, {free} are free")


def _register(layout: Layout, path: Path, run: str, at: str) -> int:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != path.stem:
        path.unlink()
        raise Refused("data", "what was sent is not what it should be: it was changed on the way")
    with opened(path, "immutable=1") as database:
        version = schema_in(database)
    number = next_number(layout)
    snapshot = Snapshot(number, run, at, None, version, path.stat().st_size)
    os.chmod(path, 0o600)  # noqa: PTH101 - the neighbours' way
    path.replace(snapshot.file(layout))
    sync_directory(snapshot.file(layout).parent)
    write_json(layout, f"snapshots/{number}.json", snapshot._asdict())
    return number
