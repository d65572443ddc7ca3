"""One HTTP request over a Unix socket: a run asks the watch a few hundred times, so a question has to cost little."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import h11

MAX_ANSWER = 16 * 1024 * 1024
_CHUNK = 64 * 1024


class HttpFailed(Exception):
    """There was no answer. The sentence says why."""


async def request(
    socket: Path,
    method: str,
    target: str,
    document: object = None,
    *,
    within_s: float,
    more: Mapping[str, str] = MappingProxyType({}),
) -> tuple[int, bytes]:
    """Ask once, over a connection of its own, so that a server that restarts is found again.

    Args:
        socket: where the server listens.
        method: of HTTP.
        target: path and query, escaped.
        document: a body, sent as JSON; None for none.
        within_s: seconds for all of it.
        more: headers besides.

    Returns:
        Status and body.

    Raises:
        HttpFailed: nobody listens, no answer came in time, or what came is no HTTP.
    """
    body = b"" if document is None else json.dumps(document).encode()
    headers = [("Host", "localhost"), ("Connection", "close"), ("Content-Length", str(len(body))), *more.items()]
    if body:
        headers.append(("Content-Type", "application/json"))
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_unix_connection(socket)
            try:
                return await _exchange(reader, writer, h11.Request(method=method, target=target, headers=headers), body)
            finally:
                writer.close()
    except TimeoutError:
        raise HttpFailed(f"no answer within {within_s:g} s") from None
    except (OSError, h11.ProtocolError) as error:
        raise HttpFailed(str(error) or type(error).__name__) from error


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: h11.Request, body: bytes
) -> tuple[int, bytes]:
    connection = h11.Connection(h11.CLIENT)
    events: list[Any] = [question, *([h11.Data(data=body)] if body else []), h11.EndOfMessage()]
    writer.write(b"".join(connection.send(event) or b"" for event in events))
    await writer.drain()
    status, answer = 0, bytearray()
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            answer += event.data
            if len(answer) > MAX_ANSWER:
                raise HttpFailed(f"an answer of more than {MAX_ANSWER} bytes")
    return status, bytes(answer)
