"""The HTTP API below `/api/v10`, the gateway at `/gateway/`, and the side entrance, on one port."""

import asyncio
import json
import ssl
from typing import Any

from noc.lab.services import SIDE_ENTRANCE
from noc.lab.services.discord.api import VERSION, Api
from noc.lab.services.discord.connection import Connection
from noc.lab.services.discord.refusals import Refused
from noc.lab.services.discord.request import Request, read_request
from noc.lab.services.discord.service import Discord
from noc.lab.services.discord.side_entrance import SideEntrance
from noc.lab.services.discord.websocket import WebSocket

HEAD_BYTES = 16 << 10


class Server:
    """All of it, on one event loop."""

    def __init__(self, discord: Discord, tls: ssl.SSLContext | None = None) -> None:
        self._discord, self._tls = discord, tls
        self._api, self._side_entrance = Api(discord), SideEntrance(discord)
        self._server: asyncio.Server | None = None
        self._lines: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    async def start(self, host: str, port: int) -> int:
        """Listen; the port."""
        self._server = await asyncio.start_server(self._serve, host, port, ssl=self._tls, limit=HEAD_BYTES)
        self._discord.gateway.scheme = "wss" if self._tls else "ws"
        at: int = self._server.sockets[0].getsockname()[1]
        return at

    async def stop(self) -> None:
        """Hang up on everybody."""
        if self._server:
            self._server.close()
        tasks = [task for task in self._lines.values() if task]
        for writer in self._lines:
            writer.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines[writer] = asyncio.current_task()
        try:
            while (request := await asyncio.wait_for(read_request(reader), 60)) is not None:
                if request.headers.get("upgrade", "").lower() == "websocket":
                    return await self._connect(request, reader, writer)
                writer.write(self._answer(request))
                await writer.drain()
        except (ConnectionError, TimeoutError, ValueError, EOFError, asyncio.LimitOverrunError):
            pass
        finally:
            del self._lines[writer]
            writer.close()

    def _answer(self, request: Request) -> bytes:
        document: Any
        headers: dict[str, str] = {}
        try:
            if request.path.startswith(SIDE_ENTRANCE):
                status, document = 200, self._side_entrance.answer(request)
            else:
                status, headers, document = self._api.answer(request, request.path)
        except Refused as refusal:
            status, headers, document = refusal.status, refusal.headers, refusal.document
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            status, document = 400, {"message": f"Not understood: {type(error).__name__}", "code": 0}
        body = b"" if document is None else json.dumps(document).encode()
        kind = {} if document is None else {"Content-Type": "application/json"}
        lines = {**kind, "Content-Length": str(len(body)), "Via": "1.1 google", **headers}
        head = [f"HTTP/1.1 {status} -", *(f"{name}: {value}" for name, value in lines.items()), "", ""]
        return "\r\n".join(head).encode() + body

    async def _connect(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key = request.headers.get("sec-websocket-key", "")
        if request.path != "/gateway/" or request.headers.get("sec-websocket-version") != "13" or not key:
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return None
        writer.write(WebSocket.greeting(key))
        socket = WebSocket(reader, writer)
        if request.query.get("v") != VERSION or request.query.get("encoding") != "json":
            self._discord.gateway.closes.append(4012)
            return socket.close(4012, "Invalid API version.")
        host, compress = request.headers.get("host", ""), request.query.get("compress", "")
        return await Connection(self._discord.gateway, socket, host, compress).serve()
