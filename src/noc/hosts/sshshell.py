"""Commands and files over one SSH connection, with a deadline on every wait and a bound on every answer."""

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import asyncssh

from noc.hosts.channel import SSHChannel, Terminal, status_of
from noc.hosts.errors import CommandFailed, ConnectionLost, DiskFull, Overdue
from noc.hosts.session import SSHSession
from noc.hosts.shell import Result

CHUNK = 256 * 1024
MAX_OUTPUT = 8 * 1024 * 1024
NO_SPACE = 28
START_WITHIN_S = 30

# Given a path, a mode, a size, and whether to go on with what an earlier transfer left, whose length is said first.
# Room is measured before the first byte and after a failed write, so that a full disk is known by its numbers and not
# by a message; the size is checked because a broken connection looks like the end of the file.
_RECEIVE = """
umask 077
directory=${1%/*}/
have=0
if [ "$4" = resume ]; then
  temporary=$1.part
  [ ! -f "$temporary" ] || have=$(stat -c %s "$temporary")
  [ "$have" -le "$3" ] || { rm -f "$temporary"; have=0; }
  echo "$have"
else
  temporary=$1.new.$$
  trap 'rm -f "$temporary"' EXIT
fi
room() { echo $(($(stat -f -c '%a * %S' "$directory"))); }
full() { room; rm -f "$temporary"; exit 28; }
[ "$(room)" -ge $(($3 - have)) ] || full
if ! cat >>"$temporary"; then [ "$(room)" -ge 65536 ] || full; exit 1; fi
[ "$(stat -c %s "$temporary")" -eq "$3" ] || { echo "the transfer broke off" >&2; exit 1; }
chmod "$2" "$temporary" && sync "$temporary" && mv -fT "$temporary" "$1" && sync "$directory"
"""


Feed = Callable[["asyncssh.SSHReader[bytes]"], Awaitable[Iterable[bytes]]]
"""Given what a command says, the bytes to feed it."""


async def let_go() -> None:
    """Wait until the socket of a connection that ended is closed: asyncssh leaves that to two turns of the loop."""
    for _ in range(2):
        await asyncio.sleep(0)


class SSHShell:
    """One connection, used for everything: commands run side by side on channels of their own. Implements Shell."""

    def __init__(self, name: str, connection: asyncssh.SSHClientConnection) -> None:
        """Take over an open, verified connection; `noc.hosts.ssh.connect` makes one."""
        self._name = name
        self._connection = connection
        self._sessions: dict[tuple[str, ...], SSHSession] = {}
        self._opening = asyncio.Lock()

    @property
    def name(self) -> str:
        """The node's name."""
        return self._name

    async def run(self, *argv: str, stdin: bytes | None = None, timeout_s: float = 30, check: bool = True) -> Result:
        """Run a command; see Shell.run."""
        result = await self._execute(argv, _given([stdin] if stdin else []), timeout_s)
        if check and result.status:
            raise CommandFailed(f"{argv[0]} failed on {self.name}", result=result)
        return result

    async def script(self, text: str, *, timeout_s: float = 60, check: bool = True) -> Result:
        """Run a POSIX shell script; see Shell.script."""
        # The braces make the shell read all of it first: no command inside can swallow the rest as its own input.
        whole = f"{{\n{text}\n}} </dev/null\n"
        return await self.run("sh", "-eu", stdin=whole.encode(), timeout_s=timeout_s, check=check)

    async def session(self, *argv: str) -> SSHSession:
        """A program that answers questions; see Shell.session."""
        async with self._opening:
            known = self._sessions.get(argv)
            if known is None or known.over:
                known = self._sessions[argv] = await self._start(argv)
            return known

    async def channel(self, *argv: str, terminal: Terminal | None = None) -> SSHChannel:
        """A program that is heard while it runs; see Shell.channel."""
        words = argv or ("the login shell",)
        process = await self._begin(words, shlex.join(argv) or None, terminal)
        return SSHChannel(process, lambda why: self._lost(words, why))

    async def _start(self, argv: tuple[str, ...]) -> SSHSession:
        return SSHSession(self.name, argv, await self._begin(argv, shlex.join(argv)))

    async def _begin(
        self, argv: tuple[str, ...], command: str | None, terminal: Terminal | None = None
    ) -> "asyncssh.SSHClientProcess[bytes]":
        kind, size = (terminal.kind, (terminal.columns, terminal.rows)) if terminal else (None, None)
        try:
            async with asyncio.timeout(START_WITHIN_S):
                return await self._connection.create_process(command, term_type=kind, term_size=size, encoding=None)
        except TimeoutError:
            fix = f"is {self.name} overloaded? noc health {self.name}"
            raise Overdue(f"{argv[0]} on {self.name} did not start within {START_WITHIN_S} s", fix=fix) from None
        except (asyncssh.Error, OSError) as error:
            raise self._lost(argv, str(error)) from None

    async def put(
        self, content: bytes | Path, path: str, *, mode: int = 0o644, timeout_s: float = 600, resume: bool = False
    ) -> int:
        """Write a file; see Shell.put. Raises DiskFull where there is no room."""
        size = len(content) if isinstance(content, bytes) else content.stat().st_size  # noqa: ASYNC240 - a local file
        argv = ("sh", "-c", _RECEIVE, "put", path, f"{mode:o}", str(size), "resume" if resume else "anew")
        offset = 0

        async def rest(stdout: "asyncssh.SSHReader[bytes]") -> Iterable[bytes]:
            nonlocal offset
            offset = _offset(await stdout.readline(), size) if resume else 0
            return _chunks(content, offset)

        result = await self._execute(argv, rest, timeout_s)
        if result.status == NO_SPACE:
            free = result.stdout.strip().rpartition("\n")[2]
            what = f"{self.name} has no room for {path}: {size} bytes, and {free} are free"
            raise DiskFull(
                what, result=result, why="its disk is full", fix=f"free space on {self.name}, then try again"
            )
        if result.status:
            raise CommandFailed(f"{path} could not be written on {self.name}", result=result)
        return size - offset

    async def close(self) -> None:
        """End the connection; see Shell.close."""
        for session in self._sessions.values():
            await session.close()
        self._connection.close()
        await self._connection.wait_closed()
        await let_go()

    async def _execute(self, argv: tuple[str, ...], feed: Feed, timeout_s: float) -> Result:
        try:
            async with asyncio.timeout(timeout_s):
                # The machine ends it as well: nothing is left running there when we stop waiting, or are cut off.
                command = shlex.join(("timeout", "-k", "5", f"{timeout_s + 2:g}", *argv))
                process = await self._connection.create_process(command, encoding=None)
                try:
                    chunks = await feed(process.stdout)
                    _, stdout, stderr = await asyncio.gather(
                        _feed(process.stdin, chunks), _collect(process.stdout), _collect(process.stderr)
                    )
                    await process.wait_closed()
                finally:
                    process.close()
        except TimeoutError:
            fix = f"is {self.name} overloaded? noc health {self.name}"
            raise Overdue(f"{argv[0]} on {self.name} did not end within {timeout_s:g} s", fix=fix) from None
        except (asyncssh.Error, OSError) as error:
            raise self._lost(argv, str(error)) from None
        status = status_of(process)
        if status is None:
            raise self._lost(argv, "it ended without a status")
        return Result(argv, status, stdout.decode(errors="replace"), stderr.decode(errors="replace"))

    def _lost(self, argv: tuple[str, ...], why: str) -> ConnectionLost:
        fix = f"noc health {self.name}, then start the run again: it goes on where it was"
        return ConnectionLost(f"the connection to {self.name} broke during {argv[0]}", why=why, fix=fix)


def _given(chunks: Iterable[bytes]) -> Feed:
    async def feed(_: "asyncssh.SSHReader[bytes]") -> Iterable[bytes]:
        return chunks

    return feed


def _offset(line: bytes, size: int) -> int:
    """Where a machine wants a transfer to go on. What it says cannot lead beyond the file."""
    return min(int(line), size) if line.strip().isdigit() else 0


def _chunks(content: bytes | Path, offset: int) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield from (content[start : start + CHUNK] for start in range(offset, len(content), CHUNK))
        return
    with content.open("rb") as file:
        file.seek(offset)
        while chunk := file.read(CHUNK):
            yield chunk


async def _feed(stdin: asyncssh.SSHWriter[bytes], chunks: Iterable[bytes]) -> None:
    """Send all of it, never more than a chunk ahead of the machine. One that stops reading says why by its status."""
    with suppress(BrokenPipeError, ConnectionResetError):
        for chunk in chunks:
            stdin.write(chunk)
            await stdin.drain()
        stdin.write_eof()


async def _collect(stream: asyncssh.SSHReader[bytes]) -> bytes:
    """All that comes, up to a bound: the rest is read and dropped, so that a machine cannot fill our memory."""
    kept = bytearray()
    while chunk := await stream.read(CHUNK):
        kept += chunk[: MAX_OUTPUT - len(kept)]
    return bytes(kept)
