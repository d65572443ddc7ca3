"""Where the watch listens, as people write it."""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from noc.watch.errors import BadListener

SOCKET: Final = Path("/run/noc-watch/watch.sock")
"""The local listener of an installed HQ."""

LOCAL: Final = f"unix:{SOCKET}"


@dataclass(frozen=True)
class Tcp:
    """An address and a port."""

    address: str
    port: int

    def __str__(self) -> str:
        """As people write it."""
        return f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Unix:
    """A socket in the file system, for its owner and group."""

    path: Path

    def __str__(self) -> str:
        """As people write it."""
        return f"unix:{self.path}"


def read_tcp(text: str, *, fix: str = "write ADDRESS:PORT, as 10.84.0.1:8084") -> Tcp:
    """Read `ADDRESS:PORT`, an IPv4 address. Raises BadListener, with `fix` as what to write instead."""
    address, _, port = text.rpartition(":")
    try:
        socket.inet_aton(address)
        number = int(port)
    except (OSError, ValueError) as error:
        raise BadListener(f"{text!r} is not a listener", fix=fix) from error
    if not 0 <= number <= 65535 or address.count(".") != 3:
        raise BadListener(f"{text!r} is not a listener", fix=fix)
    return Tcp(address, number)


def read_local(text: str) -> Tcp | Unix:
    """Read `unix:PATH` or `127.0.0.1:PORT`. Raises BadListener for any other address."""
    if text.startswith("unix:"):
        return Unix(Path(text.removeprefix("unix:")))
    fix = "write unix:PATH or 127.0.0.1:PORT"
    tcp = read_tcp(text, fix=fix)
    if tcp.address != "127.0.0.1":
        raise BadListener(f"the local listener cannot be {text}", fix=fix)
    return tcp
