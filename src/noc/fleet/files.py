"""Writing files of the fleet directory so that a reader, or a crash, sees the old text or the new one."""

import os
from pathlib import Path


def replace(path: Path, text: str, *, mode: int | None = None) -> None:
    """Write a file whole: a temporary name beside it, fsynced, renamed over it, the directory fsynced.

    A link that somebody laid in the temporary's place is removed, never followed.

    Args:
        path: the file; its directory exists. A new one is 0644 less the umask.
        text: its new content, written as UTF-8.
        mode: what the file's is to be; None to keep that of an existing file.
    """
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with temporary.open("x", encoding="utf-8", newline="") as file:
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        elif path.exists():
            os.fchmod(file.fileno(), path.stat().st_mode & 0o777)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Let what was made, renamed or removed in a directory be on the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
