"""The supervisor's door: one JSON line in, one out, over a Unix socket in a directory that only root may enter."""

import asyncio
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from noc.errors import NocError
from noc.lab.errors import LabDown, RequestRefused

LINE_BYTES = 1 << 20
Serve = Callable[[dict[str, Any]], Awaitable[Any]]


def ask(path: Path, request: dict[str, Any], timeout_s: float = 60) -> Any:  # noqa: ANN401 - any JSON document
    """Send a request and return its answer.

    Raises:
        LabDown: nobody listens.
        RequestRefused: the supervisor says no, or did not answer within `timeout_s`.
    """
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(timeout_s)
        try:
            door.connect(os.fspath(path))
        except OSError as error:
            raise LabDown("no lab is running", why=f"{path}: {error.strerror}", fix="noc lab up") from None
        try:
            door.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(door.makefile("rb").readline(LINE_BYTES))
        except (OSError, ValueError) as error:
            raise RequestRefused(f"{request['op']} was not answered", why=str(error)) from None
    if "error" in answer:
        raise RequestRefused(f"{request['op']} failed", why=answer["error"])
    return answer["done"]


def process_behind(path: Path) -> int | None:
    """The id of the process that serves a socket, as this process sees it; None where nobody does."""
    with socket.socket(socket.AF_UNIX) as door:
        try:
            door.connect(os.fspath(path))
        except OSError:
            return None
        credentials = door.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, _, _ = struct.unpack("3i", credentials)
    return int(pid)


async def listen(path: Path, serve: Serve) -> asyncio.Server:
    """Open the door: each connection's one request goes to `serve`, whose result or error is the answer."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            if line:
                writer.write(json.dumps(await _answer(serve, line)).encode() + b"\n")
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    return await asyncio.start_unix_server(talk, path, limit=LINE_BYTES)


async def _answer(serve: Serve, line: bytes) -> dict[str, Any]:
    try:
        return {"done": await serve(json.loads(line))}
    except NocError as error:
        return {"error": f"{error.what}: {error.why}" if error.why else error.what}
    except (ValueError, KeyError, TypeError) as error:
        return {"error": f"a request that makes no sense: {error!r}"}
