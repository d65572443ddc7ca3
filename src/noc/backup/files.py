"""Files that survive a power cut whole or not at all, for their owner alone; read back within bounds."""

import errno
import os
from pathlib import Path

from noc.backup.errors import BackupDamaged, BackupError, NoRoom

DIRECTORY, SHARED, FILE = 0o700, 0o750, 0o600
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def write(path: Path, content: bytes) -> None:
    """Put a file in its place in one step: a temporary name beside it, fsynced, renamed, its directory fsynced.

    Args:
        path: the file; its directories are made where they are missing, mode 0700.
        content: all of it, mode 0600.

    Raises:
        NoRoom: the disk is full; nothing of it stays.
        BackupError: the system refused otherwise.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        _make(path.parent)
        _fill(temporary, content)
        temporary.rename(path)
        sync(path.parent)
    except OSError as error:
        raise refused(path, error) from error


def read(path: Path, limit: int) -> bytes:
    """The content of a file.

    Raises:
        BackupDamaged: it is missing, or longer than `limit` bytes.
        BackupError: the system refused.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise BackupDamaged(f"{path} is missing") from None
    except OSError as error:
        raise refused(path, error) from error
    if len(content) > limit:
        raise BackupDamaged(f"{path} is longer than {limit} bytes")
    return content


def open_to_group(directory: Path) -> None:
    """Make a directory whose names its group may see, where it is missing.

    Raises:
        BackupError, NoRoom: the system refused.
    """
    try:
        _make(directory)
        directory.chmod(SHARED)
    except OSError as error:
        raise refused(directory, error) from error


def sync(directory: Path) -> None:
    """Make new, renamed and removed names of a directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refused(path: Path, error: OSError) -> BackupError:
    """What the system's refusal means for a backup."""
    if error.errno in _FULL:
        fix = "free space on HQ: noc prune --plan says what could go; then give the command again"
        return NoRoom(f"{path} could not be written", why="HQ's disk is full", fix=fix)
    return BackupError(f"{path} cannot be used", why=error.strerror or str(error), fix=f"ls -la {path.parent}")


def _make(directory: Path) -> None:
    if directory.is_dir():
        return
    _make(directory.parent)
    directory.mkdir(mode=DIRECTORY, exist_ok=True)
    sync(directory.parent)


def _fill(temporary: Path, content: bytes) -> None:
    temporary.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
