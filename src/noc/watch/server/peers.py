"""The local listener's connections, each with the uid of whoever opened it."""

import asyncio
import socket
import struct
from pathlib import Path
from typing import Any, Final

from noc.watch.access.doors import UID
from noc.watch.server.bounded import BoundedProtocol

_UCRED: Final = struct.Struct("3i")
_TABLE: Final = Path("/proc/net/tcp")
_ESTABLISHED: Final = "01"


class PeerProtocol(BoundedProtocol):
    """Notes the peer's uid once, when the connection is made, for every request that comes over it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Ask the kernel who is there."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, UID: uid_of(transport.get_extra_info("socket"))}


def uid_of(connection: Any) -> int | None:  # noqa: ANN401 - a socket, or uvloop's view of one
    """The uid at the other end of a connection from this machine; None where the kernel does not say.

    Of a Unix socket it is the uid that connected (`SO_PEERCRED`, unix(7)); of a loopback one the owner of the socket
    at the other end (`/proc/net/tcp`, proc(5)).
    """
    if connection.family == socket.AF_UNIX:
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        return int(_UCRED.unpack(credentials)[1])
    return _owner(_entry(connection.getpeername()), _entry(connection.getsockname()))


def _entry(name: tuple[str, int]) -> str:
    """An address as the kernel's table shows it: the address in the machine's own byte order, the port as a number."""
    (number,) = struct.unpack("=I", socket.inet_aton(name[0]))
    return f"{number:08X}:{name[1]:04X}"


def _owner(local: str, remote: str) -> int | None:
    for line in _TABLE.read_text().splitlines()[1:]:
        _, own, other, state, _, _, _, uid, *_ = line.split()
        if (own, other, state) == (local, remote, _ESTABLISHED):
            return int(uid)
    return None
