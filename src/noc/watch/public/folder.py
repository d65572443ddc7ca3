"""The folder of public files: each is replaced whole, and all of them are shown only while a mark says that they hold.

A mark is an empty file `fresh/N`, where N is the Unix time in units of ten seconds. The proxy shows the files while
there is a mark for the present, so that they lapse by themselves: nobody has to be alive to take them away, and no
clock but the machine's own is asked.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

SLOT_S: Final = 10
MARKS: Final = "fresh"
SHOWN_BY: Final = ".svg"
"""What only the present site has: a badge of a node that is gone goes, too."""


class Folder:
    """Writes a site; what has not changed is left alone, so that its ETag and its time stay."""

    def __init__(self, path: Path) -> None:
        """Take the folder, which exists."""
        self._path = path

    def write(self, files: Mapping[str, bytes], *, at: int, until: int) -> None:
        """Put every file in place, then let them be shown.

        Args:
            files: contents by name, with at most one folder in it.
            at, until: from when to when they hold, ms UTC.

        Raises:
            OSError: something could not be written; the marks of the last time run out.
        """
        for name, content in files.items():
            target = self._path / name
            _ensure(target.parent)
            if _content(target) != content:
                replace(target, content)
        for old in (self._path / "badge").glob(f"*{SHOWN_BY}"):
            if f"badge/{old.name}" not in files:
                old.unlink()
        self._mark(at // 1000, -(-until // 1000))

    def _mark(self, first_s: int, end_s: int) -> None:
        marks = self._path / MARKS
        _ensure(marks)
        wanted = {str(slot) for slot in range(first_s // SLOT_S, -(-end_s // SLOT_S))}
        for name in sorted(wanted):
            (marks / name).touch()
        for old in marks.iterdir():
            if old.name not in wanted:
                old.unlink(missing_ok=True)


def replace(target: Path, content: bytes) -> None:
    """Put content where a reader finds the old or the new one and never half of it, also after a power failure."""
    temporary = target.with_name(f".{target.name}.new")
    try:
        with temporary.open("wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _ensure(folder: Path) -> None:
    """A folder that everybody may look into, whatever this process's umask is."""
    if not folder.is_dir():
        folder.mkdir()
        folder.chmod(0o755)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
