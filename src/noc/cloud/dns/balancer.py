"""What a load balancer before the domain consists of, and which one there should be: pure, from fleet and inventory.

A pool for each node that the domain may lead to, a monitor that looks whether they answer for it, and the balancer
itself, which answers who asks for the domain with the address of the pool that is nearest. It stands before the
domain's own record, which stays: whoever takes the balancer away leads the domain by that again.
https://developers.cloudflare.com/load-balancing/load-balancers/dns-records/#priority-order
"""

from dataclasses import dataclass
from typing import Final, Self

from noc.fleet.inventory import Inventory
from noc.fleet.model import Fleet, Node
from noc.fleet.routing import Steering

PATH: Final = "/health"
WORDS: Final[dict[Steering, str]] = {"proximity": "nearest by place", "dynamic_latency": "nearest by round trip"}


@dataclass(frozen=True)
class Monitor:
    """How the provider sees whether a node answers for a domain: HTTPS with the domain's name, every so many seconds.

    The name goes into the request's host and, by that, into the TLS handshake.
    """

    domain: str
    interval_s: int

    @property
    def key(self) -> tuple[str, str]:
        """What makes it one part."""
        return "monitor", self.domain

    def __str__(self) -> str:
        """As people read it."""
        return f"monitor https://{self.domain}{PATH} every {self.interval_s} s"


@dataclass(frozen=True)
class Pool:
    """One node behind a balancer.

    Attributes:
        name: the provider's name for it, unique in an account: `FLEET_NODE`.
        address: the node's public address.
        latitude, longitude: where it is, in degrees, to four places (11 m): the provider keeps them as 32-bit numbers.
    """

    name: str
    address: str
    latitude: float
    longitude: float

    @classmethod
    def at(cls, name: str, address: str, latitude: float | None, longitude: float | None) -> Self:
        """A pool at a place; what is not said is 0."""
        return cls(name, address, round(latitude or 0, 4), round(longitude or 0, 4))

    @property
    def key(self) -> tuple[str, str]:
        """What makes it one part."""
        return "pool", self.name

    def __str__(self) -> str:
        """As people read it."""
        return f"pool {self.name} {self.address} at {self.latitude:g}, {self.longitude:g}"


@dataclass(frozen=True)
class Balancer:
    """Who is led where.

    Attributes:
        domain: the name that is asked for.
        pools: the pools' names, in order.
        fallback: the pool that is answered with where none is seen to work.
        steering: what near means.
        ttl: seconds for which an answer is kept.
    """

    domain: str
    pools: tuple[str, ...]
    fallback: str
    steering: Steering
    ttl: int

    @property
    def key(self) -> tuple[str, str]:
        """What makes it one part."""
        return "balancer", self.domain

    def __str__(self) -> str:
        """As people read it."""
        to = f"{', '.join(self.pools)}, else {self.fallback}"
        return f"balancer {self.domain} to the {WORDS.get(self.steering, self.steering)} of {to}, for {self.ttl} s"


Part = Monitor | Pool | Balancer


def pool_name(fleet: Fleet, node: Node) -> str:
    """The provider's name for a node's pool; names of fleets and nodes hold no underscore, so no two are alike."""
    return f"{fleet.name}_{node.name}"


def routed(fleet: Fleet, inventory: Inventory) -> tuple[Node, ...]:
    """The nodes that the domain is led to by a balancer: wanted by the fleet file, live, and proven to answer for it.

    None where the domain leads to one node.
    """
    return tuple(node for node in inventory.routable(fleet) if node.name in inventory.routed)


def wanted_parts(fleet: Fleet, inventory: Inventory) -> tuple[Part, ...]:
    """The parts that the fleet needs, each after those that it leans on; none where the domain leads to one node.

    The balancer falls back on the node that `noc dns apex` was given, and on the first in the fleet's order where that
    one is not among those that are led to.
    """
    nodes = routed(fleet, inventory)
    if not nodes:
        return ()
    pools = tuple(_pool(fleet, node, inventory) for node in nodes)
    last = next((node for node in nodes if node.name == inventory.apex), nodes[0])
    rules = fleet.routing
    names = tuple(pool.name for pool in pools)
    balancer = Balancer(fleet.domain, names, pool_name(fleet, last), rules.steering, rules.ttl)
    return (Monitor(fleet.domain, rules.interval), *pools, balancer)


def _pool(fleet: Fleet, node: Node, inventory: Inventory) -> Pool:
    return Pool.at(pool_name(fleet, node), str(inventory.record(node.name).address), node.latitude, node.longitude)
