"""The second place: where HQ's backups go, so that they are not lost with it. A directory, or one behind SFTP."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from noc.fleet.files import sync_directory
from noc.hub.errors import SecondAbsent, SecondDiffers

BLOCK = 256 * 1024
_NAME = re.compile(r"noc-([a-z][a-z0-9-]{0,62})-(\d{8}T\d{9}Z)\.tar\.gz\.age")


@dataclass(frozen=True)
class Copy:
    """A backup of HQ that lies somewhere: its file's name, its size in bytes."""

    name: str
    bytes: int

    @property
    def at(self) -> datetime:
        """When it was made, UTC, as its name says."""
        match = _NAME.fullmatch(self.name)
        assert match is not None
        return datetime.strptime(match[2], "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {"name": self.name, "bytes": self.bytes, "at": self.at.isoformat()}


def name_of(hub: str, at: datetime) -> str:
    """The file's name of a backup, to the millisecond: names of one HQ sort by time."""
    utc = at.astimezone(UTC)
    return f"noc-{hub}-{utc:%Y%m%dT%H%M%S}{utc.microsecond // 1000:03d}Z.tar.gz.age"


def copies(names: Iterator[tuple[str, int]], hub: str) -> tuple[Copy, ...]:
    """Those of an HQ among files, newest first; whatever else lies there is nobody's business."""
    found = [Copy(name, size) for name, size in names if (match := _NAME.fullmatch(name)) and match[1] == hub]
    return tuple(sorted(found, key=lambda copy: copy.name, reverse=True))


class Place(Protocol):
    """Somewhere that keeps files."""

    where: str

    def put(self, source: Path, name: str) -> None:
        """Bring a file there whole, or nothing of it; returns once it was synced, and read back as it should be.

        Raises:
            SecondAbsent, SecondDiffers: what their docstrings say.
        """

    def files(self) -> Iterator[tuple[str, int]]:
        """Name and size of what lies there. Raises SecondAbsent."""

    def remove(self, name: str) -> None:
        """Remove a file. Raises SecondAbsent."""


class Directory:
    """A place in this machine's own file system: a disk that is mounted here.

    Args:
        path: has to be there. A directory below the mount point is missing whenever the disk is.
    """

    def __init__(self, path: Path) -> None:
        self._path, self.where = path, str(path)
        if not path.is_dir():
            fix = "mount it, or mend backup.second in fleet.toml"
            raise SecondAbsent(f"the second place {path} is not there", why="it is no directory", fix=fix)

    def put(self, source: Path, name: str) -> None:
        """See `Place.put`."""
        part = self._path / f".{name}.part"
        with self._told():
            part.unlink(missing_ok=True)
            try:
                written = self._write(source, part)
                part.rename(self._path / name)
            finally:
                part.unlink(missing_ok=True)
            sync_directory(self._path)
            if file_sha256(self._path / name) != written:
                (self._path / name).unlink()
                raise differs(name, self.where)

    def files(self) -> Iterator[tuple[str, int]]:
        """See `Place.files`."""
        with self._told():
            yield from [(entry.name, entry.stat().st_size) for entry in os.scandir(self._path) if entry.is_file()]

    def remove(self, name: str) -> None:
        """See `Place.remove`."""
        with self._told():
            (self._path / name).unlink(missing_ok=True)

    def _write(self, source: Path, part: Path) -> str:
        digest = hashlib.sha256()
        with source.open("rb") as read, open(part, "xb", opener=_private) as file:
            while block := read.read(BLOCK):
                digest.update(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
            # What is read back is to come from the disk, not from memory.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return digest.hexdigest()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise absent(self.where, error.strerror or str(error)) from None


def absent(where: str, why: str) -> SecondAbsent:
    """The error for a place that does not take or give anything."""
    return SecondAbsent(f"the second place {where} cannot be used", why=why, fix="mend it, then: noc hub backup")


def differs(name: str, where: str) -> SecondDiffers:
    """The error for a copy that is not what was sent."""
    fix = "look after the disk there, then: noc hub backup"
    return SecondDiffers(f"{name} was not kept", why=f"{where} gives back something else than it was given", fix=fix)


def file_sha256(path: Path) -> str:
    """The hash of a file's content, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
