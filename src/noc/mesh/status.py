"""What the hub's counters say about each tunnel.

`/run/noc-tunnels.sock` answers each connection with `wg show wg0 latest-handshakes`, `endpoints` and `transfer`, one
after the other, tab separated; wg(8) prints no heading, so a line is known by its shape.
"""

import asyncio
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from noc.mesh.errors import TunnelsSilent, TunnelsUnreadable

SOCKET = Path("/run/noc-tunnels.sock")
MAX_BYTES = 256 * 1024

# A WireGuard session is renewed every 120 s and is dead after 180 s without a new handshake.
SESSION_S = 180


@dataclass(frozen=True)
class PeerStatus:
    """One peer's counters.

    Attributes:
        handshake_at: Unix seconds of the last handshake, None where there was none.
        endpoint: address and port that the peer was last heard from, None where it never was.
        received, sent: bytes since the interface came up.
    """

    handshake_at: int | None = None
    endpoint: str | None = None
    received: int = 0
    sent: int = 0


class LinkState(StrEnum):
    """What a handshake's age means."""

    UP = "up"
    STALE = "stale"
    NEVER = "never"


def link_state(status: PeerStatus | None, now: float) -> LinkState:
    """Judge a tunnel.

    Args:
        status: the peer's counters, None where the hub does not know the peer.
        now: Unix seconds.
    """
    if status is None or status.handshake_at is None:
        return LinkState.NEVER
    return LinkState.UP if now - status.handshake_at < SESSION_S else LinkState.STALE


def parse_tunnels(text: str) -> dict[str, PeerStatus]:
    """Read the counters of all peers.

    Args:
        text: the three outputs, one after the other, in any order.

    Returns:
        Public key → counters.

    Raises:
        TunnelsUnreadable: a line has none of the three shapes.
    """
    peers: dict[str, PeerStatus] = {}
    for number, line in enumerate(text.splitlines(), 1):
        key, *values = line.split("\t")
        peers[key] = _merged(peers.get(key, PeerStatus()), values, number)
    return peers


def _merged(status: PeerStatus, values: list[str], number: int) -> PeerStatus:
    match values:
        case [received, sent] if received.isdecimal() and sent.isdecimal():
            return replace(status, received=int(received), sent=int(sent))
        case [seconds] if seconds.isdecimal():
            return replace(status, handshake_at=int(seconds) or None)
        case [endpoint] if ":" in endpoint or endpoint == "(none)":
            return replace(status, endpoint=None if endpoint == "(none)" else endpoint)
        case _:
            raise TunnelsUnreadable("the tunnel's counters make no sense", why=f"line {number} is not of wg show")


async def read_tunnels(socket_path: Path = SOCKET, *, deadline_s: float = 5) -> dict[str, PeerStatus]:
    """Read the counters of all peers from the hub's socket.

    Args:
        socket_path: the Unix socket.
        deadline_s: seconds for connecting and reading.

    Raises:
        TunnelsUnreadable: there is no such socket, or its answer makes no sense or is larger than 256 KiB.
        TunnelsSilent: no whole answer within the deadline.
    """
    try:
        async with asyncio.timeout(deadline_s):
            answer = await _read(socket_path)
    except TimeoutError:
        raise TunnelsSilent(
            f"{socket_path} did not answer within {deadline_s:g} s", fix="systemctl status noc-tunnels.socket"
        ) from None
    except OSError as error:
        why, fix = error.strerror or str(error), "on HQ: systemctl start noc-tunnels.socket"
        raise TunnelsUnreadable(f"{socket_path} cannot be read", why=why, fix=fix) from None
    if len(answer) > MAX_BYTES:
        raise TunnelsUnreadable(f"{socket_path} answered more than {MAX_BYTES} bytes")
    return parse_tunnels(answer.decode("ascii", errors="replace"))


async def _read(socket_path: Path) -> bytes:
    reader, writer = await asyncio.open_unix_connection(socket_path)
    try:
        answer = b""
        while len(answer) <= MAX_BYTES and (chunk := await reader.read(MAX_BYTES)):
            answer += chunk
        return answer
    finally:
        writer.close()
