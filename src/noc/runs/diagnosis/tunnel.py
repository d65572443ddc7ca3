"""Why a node's tunnel does not carry: evidence from both ends, as far as they can be reached, and the verdict over it.

Nothing is changed by looking, but that packets are sent into the tunnel, which lets the hub try a handshake.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from noc.errors import NocError
from noc.fleet.inventory import Life
from noc.fleet.model import Node
from noc.hosts.shell import Shell
from noc.mesh.diagnosis import HEADERS, SEGMENTS, Seen, diagnose, evidence, overlapping, settled
from noc.mesh.status import LinkState, PeerStatus, link_state, read_tunnels
from noc.runs.diagnosis.hubside import listening, own_routes
from noc.runs.diagnosis.nodeside import NodeSide, ask_node
from noc.runs.health.health import round_trip_ms
from noc.runs.record.tame import tame
from noc.runs.site.site import Site

LISTEN_S = 12.0
"""A node that has nothing to say answers what it got after 10 s with an empty packet (Donenfeld, section 6.5)."""
_DIAL_S = 4.0
_PROBE_S = 4.0
_PROBE = 8000

Answer = dict[str, Any]


async def examine(site: Site, node: Node, let_in: bool | None) -> AsyncGenerator[Answer, None]:
    """Look at one tunnel from both ends.

    Args:
        site: the fleet.
        node: whose.
        let_in: whether HQ's firewall lets the tunnel's port in, which root alone can read; None for not known.

    Yields:
        `{"looking": words}` before what takes a while, and at last `{"node", "verdict", "why", "fix", "evidence":
        [[what, words]…], "seen": {…}}`.
    """
    yield {"looking": "HQ's end, the node's public face, a round trip through the tunnel"}
    seen, before = await _hub_side(site, node, let_in)
    if not settled(seen):
        if seen.round_trip_ms is None and before is not None and link_state(before, seen.at) is LinkState.UP:
            yield {"looking": f"whether anything comes through the tunnel, for {LISTEN_S:g} s"}
            seen = replace(seen, answered=await _grows(site, seen.key or "", before.received))
        yield {
            "looking": "the node itself, " + ("through the tunnel" if seen.round_trip_ms else "at its public address")
        }
        seen = await _node_side(site, node, seen)
    yield _answer(seen)


def _answer(seen: Seen) -> Answer:
    verdict = diagnose(seen)
    told = {"verdict": verdict.name, "why": verdict.why, "fix": verdict.fix, "evidence": evidence(seen)}
    return {"node": seen.node, **tame(told), "seen": tame(asdict(seen))}


async def _node_side(site: Site, node: Node, seen: Seen) -> Seen:
    """What the node itself says, and which sizes come through, where there is a way to it."""
    if seen.round_trip_ms is not None:
        segment, told = await _sizes(site, node, seen.whole)
        return _with_node(replace(seen, segment=segment), told, "through the tunnel", site)
    if seen.address is not None:
        return _with_node(seen, await _in_public(site, node, seen.address), "in public", site)
    return seen


async def _hub_side(site: Site, node: Node, let_in: bool | None) -> tuple[Seen, PeerStatus | None]:
    record, fleet = site.book.record(node.name), site.fleet
    peers, unread = await _counters(site)
    before = peers.get(record.wireguard_key or "")
    trip, public, last = await asyncio.gather(
        round_trip_ms(str(node.tunnel)), site.web.health(fleet.hostname(node)), site.watch.last(node.name)
    )
    now, (after, _) = datetime.now(UTC), await _counters(site)
    peer = after.get(record.wireguard_key or "", before)
    others = _others(site, node)
    heard = [time for time in (peer.handshake_at if peer else None, last.sent_at if last else None) if time is not None]
    seen = Seen(
        at=now.timestamp(),
        node=node.name,
        hub_endpoint=f"{fleet.hub.address}:{fleet.tunnel.port}",
        whole=fleet.tunnel.mtu - HEADERS,
        address=str(record.address) if record.address else None,
        key=record.wireguard_key,
        key_other=record.wireguard_key_before,
        hub_key=site.book.inventory.hub.wireguard_key,
        unread=unread,
        peer=peer,
        others_up=sum(link_state(after.get(key), now.timestamp()) is LinkState.UP for key in others),
        others=len(others),
        listening=listening(fleet.tunnel.port),
        let_in=let_in,
        overlaps=overlapping(own_routes(), fleet.tunnel.interface, node.tunnel, fleet.tunnel.network.prefixlen),
        public=public.status is not None,
        public_words=f"answers {public.status}" if public.status is not None else public.trouble,
        ahead_s=(public.clock - now).total_seconds() if public.clock else None,
        newest=max((time.timestamp() if isinstance(time, datetime) else float(time) for time in heard), default=None),
        round_trip_ms=trip,
    )
    return seen, before


async def _counters(site: Site) -> tuple[dict[str, PeerStatus], str]:
    try:
        return await read_tunnels(site.paths.tunnels_socket), ""
    except NocError as error:
        return {}, str(error)


def _others(site: Site, node: Node) -> list[str]:
    """The tunnel keys of the other live nodes."""
    records = [site.book.record(other.name) for other in site.fleet.nodes if other.name != node.name]
    return [record.wireguard_key for record in records if record.wireguard_key and record.life is Life.LIVE]


async def _grows(site: Site, key: str, received: int) -> bool | None:
    """Whether the hub's counter of a key grows while we ask, and for a while after it; None where it cannot be read."""
    end = time.monotonic() + LISTEN_S
    while time.monotonic() < end:
        peers, unread = await _counters(site)
        if unread:
            return None
        if peers.get(key, PeerStatus()).received > received:
            return True
        await asyncio.sleep(1)
    return False


async def _sizes(site: Site, node: Node, whole: int) -> tuple[int, NodeSide | None]:
    """The largest TCP segment, of those that are tried, by which a few of them come there and back; 0 for none."""
    for segment in (None, *(each for each in SEGMENTS if each < whole)):
        try:
            async with asyncio.timeout(2 * _PROBE_S):
                shell = await site.ways.dial(
                    node.name, str(node.tunnel), site.authority(node), timeout_s=_PROBE_S, segment=segment
                )
                try:
                    back = await shell.run("cat", stdin=bytes(_PROBE), timeout_s=_PROBE_S)
                    if len(back.stdout) == _PROBE:
                        return segment or whole, await ask_node(shell, site.fleet.tunnel.interface)
                finally:
                    await _hang_up(shell)
        except (NocError, TimeoutError):
            continue
    return 0, None


async def _in_public(site: Site, node: Node, address: str) -> NodeSide | None:
    """The node by its public address, where 22 is open to HQ: while a rescue's door is, say."""
    try:
        shell = await site.ways.dial(node.name, address, site.authority(node), timeout_s=_DIAL_S)
    except NocError:
        return None
    try:
        return await ask_node(shell, site.fleet.tunnel.interface)
    except NocError:
        return None
    finally:
        await _hang_up(shell)


async def _hang_up(shell: Shell) -> None:
    """Close, and do not wait for a path that swallows the farewell."""
    try:
        async with asyncio.timeout(1):
            await shell.close()
    except (NocError, TimeoutError):
        return


def _with_node(seen: Seen, told: NodeSide | None, via: str, site: Site) -> Seen:
    if told is None:
        return seen
    overlaps = overlapping(told.routes, site.fleet.tunnel.interface, site.fleet.hub.tunnel, told.own_length)
    return replace(
        seen,
        via=via,
        own_key=told.key,
        own_hub_key=told.hub_key,
        own_endpoint=told.endpoint,
        ahead_s=told.clock - told.asked_at if told.clock else seen.ahead_s,
        overlaps=(*seen.overlaps, *(f"on {seen.node} {words}" for words in overlaps)),
    )
