"""The directory: which tenant lives on which node, as HQ makes it and whoever gets it checks it.

Signing and verifying the head (ssh-keygen -Y) is done by whoever holds the files; here are bytes and values alone.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self

from noc.fleet.model import Fleet
from noc.fleet.placing import Placement
from noc.placement.body import check_body, read_body, write_body
from noc.placement.errors import DirectoryFull, PlacementError
from noc.placement.head import MAX_HEAD_BYTES, MAX_NODES, MAX_TENANTS, Head, ListedNode, parse_head


@dataclass(frozen=True)
class Directory:
    """A head and the lines that belong to it.

    Attributes:
        head: what is signed.
        body: the lines, `head.sha256` their hash.
    """

    head: Head
    body: bytes

    @classmethod
    def read(cls, head: bytes, body: bytes) -> Self:
        """Read both files of a directory whose signature was checked before.

        Raises:
            DirectoryMalformed: the head is none.
            DirectoryDamaged: the lines are not those of the head.
        """
        parsed = parse_head(head)
        check_body(parsed, body)
        return cls(parsed, body)

    @property
    def placed(self) -> dict[str, str]:
        """Tenant id → name of the node."""
        return {tenant: self.head.nodes[index].name for tenant, index in read_body(self.body).items()}


def make(fleet: Fleet, is_open: Collection[str], placed: Mapping[str, str], version: int, at: int) -> Directory:
    """A directory of all tenants.

    Args:
        fleet: whose nodes; its `[placement]` says for how long a directory is fresh.
        is_open: names of the nodes that may take new tenants at all.
        placed: tenant id → name of its node.
        version: one more than that of the directory before.
        at: the time, seconds since 1970.

    Raises:
        DirectoryFull: more tenants, nodes or groups than a directory holds.
        PlacementError: a tenant is placed on a node that the fleet does not have.
    """
    if len(placed) > MAX_TENANTS or len(fleet.nodes) > MAX_NODES:
        why = f"{len(placed)} tenants on {len(fleet.nodes)} nodes; {MAX_TENANTS} on {MAX_NODES} are the most"
        raise DirectoryFull("the directory is full", why=why, fix="run a second fleet beside this one")
    terms, body = fleet.placement or Placement(), write_body(_positions(fleet, placed))
    head = Head(
        fleet=fleet.name,
        domain=fleet.domain,
        version=version,
        count=len(placed),
        sha256=hashlib.sha256(body).hexdigest(),
        nodes=_listed(fleet, terms, is_open),
        at=at,
        until=at + terms.fresh_for,
    )
    if (size := len(head.to_bytes())) > MAX_HEAD_BYTES:
        why = f"its head has {size} bytes, and {MAX_HEAD_BYTES} are the most"
        raise DirectoryFull("the directory is full", why=why, fix="name fewer groups in [placement.groups]")
    return Directory(head, body)


def _positions(fleet: Fleet, placed: Mapping[str, str]) -> dict[str, int]:
    position = {node.name: index for index, node in enumerate(fleet.nodes)}
    if lost := sorted(set(placed.values()) - position.keys()):
        why, fix = f"fleet.toml has no node {', '.join(lost)}", "take it back; or let them go: noc tenant forget"
        raise PlacementError("tenants live on a node that the fleet has no more", why=why, fix=fix)
    return {tenant: position[node] for tenant, node in placed.items()}


def _listed(fleet: Fleet, terms: Placement, is_open: Collection[str]) -> tuple[ListedNode, ...]:
    return tuple(
        ListedNode(
            name=node.name,
            url=f"https://{fleet.hostname(node)}",
            open=node.name in is_open,
            groups=terms.residencies(node.country),
            latitude=node.latitude,
            longitude=node.longitude,
        )
        for node in fleet.nodes
    )
