"""The runner's door: JSON lines over a Unix socket, one request a connection."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from noc.errors import NocError
from noc.runs.admission.caller import Caller, Permit, identify, operators_only
from noc.runs.errors import BadRequest
from noc.runs.record.tame import tame

MAX_REQUEST = 1024 * 1024
_REQUEST_TIMEOUT_S = 10
_STALLED_AFTER_S = 60
_FAREWELL_S = 2

Answers = AsyncIterator[Mapping[str, Any]]
Operation = Callable[[Mapping[str, Any], Caller], Answers]

log = logging.getLogger(__name__)


class Door:
    """Takes connections, checks who is there, and hands the request to the operation that it names."""

    def __init__(self, operations: Mapping[str, Operation], permit: Permit = operators_only) -> None:
        """Offer operations.

        Args:
            operations: by the name that requests give as `op`.
            permit: raises for a caller that may not pass.
        """
        self._operations, self._permit = operations, permit
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

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
            async for answer in self._answers(reader, writer):
                await _send(writer, answer)
        except (ConnectionError, TimeoutError):
            log.info("a client went away")
        finally:
            writer.close()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answers:
        try:
            caller = identify(writer.get_extra_info("socket"))
            # Read before refusing: a socket that is closed with something unread takes the answer down with it.
            request = await _read(reader)
            self._permit(caller)
            operation = self._operations.get(str(request.get("op")))
            if operation is None:
                raise BadRequest(f"no operation is called {str(request.get('op'))[:64]}")
            async for answer in operation(request, caller):
                yield answer
        except NocError as error:
            yield refusal(error)
        except (TypeError, KeyError, ValueError, AttributeError, OSError) as error:
            log.exception("a request could not be served")
            yield refusal(BadRequest("the request cannot be served", why=f"{type(error).__name__}: {error}"[:300]))


def refusal(error: NocError) -> dict[str, Any]:
    """An error as the door sends it: what `--json` shows, and the exit code."""
    document: dict[str, Any] = tame({**error.as_dict(), "exit": error.exit_code})
    return {"error": document}


async def _read(reader: asyncio.StreamReader) -> Mapping[str, Any]:
    try:
        async with asyncio.timeout(_REQUEST_TIMEOUT_S):
            line = await reader.readline()
        request = json.loads(line)
    except (TimeoutError, ValueError) as error:
        raise BadRequest("no request came", why=f"one JSON line of at most {MAX_REQUEST} bytes is expected") from error
    if not isinstance(request, dict):
        raise BadRequest("the request is not a JSON object")
    return request


async def _send(writer: asyncio.StreamWriter, answer: Mapping[str, Any]) -> None:
    writer.write(json.dumps(answer, ensure_ascii=False, default=str).encode() + b"\n")
    async with asyncio.timeout(_STALLED_AFTER_S):
        await writer.drain()
