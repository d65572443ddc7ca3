"""The limits of this machine that a lab needs raised, because machines of a lab share their kernel's counters.

Inotify instances count for root as a whole, and each systemd takes several: 21 machines and their services do not fit
into the kernel's 128. Keys count for a user's number as a whole, and each service has two in a keyring of its own: the
caddy users of a hundred machines do not fit into the kernel's 200. The first lab raises them and notes what they were;
when the last one has ended, they are put back.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

NEEDED: Mapping[Path, int] = {
    Path("/proc/sys/fs/inotify/max_user_instances"): 4096,
    Path("/proc/sys/kernel/keys/maxkeys"): 2000,
    Path("/proc/sys/kernel/keys/maxbytes"): 200_000,
}
"""Each limit's file (proc(5), keyrings(7)) and what the largest lab needs."""


@dataclass(frozen=True)
class Limits:
    """The limits, and the note of what they were; labs hold a lock on the note as long as they live."""

    needed: Mapping[Path, int] = field(default_factory=lambda: dict(NEEDED))
    note: Path = Path("/run/noc-lab-limits")

    @contextlib.contextmanager
    def raised(self) -> Iterator[None]:
        """Raise each limit that is lower, and keep it so as long as the context lasts."""
        with self._open() as note:
            for sysctl, needed in self.needed.items():
                current = int(sysctl.read_text())
                if current < needed:
                    note.write(f"{sysctl} {current}\n")
                    note.flush()
                    sysctl.write_text(f"{needed}\n")
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
            # Read backwards: where a limit was raised twice, the older line says what it was at first.
            for line in reversed(note.read().splitlines()):
                sysctl, _, before = line.rpartition(" ")
                Path(sysctl).write_text(f"{before}\n")
            self.note.unlink(missing_ok=True)

    def _open(self) -> TextIO:
        """The note, locked together with other labs; again if the last one removed it meanwhile."""
        while True:
            note = self.note.open("a")
            fcntl.flock(note, fcntl.LOCK_SH)
            if os.fstat(note.fileno()).st_nlink:
                return note
            note.close()
