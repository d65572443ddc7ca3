"""A bell at the door of an activation: it need not look all the time whether HQ has said something."""

import contextlib
import os
import select
from types import TracebackType
from typing import Self

from .layout import Layout

_NAME = "bell"


class Bell:
    """A named pipe that the process which holds the lock listens to.

    What was said lies in files; a ring that is lost delays the look at them, and changes nothing.
    """

    def __init__(self, layout: Layout) -> None:
        """Hang it up; the lock is held."""
        path = layout.state(_NAME)
        path.unlink(missing_ok=True)
        os.mkfifo(path, 0o600)
        # Opened for both, a pipe has no end when the last writer closes it.
        self._file = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._file)

    def fileno(self) -> int:
        """The open file, to be waited for beside others; `clear` afterwards."""
        return self._file

    def wait(self, seconds: float) -> None:
        """Until somebody rings, at most so long."""
        select.select([self._file], [], [], seconds)
        self.clear()

    def clear(self) -> None:
        """Forget what rang so far."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._file, 65536)


def ring(layout: Layout) -> None:
    """Let whoever holds the lock look at what was said; nobody there is no mistake."""
    with contextlib.suppress(OSError):
        file = os.open(layout.state(_NAME), os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(file, b"!")
        finally:
            os.close(file)
