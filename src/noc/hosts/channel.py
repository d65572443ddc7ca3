"""A program on a machine that is heard while it runs: its output as it comes, its input, and a terminal of its own."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Literal

import asyncssh

Stream = Literal["out", "err"]

_CHUNK = 32 * 1024
_AHEAD = 8
"""Chunks that are read ahead of who listens; a machine that says more has to wait."""


@dataclass(frozen=True)
class Terminal:
    """A terminal as RFC 4254, section 6.2 asks for it: its kind (`xterm-256color`), its columns and its rows."""

    kind: str
    columns: int
    rows: int


class SSHChannel:
    """One program on a channel of its own. Implements Channel."""

    def __init__(self, process: "asyncssh.SSHClientProcess[bytes]", lost: Callable[[str], Exception]) -> None:
        """Take over a program that was just started.

        Args:
            process: its channel.
            lost: makes the error for a way that broke, of its cause.
        """
        self._process, self._lost = process, lost

    async def heard(self) -> AsyncGenerator[tuple[Stream, bytes], None]:
        """What it says; see Channel.heard."""
        chunks: asyncio.Queue[tuple[Stream, bytes] | Exception | None] = asyncio.Queue(_AHEAD)

        async def read(stream: Stream, reader: asyncssh.SSHReader[bytes]) -> None:
            try:
                while chunk := await reader.read(_CHUNK):
                    await chunks.put((stream, chunk))
            except (asyncssh.Error, OSError) as error:
                await chunks.put(self._lost(str(error)))
            else:
                await chunks.put(None)

        reading = [
            asyncio.create_task(read("out", self._process.stdout)),
            asyncio.create_task(read("err", self._process.stderr)),
        ]
        try:
            left = len(reading)
            while left:
                match await chunks.get():
                    case None:
                        left -= 1
                    case Exception() as error:
                        raise error
                    case chunk:
                        yield chunk
        finally:
            for task in reading:
                task.cancel()

    async def write(self, content: bytes) -> None:
        """Feed it; see Channel.write."""
        try:
            self._process.stdin.write(content)
            await self._process.stdin.drain()
        except (asyncssh.Error, OSError) as error:
            raise self._lost(str(error)) from None

    def resize(self, columns: int, rows: int) -> None:
        """Let its terminal have another size; see Channel.resize."""
        self._process.change_terminal_size(columns, rows)

    async def status(self) -> int:
        """How it ended; see Channel.status."""
        try:
            await self._process.wait_closed()
        except (asyncssh.Error, OSError) as error:
            raise self._lost(str(error)) from None
        status = status_of(self._process)
        if status is None:
            raise self._lost("it ended without a status")
        return status

    async def close(self) -> None:
        """End it by closing its channel; see Channel.close."""
        self._process.close()


def status_of(process: "asyncssh.SSHClientProcess[bytes]") -> int | None:
    """A program's exit status, 128 + n for signal n; None where it ended without one."""
    if process.exit_signal:
        # The name is the machine's word: one that is no signal here is told as a kill.
        return 128 + getattr(signal, f"SIG{process.exit_signal[0]}", signal.SIGKILL)
    return process.exit_status
