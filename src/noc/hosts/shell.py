"""A way to run commands as root on one machine."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from noc.hosts.channel import Stream, Terminal


@dataclass(frozen=True)
class Result:
    """What a command left: its exit status (128 + n for signal n) and both streams, decoded with replacement."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str


class Session(Protocol):
    """A program on the machine that answers questions, for as long as the connection lasts."""

    async def ask(self, question: Mapping[str, Any], *, timeout_s: float) -> dict[str, Any]:
        """Put one question, beside others that are still open, and wait for its answer.

        Args:
            question: a JSON object; its number is added as `id`.
            timeout_s: seconds until it counts as not answered.

        Returns:
            The answer, an object with the same `id`.

        Raises:
            Overdue: no answer within `timeout_s`; other questions go on.
            CommandFailed: the program has ended with a status instead.
            ConnectionLost: the way to the machine broke, or the program was killed.
            Unclear: it says something that is no answer.
        """
        ...

    async def close(self) -> None:
        """End the program by ending its input; closing twice is harmless."""
        ...


class Channel(Protocol):
    """A program on the machine that is heard while it runs."""

    def heard(self) -> "AsyncGenerator[tuple[Stream, bytes], None]":
        """What it says, as it comes, until it says no more. It waits while nobody listens.

        Raises:
            ConnectionLost: the way to the machine broke.
        """
        ...

    async def write(self, content: bytes) -> None:
        """Feed it, and wait while it does not read. Raises ConnectionLost."""
        ...

    def resize(self, columns: int, rows: int) -> None:
        """Let its terminal have another size."""
        ...

    async def status(self) -> int:
        """Wait for its end: its exit status, 128 + n for signal n. Raises ConnectionLost."""
        ...

    async def close(self) -> None:
        """End it by closing its channel: one with a terminal hangs up, one without finds its input ended."""
        ...


class Shell(Protocol):
    """One machine, already reached and verified. Every wait has a deadline."""

    @property
    def name(self) -> str:
        """The node's name, for messages."""
        ...

    async def run(self, *argv: str, stdin: bytes | None = None, timeout_s: float = 30, check: bool = True) -> Result:
        """Run a command, without a shell interpreting it, and wait for its end.

        Args:
            argv: the program and its arguments.
            stdin: bytes to feed, or None for an empty input. Secrets travel here, never in argv.
            timeout_s: seconds until the command counts as lost.
            check: raise on a non-zero status.

        Raises:
            CommandFailed: the status is not 0 and `check` is set; carries the result.
            TimedOut: no end within `timeout_s`.
            ConnectionLost: the way to the machine broke.
        """
        ...

    async def script(self, text: str, *, timeout_s: float = 60, check: bool = True) -> Result:
        """Run a POSIX shell script given on standard input with `sh -eu`. Raises as `run` does."""
        ...

    async def session(self, *argv: str) -> Session:
        """The program of that command line, one a connection: started at its first use, and anew once it has ended.

        Its input ends with the connection, which has to end it.

        Raises:
            ConnectionLost: the way to the machine broke.
        """
        ...

    async def channel(self, *argv: str, terminal: "Terminal | None" = None) -> Channel:
        """Start a program that is heard while it runs.

        Args:
            argv: the program and its arguments; none for the user's own shell.
            terminal: what it is to see as its terminal, None for pipes.

        Raises:
            Overdue: it did not start in time.
            ConnectionLost: the way to the machine broke.
        """
        ...

    async def put(
        self, content: bytes | Path, path: str, *, mode: int = 0o644, timeout_s: float = 600, resume: bool = False
    ) -> int:
        """Write a file: to a temporary name with its mode set first, fsynced, renamed; chunked with back-pressure.

        Args:
            content: the bytes, or a local file to stream.
            path: absolute path on the machine; its directory exists.
            mode: permission bits.
            timeout_s: seconds for the whole transfer.
            resume: keep what a transfer that is cut has brought as `<path>.part`, and go on from there. Only the size
                is checked: whoever resumes checks the content, and puts it again where it is wrong.

        Returns:
            Bytes sent.

        Raises:
            CommandFailed: the machine refused, for example because its disk is full.
            TimedOut, ConnectionLost: as `run`.
        """
        ...

    async def close(self) -> None:
        """End the connection; closing twice is harmless."""
        ...
