"""Operators' own tunnels to HQ: who has one, with which key, at which address of those kept for them."""

import base64
import binascii
from collections.abc import Iterator
from datetime import datetime
from ipaddress import IPv4Address

from pydantic import ValidationError

from noc.errors import NotFound
from noc.fleet.errors import PeerRefused
from noc.fleet.inventory import Inventory, PeerRecord
from noc.fleet.model import Fleet

OPERATORS = range(2, 10)
"""Places in the tunnel's network that are kept for operators' machines."""


def addresses(fleet: Fleet) -> tuple[IPv4Address, ...]:
    """The addresses that operators may have, in order."""
    return tuple(fleet.tunnel.network[place] for place in OPERATORS)


def is_operators(fleet: Fleet, address: IPv4Address) -> bool:
    """Whether an address is kept for operators."""
    return address in addresses(fleet)


def with_peer(
    fleet: Fleet, inventory: Inventory, name: str, key: str, *, address: IPv4Address | None = None, now: datetime
) -> Inventory:
    """Let an operator's machine be a peer of HQ; one of that name gets another key or address.

    Args:
        fleet: the fleet file.
        inventory: what is known.
        name: what people call the machine.
        key: its public key as `wg pubkey` prints it.
        address: the one that it is to have; None for the one that it has, or the first that is free.
        now: the time, UTC.

    Raises:
        PeerRefused: name, key or address cannot be had.
    """
    others = {each: record for each, record in inventory.peers.items() if each != name}
    before = inventory.peers.get(name)
    key = _checked_key(key)
    if key in _keys(inventory, others):
        raise PeerRefused(f"{name} was not added", why="another machine has that key", fix="wg genkey, on the laptop")
    found = address or (before.address if before else next(_free(fleet, others), None))
    if found is None:
        raise PeerRefused(f"{name} was not added", why="no address is free", fix="noc peer remove NAME makes room")
    if not is_operators(fleet, found) or any(record.address == found for record in others.values()):
        low, *_, high = addresses(fleet)
        why = f"{found} is taken, or none of {low} to {high}, which are the operators' own"
        raise PeerRefused(f"{name} was not added", why=why, fix="leave out --address, and a free one is taken")
    record = PeerRecord(key=key, address=found, added=now)
    if before is not None and (before.key, before.address) == (key, found):
        record = before
    try:
        return Inventory.model_validate({**inventory.model_dump(), "peers": {**others, name: record}})
    except ValidationError:
        why = "a name is of lower-case letters, digits and hyphens, as a node's"
        raise PeerRefused(f"{name[:64]!r} was not added", why=why) from None


def without_peer(inventory: Inventory, name: str) -> Inventory:
    """Let a machine be no peer any more. Raises NotFound."""
    if name not in inventory.peers:
        raise NotFound(f"no peer is called {name[:64]}", fix="noc peer list shows them")
    others = {each: record for each, record in inventory.peers.items() if each != name}
    return inventory.model_copy(update={"peers": others})


def _free(fleet: Fleet, others: dict[str, PeerRecord]) -> Iterator[IPv4Address]:
    taken = {record.address for record in others.values()}
    return (address for address in addresses(fleet) if address not in taken)


def _keys(inventory: Inventory, others: dict[str, PeerRecord]) -> set[str | None]:
    nodes = inventory.nodes.values()
    hub = {inventory.hub.wireguard_key, inventory.hub.wireguard_key_next}
    of_nodes = {key for record in nodes for key in (record.wireguard_key, record.wireguard_key_before)}
    return hub | of_nodes | {record.key for record in others.values()}


def _checked_key(key: str) -> str:
    try:
        raw = base64.b64decode(key.strip(), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 32 or not any(raw):
        raise PeerRefused("that is no public key", why="44 characters are expected, as wg pubkey prints them")
    return base64.b64encode(raw).decode("ascii")
