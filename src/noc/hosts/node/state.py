"""What the activator keeps on the disk, written so that a power cut at any moment leaves the old or the new."""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from .layout import Layout

BALLAST = 256 * 1024
SYSTEM_IN_FORCE = "system.json"
"""Names the set of packages that was confirmed last."""
KEEP_RELEASES, KEEP_VERDICTS = 5, 50


class Refused(Exception):
    """No, with a code for programs and a sentence for people. Nothing was changed."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


class Pending(NamedTuple):
    """An activation that is not settled: from before the first change until its verdict is written.

    `old` and `new` name releases, `config_old` and `config_new` configurations (None, None: it stays as it is).
    `snapshot` numbers the copy of the database from before, `restore_data` says that a rollback puts it back,
    `data_new` numbers the copy that comes with the new release (None: the data stay), and `data` tells what became of
    the database since: the number of the copy that is put in its place, whether that is done, and what was lost by it.
    `rolling_back` is why, once that is decided. `system_new` names the set of packages that comes (None: they stay).
    """

    run: str
    old: str | None
    new: str
    confirm_within: float
    health_within: float
    rolling_back: str = ""
    config_old: str | None = None
    config_new: str | None = None
    snapshot: int | None = None
    restore_data: bool = False
    data_new: int | None = None
    data: Mapping[str, Any] = {}
    system_new: str | None = None


def sync_directory(path: Path) -> None:
    """Make a renamed or removed name survive a power cut."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_json(layout: Layout, name: str, document: Any) -> None:  # noqa: ANN401 - any JSON document
    """Write one of our files whole and durably. On a full disk the ballast is given up for it."""
    path = layout.state(name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = json.dumps(document).encode()
    try:
        write_whole(path, content)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        layout.state("ballast").unlink(missing_ok=True)
        write_whole(path, content)


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in its place in one step, durably."""
    temporary = path.with_name(path.name + ".new")
    _write(temporary, content)
    temporary.replace(path)
    sync_directory(path.parent)


def lay_ballast(layout: Layout) -> None:
    """Hold some room back, so that a disk that fills up later cannot keep a verdict from being written."""
    _write(layout.state("ballast"), bytes(BALLAST))


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def read_json(layout: Layout, name: str) -> Any:  # noqa: ANN401
    """Read one of our files; None where there is none."""
    try:
        return json.loads(layout.state(name).read_bytes())
    except FileNotFoundError:
        return None


def read_pending(layout: Layout) -> Pending | None:
    """The unsettled activation, if there is one."""
    said = read_json(layout, "pending.json")
    return Pending(**said) if said else None


def current(layout: Layout) -> str | None:
    """The release that `current` points to."""
    try:
        return layout.current.readlink().name
    except FileNotFoundError:
        return None


def flip(layout: Layout, sha: str | None) -> None:
    """Point `current` to a release in one step, or remove it."""
    if sha is None:
        layout.current.unlink(missing_ok=True)
    else:
        temporary = layout.current.with_name("current.new")
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(f"releases/{sha}")
        temporary.replace(layout.current)
    sync_directory(layout.current.parent)


def proven(layout: Layout) -> list[dict[str, Any]]:
    """The releases that this node has proven, oldest proof first: sha, version, build, at."""
    return list(read_json(layout, "proven.json") or [])


@contextlib.contextmanager
def locked(layout: Layout, name: str = "lock", within: float = 0) -> Iterator[None]:
    """Hold the node's only activation. Raises Refused("busy") where another process holds it longer than `within` s."""
    path = layout.state(name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    deadline = time.monotonic() + within
    with path.open("ab") as file:
        while not _try_lock(file):
            if time.monotonic() >= deadline:
                raise Refused("busy", "another activation is under way on this node")
            time.sleep(0.05)
        yield


def _try_lock(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def settle(layout: Layout) -> None:
    """Nothing is open any more: the verdict is written."""
    for name in ("pending.json", "ballast"):
        layout.state(name).unlink(missing_ok=True)
    sync_directory(layout.state("pending.json").parent)


def prune(layout: Layout, keep: set[str]) -> None:
    """Remove what was staged longest ago (never the releases to keep), and what is known of old runs."""
    releases = list(layout.release("").iterdir())
    releases.sort(key=lambda path: (path.name in keep, path.stat().st_mtime), reverse=True)
    for path in releases[KEEP_RELEASES:]:
        shutil.rmtree(path, ignore_errors=True)
    for pattern in ("verdicts/*.json", "orders/*.json", "answers/*.json", "answers/*.go"):
        old = sorted(layout.state("").glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in old[KEEP_VERDICTS:]:
            path.unlink(missing_ok=True)
