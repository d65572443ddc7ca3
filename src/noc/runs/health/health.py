"""Health from HQ: all nodes at once are looked at, through the tunnel and as a stranger would; `checks` judges."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from noc.errors import NocError
from noc.fleet.inventory import Life
from noc.fleet.model import Node
from noc.mesh.status import PeerStatus, read_tunnels
from noc.release.manifest import Manifest
from noc.runs.health.checks import PORTS, Facts, healthy, judge
from noc.runs.record.tame import tame
from noc.runs.site.site import Site
from noc.runs.site.watchdoor import Watched

_CONNECT_TIMEOUT_S = 2.0
_ROUND_TRIPS = 3
_TRIPS_AT_ONCE = 8
_SSH_PORT = 22


async def health(site: Site, names: Sequence[str]) -> dict[str, Any]:
    """Look at nodes.

    Args:
        site: the fleet.
        names: nodes, or "all".

    Returns:
        `{"at", "ports", "nodes": [{"node", "healthy", "checks": [{"name", "state", "words"}]}], "pending": [name…]}`;
        nodes that are not live yet are pending and not judged, unless they are asked for by name.

    Raises:
        NotFound: a name is not in the fleet.
    """
    selected = site.fleet.select(names)
    judged = [node for node in selected if "all" not in names or site.book.record(node.name).life is Life.LIVE]
    # First and by themselves: with all other checks at the same time we would measure how busy HQ is.
    trips = await _round_trips(judged)
    tunnels, watched = await asyncio.gather(_tunnels(site), _watched(site))
    rows = await asyncio.gather(*(_row(site, node, trips[node.name], tunnels, watched) for node in judged))
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "ports": list(PORTS),
        "nodes": rows,
        "pending": [node.name for node in selected if node not in judged],
    }


async def facts_of(site: Site, node: Node) -> Facts:
    """What the checks of one node are made of, looked at now."""
    trips = await _round_trips([node])
    tunnels, watched = await asyncio.gather(_tunnels(site), _watched(site))
    return await _look(site, node, trips[node.name], tunnels, watched)


async def _row(
    site: Site,
    node: Node,
    round_trip: float | None,
    tunnels: dict[str, PeerStatus] | NocError,
    watched: dict[str, Watched] | NocError,
) -> dict[str, Any]:
    checks = judge(await _look(site, node, round_trip, tunnels, watched))
    return {"node": node.name, "healthy": healthy(checks), "checks": [tame(asdict(check)) for check in checks]}


async def _look(
    site: Site,
    node: Node,
    round_trip: float | None,
    tunnels: dict[str, PeerStatus] | NocError,
    watched: dict[str, Watched] | NocError,
) -> Facts:
    record = site.book.record(node.name)
    address = str(record.address) if record.address else None
    public, open_ports, last = await asyncio.gather(
        site.web.health(site.fleet.hostname(node)),
        _open_ports(address) if address else _nothing(),
        site.watch.last(node.name),
    )
    trouble = {"round trip": f"no answer on port {_SSH_PORT} through the tunnel"}
    peer = tunnels.get(record.wireguard_key or "") if isinstance(tunnels, dict) else None
    if isinstance(tunnels, NocError):
        trouble["tunnel"] = str(tunnels)
    if isinstance(watched, NocError):
        trouble["heartbeat"] = trouble["clock"] = trouble["telemetry"] = str(watched)
    return Facts(
        at=datetime.now(UTC),
        manifest=_manifest(site, record.release),
        push_interval_s=site.fleet.policy.push_interval,
        tunnel_known=isinstance(tunnels, dict),
        handshake_at=peer.handshake_at if peer else None,
        round_trip_ms=round_trip,
        public=public,
        open_ports=open_ports,
        tried_ports=PORTS,
        last=last,
        watched=watched.get(node.name) if isinstance(watched, dict) else None,
        trouble=trouble,
    )


def _manifest(site: Site, sha: str | None) -> Manifest | None:
    return next((kept.manifest for kept in site.releases.list() if kept.sha256 == sha), None)


async def _tunnels(site: Site) -> dict[str, PeerStatus] | NocError:
    try:
        return await read_tunnels(site.paths.tunnels_socket)
    except NocError as error:
        return error


async def _watched(site: Site) -> dict[str, Watched] | NocError:
    try:
        return await site.watch.nodes()
    except NocError as error:
        return error


async def _nothing() -> None:
    return None


async def _round_trips(nodes: Sequence[Node]) -> dict[str, float | None]:
    """Each node's round trip, a few nodes at a time."""
    at_once = asyncio.Semaphore(_TRIPS_AT_ONCE)

    async def one(node: Node) -> float | None:
        async with at_once:
            return await round_trip_ms(str(node.tunnel))

    return dict(zip((node.name for node in nodes), await asyncio.gather(*map(one, nodes)), strict=True))


async def round_trip_ms(address: str, port: int = _SSH_PORT) -> float | None:
    """Milliseconds of the fastest of three TCP handshakes, one after the other; None where one does not come about."""
    times: list[float] = []
    for _ in range(_ROUND_TRIPS):
        taken = await _connect(address, port)
        if taken is None:
            return None
        times.append(taken)
    return min(times)


async def _open_ports(address: str) -> frozenset[int]:
    """Which of PORTS take a TCP connection at a public address."""
    answers = await asyncio.gather(*(_connect(address, port) for port in PORTS))
    return frozenset(port for port, taken in zip(PORTS, answers, strict=True) if taken is not None)


async def _connect(address: str, port: int) -> float | None:
    """Milliseconds that a TCP handshake took, None if there was none within 2 s."""
    begun = time.perf_counter()
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(address, port)
    except (OSError, TimeoutError):
        return None
    taken = (time.perf_counter() - begun) * 1000
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return taken
