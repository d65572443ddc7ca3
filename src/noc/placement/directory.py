"""The directory: which tenant lives on which node, as HQ makes it and whoever gets it checks it.

Signing and verifying the head (ssh-keygen -Y) is done by whoever holds the files; here are bytes and values alone.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self

from noc.fleet.model import Fleet
from noc.fleet.placing import Placement
from noc.placement.body import check_body, lookup, write_body
from noc.placement.errors import DirectoryForeign, DirectoryFull, DirectoryOlder, PlacementError
from noc.placement.head import MAX_NODES, MAX_TENANTS, Head, ListedNode, parse_head


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

    def where(self, tenant: str) -> ListedNode | None:
        """The node on which a tenant lives, by the tenant's id; None for one who is not there."""
        position = lookup(self.body, tenant)
        return None if position is None else self.head.nodes[position]

    def renewed(self, at: int, fresh_for: int) -> Self:
        """The same directory with a younger proof of freshness.

        Args:
            at: the time, seconds since 1970.
            fresh_for: seconds from then on.
        """
        return type(self)(self.head.model_copy(update={"at": at, "until": at + fresh_for}), self.body)


def make(fleet: Fleet, is_open: Collection[str], placed: Mapping[str, str], version: int, at: int) -> Directory:
    """A directory of all tenants.

    Args:
        fleet: whose nodes; its `[placement]` says for how long a directory is fresh.
        is_open: names of the nodes that may take new tenants at all.
        placed: tenant id → name of its node.
        version: one more than that of the directory before.
        at: the time, seconds since 1970.

    Raises:
        DirectoryFull: more tenants, or more nodes, than a directory holds.
        PlacementError: a tenant is placed on a node that the fleet does not have.
    """
    if len(placed) > MAX_TENANTS or len(fleet.nodes) > MAX_NODES:
        why = f"{len(placed)} tenants on {len(fleet.nodes)} nodes; {MAX_TENANTS} on {MAX_NODES} are the most"
        raise DirectoryFull("the directory is full", why=why, fix="run a second fleet beside this one")
    position = {node.name: index for index, node in enumerate(fleet.nodes)}
    if lost := sorted(set(placed.values()) - position.keys()):
        why = f"fleet.toml has no node {', '.join(lost)}"
        raise PlacementError("tenants live on nodes that are not in the fleet", why=why, fix="take the node back")
    terms = fleet.placement or Placement()
    body = write_body({tenant: position[node] for tenant, node in placed.items()})
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
    return Directory(head, body)


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


def check_successor(held: Head, offered: Head) -> None:
    """Let a directory take the place of the one that is held only if it is the same fleet's, and no older.

    The same version may come with a younger head, which renews its proof of freshness; or with the very same head,
    which changes nothing.

    Raises:
        DirectoryForeign: it is another fleet's.
        DirectoryOlder: its version is lower; or is the same, and its head older or of other lines.
    """
    if (held.fleet, held.domain) != (offered.fleet, offered.domain):
        what = f"this is the directory of {offered.fleet} at {offered.domain}, not of {held.fleet} at {held.domain}"
        raise DirectoryForeign(what, fix="send that of this fleet")
    if (offered.version, offered.at) < (held.version, held.at):
        why = f"version {held.version} of {held.at} is held, and this is version {offered.version} of {offered.at}"
        raise DirectoryOlder("this directory is older than the one that is held", why=why, fix="send the newest")
    if offered.version == held.version and offered.sha256 != held.sha256:
        why = f"version {held.version} is held with other lines"
        raise DirectoryOlder("this directory is not the one of its version", why=why, fix="give it a higher version")
