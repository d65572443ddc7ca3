"""The demo's fleet directory: the same fleet, its tunnel on the loopback network and its patience shortened."""

import secrets
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import tomli_w

from noc.fleet.inventory import Inventory, Life, NodeRecord, save_inventory
from noc.fleet.model import Fleet, Node, Policy
from noc.fleet.witnessing import Outside, Witness

NETWORK = IPv4Address("127.84.0.0")
HUB = NETWORK + 1
"""Linux owns every address of 127.0.0.0/8, so each node can push from an address of its own, as in the tunnel."""

POLICY = Policy(push_interval=2, sev2_missed=2, sev1_after=10, recovery_steady=4)


@dataclass(frozen=True)
class Ports:
    """Where the demo's HQ listens: the push URL on the hub's address, page and alert receiver on 127.0.0.1."""

    push: int
    page: int
    ntfy: int


def demo_fleet(fleet: Fleet, ports: Ports, policy: Policy) -> Fleet:
    """The fleet as the demo runs it: names, cities and people stay, the policy is the one given."""
    return fleet.model_copy(
        update={
            "hub": fleet.hub.model_copy(update={"tunnel": HUB}),
            "tunnel": fleet.tunnel.model_copy(
                update={"network": IPv4Network(f"{NETWORK}/24"), "push_port": ports.push}
            ),
            "policy": policy,
            "ntfy": fleet.ntfy.model_copy(update={"url": f"http://127.0.0.1:{ports.ntfy}", "ca_root": None}),
            "accepted": (),
            "witness": Witness(not_public=("all",)),  # their names are those of the real fleet
            "outside": Outside(),
            "schedule": (),  # no timer begins its jobs here
            "nodes": tuple(node.model_copy(update={"tunnel": address_of(node)}) for node in fleet.nodes),
        }
    )


def address_of(node: Node) -> IPv4Address:
    """The loopback address that stands for a node's tunnel address."""
    return NETWORK + 10 + node.number


def draw_tokens(fleet: Fleet) -> dict[str, str]:
    """A push token for each node, by its name."""
    return {node.name: secrets.token_urlsafe(24) for node in fleet.nodes}


def write_fleet(directory: Path, fleet: Fleet) -> None:
    """Write the demo's `fleet.toml`."""
    document = fleet.model_dump(mode="json", exclude_none=True)
    (directory / "fleet.toml").write_text(tomli_w.dumps(document), encoding="utf-8")


def write_inventory(directory: Path, tokens: dict[str, str], life: Life) -> None:
    """Write the demo's `inventory.toml`: each node in the same state of life, its token known by its hash."""
    records = {
        name: NodeRecord(life=life, push_token_sha256=sha256(token.encode()).hexdigest())
        for name, token in tokens.items()
    }
    save_inventory(directory, Inventory(nodes=records))
