"""The database put back as a snapshot holds it: only when that is asked for, and never without naming the loss."""

import os
import shutil
import sqlite3
import subprocess
from typing import Any, Protocol

from .database import Snapshot, last_snapshot_of_release, schema, snapshot_of, take_snapshot
from .layout import Layout
from .loss import in_words, loss
from .release import identity
from .state import Pending, Refused, proven, sync_directory


class Change(Protocol):
    """What is pending, and how to change it durably."""

    layout: Layout
    order: Pending

    def remember(self, **changes: Any) -> None:  # noqa: ANN401 - fields of Pending
        """Write it down."""


def data_for(layout: Layout, pending: Pending) -> int | None:
    """The number of the snapshot that comes with the new release: where it is an older one that this node has proven.

    It is the one that was taken when the node last left that release. Raises Refused("no-snapshot").
    """
    known = {entry["sha"]: int(entry.get("build", 0)) for entry in proven(layout)}
    if not (pending.restore_data and pending.old and pending.new in known):
        return None
    if known[pending.new] >= int(identity(layout, pending.old).get("build", 0)):
        return None
    return last_snapshot_of_release(layout, pending.new).number


def put_forward(change: Change) -> None:
    """Put the older release's data in place, where the order says so. Raises OSError, sqlite3.Error."""
    if (wanted := snapshot_of(change.layout, change.order.data_new)) is not None:
        _replace(change, wanted, base=wanted, running=True)


def put_back(change: Change, *, running: bool) -> None:
    """Put the data from before the change back, where that was asked for; what prevents it is said in the verdict.

    At boot no service runs yet, and none may be stopped: its start would be called off.
    """
    pending = change.order
    if not pending.restore_data or pending.snapshot is None:
        return
    before = snapshot_of(change.layout, pending.snapshot)
    base = snapshot_of(change.layout, pending.data.get("number")) if pending.data.get("done") else before
    try:
        if before is None or base is None:
            raise FileNotFoundError(f"snapshot {pending.snapshot} is gone")
        _replace(change, before, base=base, running=running)
    except (OSError, sqlite3.Error, subprocess.SubprocessError) as error:
        change.remember(data={"number": pending.snapshot, "done": False, "failed": f"{error}"})


def _replace(change: Change, wanted: Snapshot, *, base: Snapshot, running: bool) -> None:
    """Give the present data up for a snapshot's. Cut anywhere, it is taken up again and comes to the same."""
    said = change.order.data
    if said.get("number") == wanted.number and said.get("done"):
        return
    if running:
        subprocess.run(change.layout.stop, capture_output=True, timeout=90, check=True)
    if said.get("number") != wanted.number:
        lost, kept = loss(change.layout, base), _keep_a_copy(change)
        change.remember(data={"number": wanted.number, "done": False, "loss": lost, "kept": kept})
    _put_in_place(change.layout, wanted)
    change.remember(data={**change.order.data, "done": True})


def _keep_a_copy(change: Change) -> int | None:
    """A snapshot of the data that is given up, for people; without room for it there is none."""
    try:
        kept = take_snapshot(change.layout, change.order.run, change.order.new)
    except Refused:
        return None
    return kept.number if kept else None


def _put_in_place(layout: Layout, snapshot: Snapshot) -> None:
    """Make a snapshot the database; nobody has it open.

    The write-ahead log goes first: it would be replayed onto whatever file has the database's name.
    """
    database = layout.database
    fresh = database.with_name(database.name + ".restored")
    like = database.stat() if database.exists() else None
    owner = like or database.parent.stat()
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - a descriptor
        with snapshot.file(layout).open("rb") as copy:
            shutil.copyfileobj(copy, file)
        os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        os.fchmod(file.fileno(), like.st_mode & 0o777 if like else 0o600)
        file.flush()
        os.fsync(file.fileno())
    for suffix in ("-wal", "-shm", "-journal"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    sync_directory(database.parent)
    fresh.replace(database)
    sync_directory(database.parent)


def account(layout: Layout, pending: Pending) -> dict[str, Any]:
    """What a verdict says of the data: the snapshot from before, the loss, and a sentence where there is one to say."""
    before = snapshot_of(layout, pending.snapshot)
    return {
        "snapshot": before._asdict() if before else None,
        "loss": pending.data.get("loss") if pending.data.get("done") else None,
        "data": _sentence(layout, pending, before),
    }


def _sentence(layout: Layout, pending: Pending, before: Snapshot | None) -> str:
    said = pending.data
    if why := said.get("failed"):
        return f"the database could not be put back, and stays as it is: {why}"
    if said.get("done"):
        kept = f"; it is kept as snapshot {said['kept']}" if said.get("kept") else ""
        return in_words(said["loss"]) + kept
    if before and pending.rolling_back and (now := schema(layout)) != before.schema:
        return f"the database stays as it is: its schema is {now}, and was {before.schema} before"
    return ""
