"""The push listener: every connection of the nodes, counted, and swept for deadlines that have passed."""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from typing import Final

from noc.watch.push.bounds import MOST_CONNECTIONS, MOST_OF_ONE_ADDRESS, STOP_WITHIN_S
from noc.watch.push.connection import Connection, Handler

SWEEP_S: Final = 0.5


class PushListener:
    """Listens for pushes on one socket.

    Attributes:
        date: the `Date` header of this second (RFC 9110, 6.6.1).
    """

    def __init__(self, handler: Handler, swept: Callable[[], None] = lambda: None) -> None:
        """Take who answers, and what else is to be done at every sweep. Call from the event loop."""
        self._handler, self._swept = handler, swept
        self._loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._addresses: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self.date = b""

    async def start(self, listening: socket.socket) -> None:
        """Begin to accept connections."""
        self._sweep()
        self._server = await self._loop.create_server(lambda: Connection(self, self._handler), sock=listening)

    async def stop(self) -> None:
        """Accept no more; what was asked is answered, for a few seconds at most."""
        assert self._server is not None
        self._server.close()
        for connection in tuple(self._connections):
            connection.finish()
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                while self._connections:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            for connection in tuple(self._connections):
                connection.abort()
        if self._timer is not None:
            self._timer.cancel()

    def now(self) -> float:
        """The loop's monotonic seconds, on which deadlines lie."""
        return self._loop.time()

    def enter(self, connection: Connection) -> bool:
        """Count a new connection; whether there is room for it.

        One node that opens connection after connection is hung up on, so that the others are still heard.
        """
        self._connections.add(connection)
        self._addresses[connection.address] += 1
        return len(self._connections) <= MOST_CONNECTIONS and self._addresses[connection.address] <= MOST_OF_ONE_ADDRESS

    def leave(self, connection: Connection) -> None:
        """A connection has ended."""
        self._connections.discard(connection)
        self._addresses[connection.address] -= 1
        if not self._addresses[connection.address]:
            del self._addresses[connection.address]
        if not self._connections:
            self._empty.set()

    def _sweep(self) -> None:
        self.date = b"date: " + formatdate(usegmt=True).encode() + b"\r\n"
        now = self.now()
        for connection in tuple(self._connections):
            connection.look(now)
        self._swept()
        self._timer = self._loop.call_later(SWEEP_S, self._sweep)
