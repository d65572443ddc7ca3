"""The operator's own terminal, handed to a shell elsewhere: raw mode, window size, keys in and screen out."""

import contextlib
import os
import select
import signal
import sys
import termios
import tty
from base64 import b64decode, b64encode
from collections.abc import Iterator
from types import FrameType

from noc.cli.escape import Escape, Wish
from noc.runs.diagnosis.errors import NoTerminal
from noc.runs.runner.client import Talk

_CHUNK = 4096


def check_terminal(node: str) -> str:
    """The terminal's kind. Raises NoTerminal where keys or screen are no terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        what = f"a shell on {node} needs a terminal"
        raise NoTerminal(what, why="keys or screen are none", fix=f"noc exec {node} -- COMMAND")
    return os.environ.get("TERM", "dumb")


def size() -> tuple[int, int]:
    """Columns and rows of the window; what a terminal has that does not say is 80 by 24."""
    columns, rows = os.get_terminal_size(sys.stdin.fileno())
    return columns or 80, rows or 24


class Screen:
    """A terminal in the hands of a talk with the runner."""

    def __init__(self, talk: Talk) -> None:
        """Prepare; the terminal is left as it is until `run`."""
        self._talk, self._escape = talk, Escape()
        self._keys, self._screen = sys.stdin.fileno(), sys.stdout.fileno()

    def run(self) -> int | None:
        """Hand keys and screen on until the shell ends; its exit status, None where `~.` left it.

        Raises:
            NocError: the runner has ended it, for the reason that it says.
        """
        with _raw(self._keys), _resized() as resized:
            while True:
                ready = [] if self._talk.pending() else select.select([self._keys, self._talk, resized], [], [])[0]
                if resized in ready:
                    os.read(resized, _CHUNK)
                    self._talk.say(size=size())
                if self._keys in ready and not self._typed():
                    return None
                if self._talk in ready or not ready:
                    answer = self._talk.answer()
                    if answer is None:
                        raise self._talk.cut()
                    if "exit" in answer:
                        return int(answer["exit"])
                    self._show(b64decode(answer["screen"]))

    def _typed(self) -> bool:
        """Hand on what was typed; whether to go on. A terminal that hangs up is left as by `~.`."""
        try:
            typed = os.read(self._keys, _CHUNK)
        except OSError:
            return False
        keys, wish = self._escape.take(typed)
        if keys:
            self._talk.say(keys=b64encode(keys).decode())
        if wish is Wish.HELP:
            self._show(b"\r\n~. leaves the shell, ~~ is a ~, ~? is this\r\n")
        return bool(typed) and wish is not Wish.LEAVE

    def _show(self, content: bytes) -> None:
        while content:
            content = content[os.write(self._screen, content) :]


@contextlib.contextmanager
def _raw(keys: int) -> Iterator[None]:
    """Every key as it is, Ctrl-C among them, until the terminal is put back as it was."""
    before = termios.tcgetattr(keys)
    tty.setraw(keys)
    try:
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _resized() -> Iterator[int]:
    """A file descriptor from which something can be read once the window has another size."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def told(_number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(writing, b"\0")

    before = signal.signal(signal.SIGWINCH, told)
    try:
        yield reading
    finally:
        signal.signal(signal.SIGWINCH, before)
        os.close(reading)
        os.close(writing)
