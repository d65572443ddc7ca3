"""A way to run commands as root on one machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Result:
    """What a command left: its exit status (128 + n for signal n) and both streams, decoded with replacement."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str


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

    async def put(self, content: bytes | Path, path: str, *, mode: int = 0o644, timeout_s: float = 600) -> None:
        """Write a file: to a temporary name with its mode set first, fsynced, renamed; chunked with back-pressure.

        Args:
            content: the bytes, or a local file to stream.
            path: absolute path on the machine; its directory exists.
            mode: permission bits.
            timeout_s: seconds for the whole transfer.

        Raises:
            CommandFailed: the machine refused, for example because its disk is full.
            TimedOut, ConnectionLost: as `run`.
        """
        ...

    async def close(self) -> None:
        """End the connection; closing twice is harmless."""
        ...
