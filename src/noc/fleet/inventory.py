"""The inventory: what was learnt about the machines. Written only by runs, one commit a run."""

from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated

import tomli_w
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from noc.fleet.document import read_document, validate
from noc.fleet.errors import InventoryProblems
from noc.fleet.files import replace
from noc.fleet.model import Fleet, Name, Node, PublicKey

FILE = "inventory.toml"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
HostKey = Annotated[str, Field(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")]
WireGuardKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$")]


class Life(StrEnum):
    """Where a node is in its life. Only a live node is judged."""

    PLANNED = "planned"
    LAUNCHED = "launched"
    PROVISIONED = "provisioned"
    LIVE = "live"
    RETIRED = "retired"


class NodeRecord(BaseModel):
    """What is known of one node.

    Attributes:
        life: its state of life.
        address, address6: its public addresses.
        host_key: fingerprint (`SHA256:…`) of the host key expected at first contact; None once the node's own
            key is certified, from when on only the host CA is trusted.
        wireguard_key: public half of its tunnel key, base64.
        wireguard_key_before: the other key that it may hold, while a rotation is not settled; None otherwise.
        push_token_sha256: hex digest of its push token.
        push_token_sha256_before: hex digest of the other token that it may still push with, while a rotation is not
            settled; the same one twice where it is to get another, and none was made yet; None otherwise.
        hub_key_next: the hub's next tunnel key, once the node is proven to know it, until it knows no other; else None.
        hub_key: the hub's tunnel key from before, where HQ was switched without the node ever hearing of the new one;
            None otherwise.
        ssh_key, host_ca: HQ's SSH key that it was last proven to let in, and the host CA whose certificate it was last
            proven to show, from the beginning of HQ's rotation until that is through with the node; None otherwise.
        rotated: when each of its secrets was last made anew, by the kind's name.
        release: content hash of the release that it was last proven to run.
        owed: content hash of a release that it is to get once it is back; None for none.
        hub: HQ's address that its tunnel was last proven to be configured with; None where that was never seen.
    """

    model_config = ConfigDict(extra="forbid")

    life: Life = Life.PLANNED
    address: IPv4Address | None = None
    address6: IPv6Address | None = None
    host_key: HostKey | None = None
    wireguard_key: WireGuardKey | None = None
    wireguard_key_before: WireGuardKey | None = None
    push_token_sha256: Sha256 | None = None
    release: Sha256 | None = None
    owed: Sha256 | None = None
    hub: IPv4Address | None = None
    push_token_sha256_before: Sha256 | None = None
    hub_key_next: WireGuardKey | None = None
    hub_key: WireGuardKey | None = None
    ssh_key: PublicKey | None = None
    host_ca: PublicKey | None = None
    rotated: dict[str, AwareDatetime] = {}


class HubRecord(BaseModel):
    """What is known of HQ: public halves only, the SSH ones as OpenSSH writes them, in one line.

    Attributes:
        wireguard_key, ssh_key, host_ca: those in use.
        wireguard_key_next, ssh_key_next, host_ca_next: those that a rotation is about to bring in; None otherwise.
        rotated: when each kind of HQ's secrets was last made anew, by its name.
    """

    model_config = ConfigDict(extra="forbid")

    wireguard_key: WireGuardKey | None = None
    ssh_key: PublicKey | None = None
    host_ca: PublicKey | None = None
    wireguard_key_next: WireGuardKey | None = None
    ssh_key_next: PublicKey | None = None
    host_ca_next: PublicKey | None = None
    rotated: dict[str, AwareDatetime] = {}


class PeerRecord(BaseModel):
    """An operator's machine in the tunnel: its public key, base64, its address there, and when it was added."""

    model_config = ConfigDict(extra="forbid")

    key: WireGuardKey
    address: IPv4Address
    added: AwareDatetime


class Inventory(BaseModel):
    """The file `inventory.toml`.

    Attributes:
        peers: operators' machines that may reach HQ through the tunnel, by the name that people gave them.
        apex: the node that was proven to answer for the domain itself, to which the domain's record leads.
        answers_apex: the nodes whose proxies answer for the domain: that one, and one that is to be it, or was; with
            routing by latency every one that the domain may lead to.
        routed: the nodes that were proven to answer for the domain, to which the DNS provider's load balancer may lead;
            none where the domain has no balancer.
    """

    model_config = ConfigDict(extra="forbid")

    apex: Name | None = None
    answers_apex: tuple[Name, ...] = ()
    routed: tuple[Name, ...] = ()
    hub: HubRecord = HubRecord()
    nodes: dict[Name, NodeRecord] = {}
    peers: dict[Name, PeerRecord] = {}

    def aliases(self, fleet: Fleet, node: Node) -> tuple[str, ...]:
        """The names that a node's proxy answers beside its own: those of the fleet file, and the domain's where due."""
        return (*node.aliases, *([fleet.domain] if node.name in self.answers_apex else []))

    def routable(self, fleet: Fleet) -> tuple[Node, ...]:
        """The nodes to which `[routing]` wants the domain led: chosen there, live, with an IPv4 address, in order.

        None where the domain leads to one node.
        """
        if not fleet.routing.by_latency:
            return ()
        chosen = fleet.select(fleet.routing.nodes or ["all"])
        return tuple(node for node in chosen if self._can_be_routed(node))

    def _can_be_routed(self, node: Node) -> bool:
        record = self.record(node.name)
        return record.life is Life.LIVE and record.address is not None and node.public != "ipv6"

    def record(self, name: str) -> NodeRecord:
        """A node's record; an empty one, planned, where nothing was learnt yet."""
        return self.nodes.get(name, NodeRecord())


def load_inventory(directory: Path) -> Inventory:
    """Read `inventory.toml` of a fleet directory; an empty inventory where there is none.

    Raises:
        InventoryProblems: it has mistakes; all of them are in it.
        FileUnreadable: the system refuses to read it, or it is too large or not UTF-8.
    """
    path = directory / FILE
    if not path.exists():
        return Inventory()
    document = read_document(path, InventoryProblems)
    inventory, problems = validate(document, Inventory)
    if inventory is None:
        raise InventoryProblems(path, problems)
    return inventory


def save_inventory(directory: Path, inventory: Inventory) -> None:
    """Write `inventory.toml` whole: a reader, or a crash, sees the old text or the new one."""
    document = inventory.model_dump(mode="json", exclude_none=True)
    for record in (document["hub"], *document["nodes"].values()):
        if not record["rotated"]:
            del record["rotated"]
    for unused in ("peers", "routed"):
        if not document[unused]:
            del document[unused]
    replace(directory / FILE, tomli_w.dumps(document))
