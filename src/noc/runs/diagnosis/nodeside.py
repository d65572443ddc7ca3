"""What a node itself says of its end of the tunnel."""

import json
import re
import time
from dataclasses import dataclass
from ipaddress import IPv4Network

from noc.hosts.shell import Shell

_SCRIPT = """
wg show {interface} public-key || echo none
wg show {interface} endpoints || true
echo
date +%s.%N
ip -4 -json route show
"""
_KEY = re.compile(r"[A-Za-z0-9+/]{43}=")
_WHOLE = 32
"""Prefix length of the hub's address in a node's routes: wg-quick(8) makes it of AllowedIPs."""


@dataclass(frozen=True)
class NodeSide:
    """A node's end.

    Attributes:
        key: its public key, None where its tunnel is not there.
        hub_key, endpoint: its peer's public key, and where it looks for it; None where it has no peer, or not one.
        clock: its time, Unix seconds; None where it made no sense.
        asked_at: HQ's time in the middle of the question.
        routes: interface and destination of each route.
        own_length: prefix length of the tunnel's own route.
    """

    key: str | None
    hub_key: str | None
    endpoint: str | None
    clock: float | None
    asked_at: float
    routes: tuple[tuple[str, IPv4Network], ...]
    own_length: int = _WHOLE


async def ask_node(shell: Shell, interface: str) -> NodeSide:
    """Ask a node. Raises what `Shell.script` raises."""
    begun = time.time()
    said = await shell.script(_SCRIPT.format(interface=interface), timeout_s=8, check=False)
    return read_node(said.stdout, (begun + time.time()) / 2)


def read_node(text: str, asked_at: float) -> NodeSide:
    """What the script printed; a node that talks nonsense has said nothing.

    Args:
        text: a key, then lines of key and endpoint, an empty line, the time, and routes as JSON.
        asked_at: see NodeSide.
    """
    head, _, rest = text.partition("\n\n")
    key, *peers = head.splitlines() or [""]
    clock, _, routes = rest.partition("\n")
    hub_key, _, endpoint = peers[0].partition("\t") if len(peers) == 1 else ("", "", "")
    return NodeSide(
        key=key if _KEY.fullmatch(key) else None,
        hub_key=hub_key if _KEY.fullmatch(hub_key) else None,
        endpoint=endpoint[:60] if ":" in endpoint else None,
        clock=float(clock) if re.fullmatch(r"\d{1,12}(\.\d{1,9})?", clock) else None,
        asked_at=asked_at,
        routes=_routes(routes),
    )


def _routes(text: str) -> tuple[tuple[str, IPv4Network], ...]:
    try:
        rows = json.loads(text)
        return tuple((str(row["dev"])[:20], IPv4Network(row["dst"])) for row in rows if row["dst"] != "default")
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()
