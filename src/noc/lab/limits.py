"""The one limit of this machine that a lab needs raised: inotify instances, of which each systemd takes several.

It counts for root as a whole, so 21 machines and their services do not fit into the kernel's 128. The first lab raises
it and notes what it was; when the last one has ended, it is put back.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

NEEDED = 1024


@dataclass(frozen=True)
class Limits:
    """The limit's file, and the note of what it was; labs hold a lock on the note as long as they live."""

    sysctl: Path = Path("/proc/sys/fs/inotify/max_user_instances")
    note: Path = Path("/run/noc-lab-limits")

    @contextlib.contextmanager
    def raised(self) -> Iterator[None]:
        """Raise the limit where it is lower, and keep it so as long as the context lasts."""
        with self._open() as note:
            current = int(self.sysctl.read_text())
            if current < NEEDED:
                note.write(f"{current}\n")
                note.flush()
                self.sysctl.write_text(f"{NEEDED}\n")
            yield

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether no lab lives on this machine. If none does, none starts inside the context, whose end restores."""
        with self.note.open("a+") as note:
            try:
                fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True
            note.seek(0)
            if before := note.readline().strip():
                self.sysctl.write_text(f"{before}\n")
            self.note.unlink(missing_ok=True)

    def _open(self) -> TextIO:
        """The note, locked together with other labs; again if the last one removed it meanwhile."""
        while True:
            note = self.note.open("a")
            fcntl.flock(note, fcntl.LOCK_SH)
            if os.fstat(note.fileno()).st_nlink:
                return note
            note.close()
