"""Questions and answers with one program on a machine: JSON lines over one SSH channel, many at a time."""

import asyncio
import itertools
import json
from collections.abc import Mapping
from typing import Any

import asyncssh

from noc.hosts.errors import CommandFailed, ConnectionLost, Overdue, Unclear
from noc.hosts.shell import Result

MAX_LINE = 1 << 20
_CHUNK = 64 * 1024
_LAST_WORDS = 4096
_KILLED = 128
_LINGER_S = 1.0


class SSHSession:
    """One program, asked by number. Implements Session."""

    def __init__(self, name: str, argv: tuple[str, ...], process: "asyncssh.SSHClientProcess[bytes]") -> None:
        """Take over a program that was just started.

        Args:
            name: the machine's, for messages.
            argv: what was started there.
            process: its channel.
        """
        self._name, self._argv, self._process = name, argv, process
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._said = self._words = b""
        self._error: Exception | None = None
        self._reading = asyncio.create_task(self._read())
        self._listening = asyncio.create_task(self._listen())

    @property
    def over(self) -> bool:
        """Whether the program has ended."""
        return self._reading.done()

    async def ask(self, question: Mapping[str, Any], *, timeout_s: float) -> dict[str, Any]:
        """Put a question; see Session.ask."""
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            async with asyncio.timeout(timeout_s):
                self._process.stdin.write(json.dumps({"id": number, **question}).encode() + b"\n")
                await self._process.stdin.drain()
                return await answer
        except TimeoutError:
            fix = f"is {self._name} overloaded? noc health {self._name}"
            what = f"{question.get('verb', self._argv[0])} on {self._name} was not answered within {timeout_s:g} s"
            raise Overdue(what, fix=fix) from None
        except (asyncssh.Error, OSError) as error:
            await asyncio.wait([self._reading], timeout=_LINGER_S)
            raise self._error or self._lost(str(error)) from None
        finally:
            self._waiting.pop(number, None)
            answer.cancel()

    async def close(self) -> None:
        """End the program by ending its input; see Session.close."""
        self._process.close()
        for task in (self._reading, self._listening):
            task.cancel()
        await asyncio.gather(self._reading, self._listening, return_exceptions=True)
        self._fail(self._lost("it was closed"))

    async def _read(self) -> None:
        """Hand every answer to whoever waits for it, until the program ends or says something else."""
        try:
            while chunk := await self._process.stdout.read(_CHUNK):
                self._take(chunk)
            await self._process.wait_closed()
        except (asyncssh.Error, OSError) as error:
            self._fail(self._lost(str(error)))
        except ValueError as error:
            self._process.close()
            self._fail(Unclear(f"{self._name} answers {self._argv[-1]} with something else", why=str(error)))
        else:
            await self._listening
            self._fail(self._end())

    def _take(self, chunk: bytes) -> None:
        *lines, self._said = (self._said + chunk).split(b"\n")
        for line in lines:
            self._deliver(line)
        if len(self._said) > MAX_LINE:
            raise ValueError("a line without an end")

    def _deliver(self, line: bytes) -> None:
        said = json.loads(line)
        number = said.get("id") if isinstance(said, dict) else None
        if not isinstance(number, int):
            raise ValueError("an answer without a number")  # noqa: TRY004 - told like any other nonsense
        answer = self._waiting.get(number)
        if answer is not None and not answer.done():
            answer.set_result(said)

    async def _listen(self) -> None:
        """Keep the last words of its error output, in case that it ends."""
        try:
            while chunk := await self._process.stderr.read(_CHUNK):
                self._words = (self._words + chunk)[-_LAST_WORDS:]
        except (asyncssh.Error, OSError):
            return

    def _end(self) -> Exception:
        """What it means that the program has ended."""
        status = self._process.exit_status
        if self._process.exit_signal or status is None or status > _KILLED:
            return self._lost("it was killed" if self._process.exit_signal or status else "it ended without a status")
        result = Result(self._argv, status, "", self._words.decode(errors="replace"))
        return CommandFailed(f"{self._argv[0]} ended on {self._name}", result=result)

    def _fail(self, error: Exception) -> None:
        self._error = error
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(error)

    def _lost(self, why: str) -> ConnectionLost:
        fix = f"noc health {self._name}, then start the run again: it goes on where it was"
        return ConnectionLost(f"the connection to {self._name} broke during {self._argv[0]}", why=why, fix=fix)
