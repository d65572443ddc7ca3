"""Which records there should be: a pure function of the fleet file and the inventory."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal

from noc.fleet.inventory import Inventory, Life
from noc.fleet.model import Fleet, Node

RecordType = Literal["A", "AAAA", "CNAME"]
TYPES: Final[tuple[RecordType, ...]] = ("A", "AAAA", "CNAME")
"""What lets a name lead somewhere. The fleet makes addresses alone; an alias that others made is in their way."""


@dataclass(frozen=True, order=True)
class Record:
    """One record that lets a name lead somewhere.

    Attributes:
        name: fully qualified, lower case, without the last dot.
        type: A or AAAA; CNAME only where others made it.
        content: the address, or the alias' target.
        ttl: seconds; 1 where the provider chooses, as it does for what it proxies.
        proxied: whether the provider answers with its own addresses in the record's place.
    """

    name: str
    type: RecordType
    content: str
    ttl: int
    proxied: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What makes it one record: there is one address of each kind for a name."""
        return self.name, self.type


def wanted(fleet: Fleet, inventory: Inventory) -> tuple[Record, ...]:
    """The records that the fleet needs, by name.

    A node has its name as soon as it has an address, since its certificate needs the name first; a retired one has
    none. The hub's names and, where a node was chosen for it, the domain itself, come with them.
    """
    return tuple(sorted((*_hub(fleet), *_nodes(fleet, inventory), *_apex(fleet, inventory))))


def _hub(fleet: Fleet) -> Iterator[Record]:
    for name in fleet.hub.names:
        yield _record(f"{name}.{fleet.domain}", fleet.hub.address, fleet)


def _nodes(fleet: Fleet, inventory: Inventory) -> Iterator[Record]:
    for node in fleet.nodes:
        for address in _addresses(node, inventory):
            yield _record(fleet.hostname(node), address, fleet, proxied=node.public == "ipv6")


def _apex(fleet: Fleet, inventory: Inventory) -> Iterator[Record]:
    """The domain itself, at the node that was proven to answer for it."""
    for node in fleet.nodes:
        if node.name == inventory.apex:
            for address in _addresses(node, inventory):
                yield _record(fleet.domain, address, fleet, proxied=node.public == "ipv6")


def _addresses(node: Node, inventory: Inventory) -> Iterator[IPv4Address | IPv6Address]:
    record = inventory.record(node.name)
    if record.life is Life.RETIRED:
        return
    if record.address is not None and node.public != "ipv6":
        yield record.address
    if record.address6 is not None and node.public != "ipv4":
        yield record.address6


def _record(name: str, address: IPv4Address | IPv6Address, fleet: Fleet, *, proxied: bool = False) -> Record:
    return Record(name, "A" if address.version == 4 else "AAAA", str(address), 1 if proxied else fleet.dns.ttl, proxied)
