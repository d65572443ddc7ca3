"""The machines of a lab, and the addresses of its public network."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from noc.fleet.model import Fleet, Node
from noc.lab.errors import LabNeeds
from noc.lab.standins import STAND_INS

PUBLIC = IPv4Network("198.51.100.0/24")
"""The lab's public network: documentation addresses (RFC 5737), which no real network routes."""
EYE = PUBLIC[1]
INTERNET = PUBLIC[2]
STRANGER = PUBLIC[3]
HQ = PUBLIC[10]
FIRST_NODE = 20
INTERNET_NAMES = ("acme.lab", "apt.lab", "ns.lab", *(each.host for each in STAND_INS))

ImageName = Literal["bare", "warm", "internet"]


class Machine(BaseModel):
    """One host of the lab.

    Attributes:
        name: the machine's name, which is its host name.
        image: the root file system that it starts from.
        address: its public address.
        dns_names: public names that the lab's DNS answers with this address.
        latitude, longitude: degrees; where the original stands.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    image: ImageName
    address: IPv4Address
    dns_names: tuple[str, ...]
    latitude: float = 0
    longitude: float = 0

    @property
    def interface(self) -> IPv4Interface:
        """Its address with the network's prefix, as `ip address add` takes it."""
        return IPv4Interface(f"{self.address}/{PUBLIC.prefixlen}")

    @property
    def port(self) -> str:
        """The machine's port on the lab's switch; short, because Linux allows 15 characters."""
        return f"port{int(self.address) - int(PUBLIC.network_address)}"

    @property
    def mac(self) -> str:
        """A hardware address that stays the same over power cycles, as a real card's does."""
        return "02:00:" + ":".join(f"{byte:02x}" for byte in self.address.packed)


class LabPlan(BaseModel):
    """What a lab is asked to be; the supervisor reads it.

    Attributes:
        lab: the lab's identity, hexadecimal; part of the names of its control groups.
        domain: the fleet's zone.
        hub: name of the machine that is HQ.
        machines: all of them, HQ and the internet's own included.
        images: directory of the image set.
        disk: upper layers on disk; in memory otherwise.
        authorized_keys: public key lines that root accepts on every machine from its first boot on.
        bare_zone: the fleet's zone begins without a name of the fleet.
        cloud: the machines that come and go by the stand-in for AWS; they are off until somebody launches them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    lab: str
    domain: str
    hub: str
    machines: tuple[Machine, ...]
    images: Path
    disk: bool = False
    authorized_keys: tuple[str, ...] = ()
    bare_zone: bool = False
    cloud: tuple[str, ...] = ()


def node_address(node: Node) -> IPv4Address:
    """A node's public address in the lab: its number plus 20.

    Raises:
        LabNeeds: the number does not fit into the lab's network.
    """
    if FIRST_NODE + node.number >= PUBLIC.num_addresses - 1:
        raise LabNeeds(f"{node.name} does not fit into the lab", why=f"its number {node.number} is above 234")
    return PUBLIC[FIRST_NODE + node.number]


def machines_of(fleet: Fleet, nodes: Sequence[str], images: Mapping[str, ImageName]) -> tuple[Machine, ...]:
    """The internet, HQ and the chosen nodes as machines.

    Args:
        fleet: the fleet that is rehearsed.
        nodes: names of nodes; "all" for every one.
        images: images by machine name where not `warm`.

    Raises:
        NotFound: a name is not in the fleet.
    """
    hub = fleet.hub
    return (
        Machine(name="internet", image="internet", address=INTERNET, dns_names=INTERNET_NAMES),
        Machine(
            name=hub.name,
            image=images.get(hub.name, "warm"),
            address=HQ,
            dns_names=tuple(f"{name}.{fleet.domain}" for name in hub.names),
            latitude=hub.latitude,
            longitude=hub.longitude,
        ),
        *(
            Machine(
                name=node.name,
                image=images.get(node.name, "warm"),
                address=node_address(node),
                dns_names=(fleet.hostname(node), *node.aliases),
                latitude=node.latitude,
                longitude=node.longitude,
            )
            for node in fleet.select(nodes)
        ),
    )
