"""Every path between HQ, a node and the world, each with its state and what it means when it fails.

What is judged is judged by `noc.runs.health.checks`; here are only the paths that health does not go.
"""

import asyncio
import socket
import time
from dataclasses import dataclass
from typing import Any

from noc.errors import NocError
from noc.fleet.inventory import NodeRecord
from noc.fleet.model import Node
from noc.runs.diagnosis.errors import NothingToReach
from noc.runs.health.checks import Facts, State, judge
from noc.runs.health.health import facts_of, round_trip_ms
from noc.runs.record.tame import tame
from noc.runs.rescue.doors import OpenDoors
from noc.runs.site.site import Site

HTTP, HTTPS, SSH = 80, 443, 22
MEANS = {
    "name": "the name leads elsewhere, or nowhere: noc dns plan",
    "TCP 80": "the machine is down, or a firewall drops 80: no certificate will be renewed",
    "TCP 443": "the machine is down, or a firewall drops 443: the service is away for everybody",
    "TLS": "browsers refuse the name: noc logs NODE -u caddy says what the authority said",
    "health": "the service behind the proxy is sick, or another release: noc logs NODE -u 'clavitor*'",
    "closed ports": "a port is open to everybody that should not be: noc drift NODE",
    "tunnel": "there is no session: noc tunnel NODE says why",
    "round trip": "the tunnel carries nothing, or SSH does not answer: noc tunnel NODE",
    "SSH": "nothing can be run or mended there, and every run leaves the node out",
    "push": "the watch hears nothing: the service, or its push through the tunnel",
    "rescue door": "a tunnel that dies can be mended at the console alone: [hub] rescue in fleet.toml",
}
"""What it means when a path fails, and where to look next."""
_DIAL_S = 8.0
_RESOLVE_S = 5.0


@dataclass(frozen=True)
class Path:
    """One way from one place to another.

    Attributes:
        path: what goes over it.
        origin, target: from where to where.
        state: ok, failed, or not run.
        ms: a round trip, None where none was measured.
        words: what was found.
        means: what it means when it fails.
    """

    path: str
    origin: str
    target: str
    state: State
    ms: float | None
    words: str
    means: str


async def reach(site: Site, node: Node) -> dict[str, Any]:
    """Go every path of one node.

    Returns:
        `{"node", "well", "paths": [{"path", "from", "to", "state", "ms", "words", "means"}…]}`; `well` where every
        path was gone and carried.

    Raises:
        NothingToReach: nothing of the node is known yet.
    """
    record = site.book.record(node.name)
    if record.address is None and record.wireguard_key is None:
        why = "it has neither an address nor a tunnel key"
        raise NothingToReach(f"there is no way to {node.name} yet", why=why, fix=f"noc provision {node.name}")
    address = str(record.address) if record.address else None
    found, names, http, https = await asyncio.gather(
        facts_of(site, node), _addresses(site.fleet.hostname(node)), _trip(address, HTTP), _trip(address, HTTPS)
    )
    paths = _paths(site, node, _Found(found, names, http, https, await _login(site, node)))
    well = all(path.state is State.OK for path in paths)
    return {"node": node.name, "well": well, "paths": [tame(_row(path, node)) for path in paths]}


def _row(path: Path, node: Node) -> dict[str, Any]:
    return {
        "path": path.path,
        "from": path.origin,
        "to": path.target,
        "state": path.state,
        "ms": None if path.ms is None else round(path.ms, 2),
        "words": path.words,
        "means": path.means.replace("NODE", node.name),
    }


@dataclass(frozen=True)
class _Found:
    facts: Facts
    names: frozenset[str] | str
    http_ms: float | None
    https_ms: float | None
    login: tuple[float | None, str]


def _paths(site: Site, node: Node, found: _Found) -> tuple[Path, ...]:
    fleet, record = site.fleet, site.book.record(node.name)
    hub, name, address = fleet.hub.name, fleet.hostname(node), str(record.address or "no address")
    checks = {check.name: check for check in judge(found.facts)}

    def judged(path: str, way: tuple[str, str], check: str, ms: float | None = None) -> Path:
        return Path(path, *way, checks[check].state, ms, checks[check].words, MEANS[path])

    def taken(port: int, ms: float | None) -> Path:
        words = "takes connections" if ms is not None else "no answer"
        return Path(
            f"TCP {port}", hub, f"{address}:{port}", _state(good=ms is not None), ms, words, MEANS[f"TCP {port}"]
        )

    login_ms, login = found.login
    return (
        _name(site, node, record, found.names),
        taken(HTTP, found.http_ms),
        taken(HTTPS, found.https_ms),
        judged("TLS", (hub, name), "certificate"),
        judged("health", (hub, f"https://{name}/health"), "https"),
        judged("closed ports", ("the world", address), "ports"),
        judged("tunnel", (node.name, hub), "tunnel"),
        judged("round trip", (hub, f"{node.tunnel}:{SSH}"), "round trip", found.facts.round_trip_ms),
        Path("SSH", hub, f"root@{node.tunnel}", _state(good=login_ms is not None), login_ms, login, MEANS["SSH"]),
        judged("push", (node.name, f"{fleet.hub.tunnel}:{fleet.tunnel.push_port}"), "heartbeat"),
        _rescue(site, node),
    )


def _state(*, good: bool) -> State:
    return State.OK if good else State.FAILED


def _name(site: Site, node: Node, record: NodeRecord, names: frozenset[str] | str) -> Path:
    name = site.fleet.hostname(node)
    wanted = {
        str(address)
        for address, kinds in ((record.address, ("ipv4", "both")), (record.address6, ("ipv6", "both")))
        if address is not None and node.public in kinds
    }
    means = MEANS["name"]
    if isinstance(names, str):
        return Path("name", "resolver of HQ", name, State.FAILED, None, names, means)
    words = ", ".join(sorted(names)) + (
        "" if names == wanted else f", and the inventory has {', '.join(sorted(wanted))}"
    )
    return Path("name", "resolver of HQ", name, _state(good=names == wanted), None, words, means)


def _rescue(site: Site, node: Node) -> Path:
    """The door that opens when the tunnel is dead for long; nobody goes through it now."""
    hub, times = site.fleet.hub, site.fleet.rescue
    open_now = node.name in OpenDoors(site.paths.doors).names()
    words = f"opens to {', '.join(map(str, hub.rescue)) or 'nobody'} after {times.rescue_after:g} s without HQ"
    if open_now:
        words = f"the cloud may let HQ in at {SSH} now: a rescue is under way, or was cut; {words}"
    good, target = hub.address in hub.rescue and not open_now, f"{site.book.record(node.name).address}:{SSH}"
    return Path("rescue door", hub.name, target, _state(good=good), None, words, MEANS["rescue door"])


async def _addresses(name: str) -> frozenset[str] | str:
    try:
        async with asyncio.timeout(_RESOLVE_S):
            found = await asyncio.get_running_loop().getaddrinfo(name, HTTPS, type=socket.SOCK_STREAM)
    except TimeoutError:
        return f"no answer within {_RESOLVE_S:g} s"
    except OSError as error:
        return error.strerror or "no such name"
    return frozenset(str(address[0]) for *_, address in found)


async def _trip(address: str | None, port: int) -> float | None:
    return await round_trip_ms(address, port) if address else None


async def _login(site: Site, node: Node) -> tuple[float | None, str]:
    """Milliseconds of a login through the tunnel, and what it found."""
    begun = time.perf_counter()
    try:
        shell = await site.through_tunnel(node, timeout_s=_DIAL_S)
    except NocError as error:
        return None, error.why or error.what
    taken = (time.perf_counter() - begun) * 1000
    await shell.close()
    return taken, "logs in, and the node proves to be itself"
