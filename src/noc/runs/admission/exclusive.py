"""One process at a time: a lock that the kernel gives back when its holder dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from noc.errors import TimedOut

_WITHIN_S = 5.0
_POLL_S = 0.01


@contextmanager
def exclusive(path: Path, within_s: float = _WITHIN_S) -> Iterator[None]:
    """Hold a lock (flock(2)) for a few file operations, never for a wait.

    Args:
        path: the lock's own file, which stays; its directory exists.
        within_s: seconds to wait for whoever holds it.

    Raises:
        TimedOut: its holder does not let go: it was stopped in the midst of them, or its disk stands still.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        _lock(descriptor, path, time.monotonic() + within_s)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                fix = f"fuser {path} names the process; a runner that is stopped goes on with kill -CONT"
                raise TimedOut(f"{path} stays locked", why="another process holds it", fix=fix) from None
            time.sleep(_POLL_S)
        else:
            return
