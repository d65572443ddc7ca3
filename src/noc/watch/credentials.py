"""Secrets of the watch, as systemd hands them to it: files in $CREDENTIALS_DIRECTORY, read when they are used."""

import os
import stat
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 4_096


def read_credential(name: str) -> str:
    """The first line of a credential; "" where HQ has none of that name, or it is too large to be one."""
    if (path := _path(name)) is None:
        return ""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError:
        return ""
    lines = content.decode(errors="replace").split("\n") if len(content) <= MAX_BYTES else [""]
    return lines[0].strip()


def exposed(name: str) -> bool:
    """Whether any login of the machine can read a credential (systemd.exec(5): its files are their user's alone)."""
    path = _path(name)
    try:
        return path is not None and bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def _path(name: str) -> Path | None:
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(directory) / name if directory else None
