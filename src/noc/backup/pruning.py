"""Letting old backups go: first what is listed, then the chunks and epochs that nothing listed needs."""

import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from noc.backup.chunks import Chunks
from noc.backup.files import refused, sync
from noc.backup.manifest import Manifest
from noc.backup.retention import reasons
from noc.fleet.backing import Backup

LEFT = timedelta(days=2)
"""For so long chunks stay that a backup brought which was cut: the next one goes on from there."""


@dataclass(frozen=True)
class Gone:
    """What went.

    Attributes:
        backups: names.
        chunks: how many.
        epochs: ids.
        bytes: of all that.
    """

    backups: tuple[str, ...] = ()
    chunks: int = 0
    epochs: tuple[str, ...] = ()
    bytes: int = 0


def prune(
    directory: Path, manifests: Sequence[Manifest], terms: Backup, now: datetime, *, collect: bool = True
) -> Gone:
    """Remove what retention does not keep.

    Args:
        directory: of one node.
        manifests: all of them that can be read.
        terms: how many stay.
        now: the time, UTC.
        collect: whether chunks go, too: not while a manifest cannot be read, which may need them.

    Raises:
        BackupError: the system refused; what has gone so far is gone.
    """
    kept = reasons([each.at for each in manifests], terms)
    gone = [each for each in manifests if each.at not in kept]
    try:
        size = _unlink(directory / f"{each.name}.json" for each in gone)
        stays = [each for each in manifests if each.at in kept]
        chunks, of_chunks = _collect_chunks(directory, stays, now) if collect else (0, 0)
        ids, of_epochs = _collect_epochs(directory, stays, now) if collect else ((), 0)
    except OSError as error:
        raise refused(directory, error) from error
    return Gone(tuple(each.name for each in gone), chunks, ids, size + of_chunks + of_epochs)


def _collect_chunks(directory: Path, stays: Sequence[Manifest], now: datetime) -> tuple[int, int]:
    named = {(each.epoch, name) for each in stays for name in each.names}
    found = [
        path
        for epoch in _entries(directory / "chunks")
        for path in Chunks(epoch, b"").files()
        if (epoch.name, path.stem) not in named and _is_old(path, now)
    ]
    return len(found), _unlink(found)


def _collect_epochs(directory: Path, stays: Sequence[Manifest], now: datetime) -> tuple[tuple[str, ...], int]:
    """Epochs that no backup belongs to, oldest first; the newest stays while it is young: its first backup may come."""
    named = {each.epoch for each in stays}
    records = sorted(path for path in _entries(directory / "epochs") if path.suffix == ".json")
    gone = [path for path in records if path.stem not in named and (path != records[-1] or _is_old(path, now))]
    size = _unlink(gone)
    for path in gone:
        shutil.rmtree(directory / "chunks" / path.stem, ignore_errors=True)
    return tuple(path.stem for path in gone), size


def _entries(directory: Path) -> Collection[Path]:
    return sorted(path for path in directory.glob("*") if path.name[0] != ".")


def _is_old(path: Path, now: datetime) -> bool:
    return now.timestamp() - path.stat().st_mtime > LEFT.total_seconds()


def _unlink(paths: Iterator[Path] | Sequence[Path]) -> int:
    """Remove files durably; the bytes that they took."""
    size, directories = 0, set()
    for path in paths:
        size += path.stat().st_size
        path.unlink()
        directories.add(path.parent)
    for each in directories:
        sync(each)
    return size
