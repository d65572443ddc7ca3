"""Which process holds something, so that its death is seen at once: a number alone is soon another process's."""

import os
import socket
import time
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Holder(BaseModel):
    """A process, and the person that it works for.

    Attributes:
        user: who asked.
        host: the machine's name, for people.
        pid: the process.
        started: when it started, in clock ticks since the machine did (`starttime`, proc_pid_stat(5)).
        boot: the machine's boot id: another one means that every process of before is gone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: str
    host: str
    pid: int = Field(gt=0)
    started: int
    boot: str

    @classmethod
    def this_process(cls, user: str) -> Self:
        """The process that asks, working for somebody."""
        pid = os.getpid()
        return cls(user=user, host=socket.gethostname(), pid=pid, started=_started(pid) or 0, boot=boot_id())

    def is_gone(self) -> bool:
        """Whether the process has ended. Where /proc hides other users' processes, only its number is looked at."""
        if self.boot != boot_id():
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        return _started(self.pid) not in (None, self.started)


def boot_id() -> str:
    """The name of the time since the machine started (random(4))."""
    return _BOOT_ID.read_text(encoding="ascii").strip()


def uptime() -> float:
    """Seconds since the machine started, those included in which it slept; no change of the clock moves them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _started(pid: int) -> int | None:
    """When a process started, None where that is not to be seen. A process that has only to be reaped is gone: -1."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return -1 if fields[0] in (b"Z", b"X") else int(fields[19])
