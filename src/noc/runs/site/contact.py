"""Which ways lead to a node, each with what it must prove: decided purely, then tried in order."""

from dataclasses import dataclass
from typing import Literal

from noc.fleet.inventory import Life, NodeRecord
from noc.fleet.model import Node
from noc.hosts.errors import HostKeyMismatch, NoTrust, Unreachable
from noc.hosts.shell import Shell
from noc.hosts.ssh import Authority, Pinned, Trust
from noc.runs.plan.plan import Options
from noc.runs.site.ways import Ways

_TUNNEL_TIMEOUT_S = 6
_PUBLIC_TIMEOUT_S = 15


@dataclass(frozen=True)
class Route:
    """One way to a node: through the tunnel or over the public internet, and what the node has to prove there."""

    via: Literal["tunnel", "public"]
    address: str
    trust: Trust
    timeout_s: float


def routes(node: Node, record: NodeRecord, authority: Authority, options: Options) -> tuple[Route, ...]:
    """The ways to a node, the best first.

    Through the tunnel once the node has a tunnel key, unless a person names another address than the one known: then
    the machine is a new one. In public by the pinned key of the first contact, and by HQ's authority: a run that was
    cut after the certificate was installed finds the pinned key dead.

    Args:
        node: the node.
        record: what is known of it.
        authority: HQ's host CA for this node.
        options: address and host key given by hand.

    Raises:
        NoTrust: nothing says which host key the machine must show.
        Unreachable: no address is known.
    """
    given = options.address.get(node.name)
    address = given or record.address
    fingerprint = options.host_key.get(node.name) or record.host_key
    certified = record.wireguard_key is not None or record.life is not Life.PLANNED
    if not fingerprint and not certified:
        raise NoTrust(
            f"{node.name} is not contacted",
            why="it is new, and nothing says which host key it must show",
            fix=f"read it on its console and give it: noc provision {node.name} "
            f"{'' if address else '--ip ADDRESS '}--host-key SHA256:…",
        )
    moved = given is not None and record.address is not None and given != record.address
    found: list[Route] = []
    if record.wireguard_key and not moved:
        found.append(Route("tunnel", str(node.tunnel), authority, _TUNNEL_TIMEOUT_S))
    if address and fingerprint:
        found.append(Route("public", str(address), Pinned(fingerprint), _PUBLIC_TIMEOUT_S))
    if address:
        found.append(Route("public", str(address), authority, _PUBLIC_TIMEOUT_S))
    if not found:
        fix = f"noc provision {node.name} --ip ADDRESS"
        raise Unreachable(f"{node.name} cannot be reached", why="its address is not known", fix=fix)
    return tuple(found)


async def reach(node: Node, ways: Ways, found: tuple[Route, ...]) -> tuple[Route, Shell]:
    """Try ways in order, and take the first on which the node proves to be itself.

    Raises:
        HostKeyMismatch, Unreachable: of the first public way, since that is the one a person can mend; or what else
            `noc.hosts.ssh.connect` raises, at once.
    """
    failures: list[tuple[Route, HostKeyMismatch | Unreachable]] = []
    for route in found:
        if any(tried.address == route.address and isinstance(error, Unreachable) for tried, error in failures):
            continue
        try:
            shell = await ways.dial(node.name, route.address, route.trust, timeout_s=route.timeout_s)
        except (HostKeyMismatch, Unreachable) as error:
            failures.append((route, error))
        else:
            return route, shell
    raise next((error for route, error in failures if route.via == "public"), failures[0][1])
