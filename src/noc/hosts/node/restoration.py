"""The database put back as a snapshot holds it: only when that is asked for, and never without naming the loss."""

import contextlib
import os
import pwd
import shutil
import sqlite3
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from .database import Snapshot, last_snapshot_of_release, schema, snapshot_of, take_snapshot
from .layout import Layout
from .loss import in_words, loss
from .release import identity
from .state import Pending, Refused, proven, sync_directory

USER = "clavitor"
"""Whom the service runs as."""
ASIDE = ".given-up"
"""Ends the name of a database that could not be copied before another one took its place."""
_LOGS = ("-wal", "-shm", "-journal")


class Change(Protocol):
    """What is pending, and how to change it durably."""

    layout: Layout
    order: Pending

    def remember(self, **changes: Any) -> None:  # noqa: ANN401 - fields of Pending
        """Write it down."""


def data_for(layout: Layout, pending: Pending) -> int | None:
    """The number of the snapshot that becomes the database, None where the present one stays.

    It is the one that the order names; with an older release that this node has proven and `restore_data`, the one that
    was taken when the node last left that release. Raises Refused("no-snapshot", "schema").
    """
    if pending.data_new is not None:
        return _named(layout, pending, pending.data_new)
    known = {entry["sha"]: int(entry.get("build", 0)) for entry in proven(layout)}
    if not (pending.restore_data and pending.old and pending.new in known):
        return None
    if known[pending.new] >= int(identity(layout, pending.old).get("build", 0)):
        return None
    return last_snapshot_of_release(layout, pending.new).number


def _named(layout: Layout, pending: Pending, number: int) -> int:
    """The running release has brought the present data to its own schema, and takes none that is newer."""
    if (found := snapshot_of(layout, number)) is None:
        raise Refused("no-snapshot", f"this node has no snapshot {number}")
    now = schema(layout)
    if pending.new == pending.old and now is not None and found.schema > now:
        raise Refused("schema", f"the data have schema {found.schema}, the release that runs knows {now}")
    return number


def put_forward(change: Change) -> None:
    """Put other data in place, where the order says so. Raises OSError, sqlite3.Error.

    What is given up is copied once more with the service stopped: it is that copy to which a turn-back returns.
    """
    wanted, pending = snapshot_of(change.layout, change.order.data_new), change.order
    if wanted is None:
        return
    subprocess.run(change.layout.stop, capture_output=True, timeout=90, check=True)
    given_up = _give_up(change, wanted, base=wanted, since=wanted.at, ran=pending.old)
    change.remember(snapshot=given_up["kept"] or pending.snapshot, data=given_up)
    _put_in_place(change, wanted)


def put_back(change: Change, *, running: bool) -> None:
    """Put the data from before the change back, where that was asked for; what prevents it is said in the verdict.

    At boot no service runs yet, and none may be stopped: its start would be called off.
    """
    pending = change.order
    if not pending.restore_data or pending.snapshot is None:
        return
    before = snapshot_of(change.layout, pending.snapshot)
    said = pending.data
    forward = bool(said.get("done")) and said["number"] != pending.snapshot
    base = snapshot_of(change.layout, said["number"]) if forward else before
    try:
        if before is None or base is None:
            raise FileNotFoundError(f"snapshot {pending.snapshot} is gone")
        if said.get("number") == before.number and said.get("done"):
            return
        if running:
            subprocess.run(change.layout.stop, capture_output=True, timeout=90, check=True)
        if said.get("number") != before.number:
            since = said["at"] if forward else base.at
            change.remember(data=_give_up(change, before, base=base, since=since, ran=pending.new))
        _put_in_place(change, before)
    except (OSError, sqlite3.Error, subprocess.SubprocessError) as error:
        change.remember(data={"number": pending.snapshot, "done": False, "failed": f"{error}"})


def _give_up(change: Change, wanted: Snapshot, *, base: Snapshot, since: str, ran: str | None) -> dict[str, Any]:
    """What is lost by giving the present data up for a snapshot's, and the copy of them that is kept for people.

    Without room for that copy there is none. Whoever remembers this and is cut goes on from here to the same end.
    """
    lost = loss(change.layout, base, since) if change.layout.database.exists() else None
    try:
        kept = take_snapshot(change.layout, change.order.run, ran)
    except Refused:
        kept = None
    return {"number": wanted.number, "done": False, "loss": lost, "kept": kept.number if kept else None}


def _put_in_place(change: Change, snapshot: Snapshot) -> None:
    """Make a snapshot the database; nobody has it open.

    The write-ahead log goes first: it would be replayed onto whatever file has the database's name. Data of which no
    copy could be made are set aside with it, as they are.
    """
    layout, database = change.layout, change.layout.database
    fresh = _fresh(layout, snapshot)
    if change.order.data["kept"] is None and database.exists():
        _set_aside(database)
    for suffix in _LOGS:
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    sync_directory(database.parent)
    fresh.replace(database)
    sync_directory(database.parent)
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    change.remember(data={**change.order.data, "done": True, "at": at})


def _fresh(layout: Layout, snapshot: Snapshot) -> Path:
    """A copy of a snapshot beside the database, with its owner and mode."""
    database = layout.database
    _make_home(database.parent)
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
    return fresh


def _make_home(directory: Path) -> None:
    """Where no service has run yet, its directory is not there either: systemd makes it at the first start."""
    if directory.exists():
        return
    directory.mkdir(mode=0o700, parents=True)
    with contextlib.suppress(KeyError):
        user = pwd.getpwnam(USER)
        os.chown(directory, user.pw_uid, user.pw_gid)
    sync_directory(directory.parent)


def _set_aside(database: Path) -> None:
    """Keep what no copy could be made of under another name, its log with it."""
    for suffix in _LOGS:
        if (log := database.with_name(database.name + suffix)).exists():
            log.replace(database.with_name(f"{database.name}{ASIDE}{suffix}"))
    database.replace(database.with_name(database.name + ASIDE))


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
        return in_words(said["loss"]) + kept if said["loss"] else "there were no data before"
    if before and pending.rolling_back and (now := schema(layout)) != before.schema:
        return f"the database stays as it is: its schema is {now}, and was {before.schema} before"
    return ""
