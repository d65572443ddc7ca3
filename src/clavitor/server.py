"""The listening side: accepts while there is room, and drains without losing a request."""

import asyncio
import errno
import os
import socket

from clavitor.connection import Connection
from clavitor.errors import ServiceError
from clavitor.http import Handler

MAX_CONNECTIONS = 256
ACCEPTS_A_TURN = 32
BREATH = 0.1  # seconds before the next try where the process is out of file descriptors
GRACE = 2.0  # seconds in which an idle connection may still send the request it was opened for
DRAIN = 7.5  # seconds until a drain is cut short; with the database's last wait inside the contract's 10
FIRST_PASSED_FD = 3  # sd_listen_fds(3)


def listen(address: tuple[str, int]) -> tuple[socket.socket, bool]:
    """The socket to accept on.

    Args:
        address: host and port to listen on where systemd passed no socket.

    Returns:
        the socket, and whether somebody else (systemd) holds it open while this process changes.

    Raises:
        ServiceError: more than one socket was passed, or the address cannot be listened on.
    """
    passed = os.environ.get("LISTEN_FDS", "0")
    if os.environ.get("LISTEN_PID") == str(os.getpid()) and passed != "0":
        if passed != "1":
            raise ServiceError(f"systemd passed {passed} sockets: clavitor.socket must name exactly one ListenStream")
        sock, held = socket.socket(fileno=FIRST_PASSED_FD), True
        sock.set_inheritable(False)
    else:
        sock, held = _bind(address), False
    sock.setblocking(False)
    return sock, held


def _bind(address: tuple[str, int]) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        return socket.create_server(address, family=family, backlog=1024)
    except OSError as error:
        raise ServiceError(
            f"cannot listen on {address[0]}:{address[1]}: {error.strerror}; choose another CLAVITOR_LISTEN"
        ) from error


class Server:
    """Accepts connections from one listening socket and serves each in a task of its own.

    Args:
        listener: listening and non-blocking.
        handle: turns a request into a response.
        held: somebody else keeps the socket open: what waits in its backlog is the next process's.
    """

    def __init__(self, listener: socket.socket, handle: Handler, *, held: bool) -> None:
        self._listener, self._handle, self._held = listener, handle, held
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then finish what was accepted, within `DRAIN` seconds."""
        self._open()
        await stop.wait()
        self._stopping = True
        self._shut()
        if not self._held:
            self._accept(MAX_CONNECTIONS)
        self._listener.close()
        for connection in self._connections.values():
            connection.drain(GRACE)
        await self._finish()

    async def _finish(self) -> None:
        if not self._connections:
            return
        _, late = await asyncio.wait(self._connections, timeout=DRAIN)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _open(self) -> None:
        if not self._stopping:
            asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _shut(self) -> None:
        asyncio.get_running_loop().remove_reader(self._listener)

    def _accept(self, most: int = ACCEPTS_A_TURN) -> None:
        # Accepting is a plain callback: a cancelled `sock_accept` could drop a connection it had already taken.
        for _ in range(most):
            if len(self._connections) >= MAX_CONNECTIONS:
                return self._shut()
            try:
                sock, address = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return None
            except OSError as error:
                if error.errno not in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
                    raise
                self._shut()
                asyncio.get_running_loop().call_later(BREATH, self._open)
                return None
            self._start(sock, str(address[0]) if address else "unix")
        return None

    def _start(self, sock: socket.socket, peer: str) -> None:
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock, peer, self._handle)
        task = asyncio.get_running_loop().create_task(connection.serve())
        self._connections[task] = connection
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        full = len(self._connections) >= MAX_CONNECTIONS
        del self._connections[task]
        if full:
            self._open()
