"""The runner's door: JSON lines over a Unix socket, one request a connection.

An operation takes a request and yields its answers. A talk hears, besides, what the client says after its request, and
that it has gone away.
"""

import asyncio
import json
import logging
import socket
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from types import MappingProxyType
from typing import Any

from noc.errors import NocError
from noc.runs.admission.caller import Caller, Permit, identify
from noc.runs.errors import BadRequest
from noc.runs.record.tame import tame

MAX_REQUEST = 1024 * 1024
MAX_SAID = 64 * 1024
"""Bytes of one line that a client says in the middle of a talk."""
MOST_EACH = 64
"""Connections that one user has open at once, so that nobody who may knock keeps the others out; root may."""
_REQUEST_TIMEOUT_S = 10
_STALLED_AFTER_S = 60
_FAREWELL_S = 2

Answers = AsyncGenerator[Mapping[str, Any], None]
Operation = Callable[[Mapping[str, Any], Caller], Answers]
Said = AsyncIterator[Mapping[str, Any]]
Talk = Callable[[Mapping[str, Any], Caller, Said], Answers]
Admit = Callable[[Caller, Mapping[str, Any]], Caller]

log = logging.getLogger(__name__)


class ClientGone(ConnectionError):
    """The client went away in the middle of a talk: nobody is left to answer."""


class Door:
    """Takes connections, checks who is there, and hands the request to the operation that it names."""

    def __init__(
        self,
        operations: Mapping[str, Operation],
        permit: Permit,
        admit: Admit,
        talks: Mapping[str, Talk] = MappingProxyType({}),
    ) -> None:
        """Offer operations.

        Args:
            operations: by the name that requests give as `op`.
            permit: raises for a caller that may not pass.
            admit: takes who is there and the request, and returns for whom it is; raises where that may not ask for it.
            talks: by name as well; none of them may be an operation's.
        """
        self._operations, self._permit, self._admit, self._talks = operations, permit, admit, talks
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._by_user = Counter[int]()

    async def open(self, listening: socket.socket) -> None:
        """Take connections from now on."""
        listening.setblocking(False)
        self._server = await asyncio.start_unix_server(self._accepted, sock=listening, limit=MAX_REQUEST)

    async def close(self) -> None:
        """Take no more connections, and give those that are open a moment to hear how their run ended."""
        if self._server is not None:
            self._server.close()
        if self._open:
            await asyncio.wait(self._open, timeout=_FAREWELL_S)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connected(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # Closed at once when the client is gone: what an answer holds open must not wait for the collector.
            async with aclosing(self._answers(reader, writer)) as answers:
                async for answer in answers:
                    await _send(writer, answer)
        except (ConnectionError, TimeoutError):
            log.info("a client went away")
        finally:
            writer.close()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answers:
        try:
            caller = identify(writer.get_extra_info("socket"))
            with self._counted(caller):
                # Read before refusing: a socket that is closed with something unread takes the answer down with it.
                request = await _read(reader)
                self._permit(caller)
                async with aclosing(self._served(request, self._admit(caller, request), reader)) as answers:
                    async for answer in answers:
                        yield answer
        except ClientGone:
            raise
        except NocError as error:
            yield refusal(error)
        except (TypeError, LookupError, ValueError, ArithmeticError, AttributeError, OSError) as error:
            log.exception("a request could not be served")
            yield refusal(BadRequest("the request cannot be served", why=f"{type(error).__name__}: {error}"[:300]))

    @contextmanager
    def _counted(self, caller: Caller) -> Iterator[None]:
        """Raises BadRequest where a user has too many connections open."""
        if caller.uid != 0 and self._by_user[caller.uid] >= MOST_EACH:
            raise BadRequest(f"{caller.name} has {MOST_EACH} connections open already", fix="let some of them end")
        self._by_user[caller.uid] += 1
        try:
            yield
        finally:
            self._by_user[caller.uid] -= 1

    def _served(self, request: Mapping[str, Any], caller: Caller, reader: asyncio.StreamReader) -> Answers:
        name = str(request.get("op"))
        if talk := self._talks.get(name):
            return talk(request, caller, _said(reader))
        if operation := self._operations.get(name):
            return operation(request, caller)
        raise BadRequest(f"no operation is called {name[:64]}")


def refusal(error: NocError) -> dict[str, Any]:
    """An error as the door sends it: what `--json` shows, and the exit code."""
    document: dict[str, Any] = tame({**error.as_dict(), "exit": error.exit_code})
    return {"error": document}


async def _read(reader: asyncio.StreamReader) -> Mapping[str, Any]:
    try:
        async with asyncio.timeout(_REQUEST_TIMEOUT_S):
            line = await reader.readline()
        request = json.loads(line)
    except (TimeoutError, ValueError, RecursionError) as error:
        raise BadRequest("no request came", why=f"one JSON line of at most {MAX_REQUEST} bytes is expected") from error
    if not isinstance(request, dict):
        raise BadRequest("the request is not a JSON object")
    return request


async def _said(reader: asyncio.StreamReader) -> Said:
    """What a client says after its request, until it goes away; half a line is what one leaves that went."""
    while True:
        try:
            line = await reader.readline()
            if not line.endswith(b"\n"):
                return
            message = json.loads(line) if len(line) <= MAX_SAID else None
        except ConnectionError:
            return
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            raise BadRequest("the client makes no sense", why=f"JSON objects of at most {MAX_SAID} bytes are expected")
        yield message


async def _send(writer: asyncio.StreamWriter, answer: Mapping[str, Any]) -> None:
    writer.write(json.dumps(answer, ensure_ascii=False, default=str).encode(errors="replace") + b"\n")
    async with asyncio.timeout(_STALLED_AFTER_S):
        await writer.drain()
