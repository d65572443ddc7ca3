"""The hub's counters of one node's tunnel, looked at until they are as wanted."""

import asyncio
import time
from collections.abc import Callable

from noc.mesh.status import PeerStatus, read_tunnels
from noc.runs.errors import HandshakeMissing
from noc.runs.site.site import Site

_POLL_S = 0.5

Wanted = Callable[[PeerStatus | None], bool]


async def counters(site: Site, name: str) -> PeerStatus | None:
    """The hub's counters of a node, by the key that is known of it; None where the hub does not know that key."""
    key = site.book.record(name).wireguard_key or ""
    return (await read_tunnels(site.paths.tunnels_socket)).get(key)


async def await_counters(site: Site, name: str, within_s: float, wanted: Wanted) -> None:
    """Wait until the hub's counters of a node are as wanted.

    Raises:
        HandshakeMissing: they were not in time.
    """
    end = time.monotonic() + within_s
    while not wanted(status := await counters(site, name)):
        if time.monotonic() >= end:
            raise HandshakeMissing(
                f"the hub has seen no handshake of {name}",
                why="the hub knows its key, and nothing came" if status else "the hub does not know its key",
                fix=f"wg show on {name}" if status else "systemctl status noc-peers on HQ",
            )
        await asyncio.sleep(_POLL_S)
