"""Plans of rotations, before any node is asked: whose turn it is, and who is through already."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from noc.errors import Usage
from noc.fleet.inventory import Inventory, Life, NodeRecord
from noc.fleet.model import Fleet, Node
from noc.fleet.rotating import Secret
from noc.runs.plan.plan import NodePlan, Options, Plan

RUNNING: Final = (Life.PROVISIONED, Life.LIVE)
ALL_AT_ONCE: Final[frozenset[Secret]] = frozenset({"hub"})
"""Secrets of which HQ has one at a time, so that no node can keep the one from before."""


def plan_rotate(fleet: Fleet, inventory: Inventory, names: Sequence[str], now: datetime, options: Options) -> Plan:
    """Plan to make a secret anew.

    Args:
        fleet: the fleet file.
        inventory: what is known of the machines.
        names: nodes, or "all".
        now: the time, UTC.
        options: says which secret.

    Raises:
        NotFound: a name is not in the fleet.
        Usage: no secret is named, or a named node was never provisioned; or HQ's tunnel key is to be that of some
            nodes.
    """
    if options.secret is None:
        raise Usage("nothing says which secret is rotated", fix="noc rotate --help")
    if options.secret in ALL_AT_ONCE:
        fleet.select(options.without)
        if "all" not in names:
            why = "HQ has one tunnel key at a time"
            raise Usage("HQ's tunnel key is rotated for all nodes", why=why, fix="sudo noc rotate hub [--without NODE]")
    nodes = _running(fleet, inventory, names)
    found, rows = tuple(node.name for node in nodes), _rows(options.secret, inventory, nodes)
    return Plan(action="rotate", nodes=found, options=options, rows=rows, created=now).sealed()


def _running(fleet: Fleet, inventory: Inventory, names: Sequence[str]) -> list[Node]:
    selected = fleet.select(names)
    running = [node for node in selected if inventory.record(node.name).life in RUNNING]
    idle = [node.name for node in selected if node not in running]
    if idle and "all" not in names:
        raise Usage(f"{', '.join(idle)}: not provisioned yet", fix=f"noc provision {' '.join(idle)}")
    if not running:
        raise Usage("no node runs the service yet", fix="noc provision NODE makes one")
    return running


def unsettled(secret: Secret, record: NodeRecord) -> bool:
    """Whether a rotation of that kind has begun for a node and is not through with it: the old and the new count."""
    asked = UNSETTLED.get(secret)
    return asked is not None and asked(record)


UNSETTLED: Final[Mapping[Secret, Callable[[NodeRecord], bool]]] = {
    "push-token": lambda record: record.push_token_sha256_before is not None,
    "wg": lambda record: record.wireguard_key_before is not None,
    "hub": lambda record: record.hub_key_next is not None,
    "ssh": lambda record: record.ssh_key is not None,
    "ca": lambda record: record.host_ca is not None,
}
"""How a node's record tells that."""


def lacks_list(inventory: Inventory, name: str) -> bool:
    """Whether a running node was not proven to have the list of signers since that was changed last by a rotation."""
    changed, record = inventory.hub.rotated.get("signer"), inventory.record(name)
    if changed is None or record.life not in RUNNING:
        return False
    return "signer" not in record.rotated or record.rotated["signer"] < changed


def _rows(secret: Secret, inventory: Inventory, nodes: Sequence[Node]) -> tuple[NodePlan, ...]:
    """A row for each node.

    A rotation that was cut, or left a node out, is gone on with before another one begins: as long as one of the nodes
    is not through, those that are have nothing to do. Before HQ itself has switched, none is through.
    """
    records = [inventory.record(node.name) for node in nodes]
    goes_on = any(unsettled(secret, record) for record in records)
    ends = goes_on and not _spreads(secret, inventory)
    return tuple(
        NodePlan(
            node=node.name,
            position=position,
            state="unchanged" if ends and not unsettled(secret, record) else "change",
            notes=_notes(secret, record, goes_on=goes_on),
        )
        for position, (node, record) in enumerate(zip(nodes, records, strict=True), 1)
    )


def _spreads(secret: Secret, inventory: Inventory) -> bool:
    hub = inventory.hub
    nexts = {"ssh": hub.ssh_key_next, "ca": hub.host_ca_next, "hub": hub.wireguard_key_next}
    return nexts.get(secret) is not None


def _notes(secret: Secret, record: NodeRecord, *, goes_on: bool) -> tuple[str, ...]:
    if goes_on and unsettled(secret, record):
        return ("goes on: the old and the new count",)
    at = record.rotated.get(secret)
    return (f"rotated {at:%Y-%m-%d %H:%M} UTC",) if at else ()
