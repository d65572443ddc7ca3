"""Operators' own tunnels at the runner's door: it alone writes the inventory, and never beside a run."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any

from noc.errors import Usage
from noc.fleet.inventory import Inventory, load_inventory, save_inventory
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.fleet.peers import with_peer, without_peer
from noc.fleet.render import render, write
from noc.fleet.repository import commit
from noc.runs.admission.approval import check_may_act
from noc.runs.admission.caller import Caller
from noc.runs.admission.grant import Standing, read_lease
from noc.runs.errors import FleetBusy
from noc.runs.runner.door import Answers, Operation
from noc.runs.runner.runner import Runner


class Peering:
    """The door's operations about peers."""

    def __init__(self, runner: Runner) -> None:
        """Offer them over a runner."""
        self._runner = runner

    @property
    def operations(self) -> dict[str, Operation]:
        """By the name that requests give."""
        return {"peers": self._list, "peer-add": self._add, "peer-remove": self._remove}

    async def _list(self, _request: Mapping[str, Any], _caller: Caller) -> Answers:
        yield self._document(load_inventory(self._runner.paths.fleet))

    async def _add(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        name, key, address = str(request["name"]), str(request["key"]), _address(request.get("address"))

        def change(fleet: Fleet, inventory: Inventory) -> Inventory:
            return with_peer(fleet, inventory, name, key, address=address, now=datetime.now(UTC))

        yield self._document(self._written(f"add the peer {name[:64]}", caller, change), name)

    async def _remove(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        name = str(request["name"])
        changed = self._written(
            f"remove the peer {name[:64]}", caller, lambda _, inventory: without_peer(inventory, name)
        )
        yield self._document(changed)

    def _written(self, what: str, caller: Caller, change: Callable[[Fleet, Inventory], Inventory]) -> Inventory:
        """Write a change down, and render it for root, in one go: nothing else of the runner's comes in between."""
        directory = self._runner.paths.fleet
        with self._runner.audit.acting(what, caller.name):
            fleet = load(directory)
            check_may_act(caller, fleet)
            self._check_idle()
            inventory = change(fleet, load_inventory(directory))
            save_inventory(directory, inventory)
            write(directory, render(fleet, inventory))
            commit(directory, f"{what}\n\nBy {caller.name}")
        return inventory

    def _check_idle(self) -> None:
        """A run has the inventory in its hands, and would write over what comes meanwhile. Raises FleetBusy."""
        held = read_lease(self._runner.paths.lease)
        if self._runner.current is not None or (held is not None and held.standing is Standing.HELD):
            raise FleetBusy("a run is changing the fleet", fix="give the command again when it has ended")

    def _document(self, inventory: Inventory, name: str | None = None) -> dict[str, Any]:
        """All peers, or one; and what a machine needs to reach HQ."""
        fleet = load(self._runner.paths.fleet)
        rows = [
            {"name": each, "key": peer.key, "address": str(peer.address), "added": peer.added.isoformat()}
            for each, peer in inventory.peers.items()
            if name in (None, each)
        ]
        hub = {
            "key": inventory.hub.wireguard_key,
            "key_next": inventory.hub.wireguard_key_next,
            "endpoint": f"{fleet.hub.address}:{fleet.tunnel.port}",
            "address": str(fleet.hub.tunnel),
            "mtu": fleet.tunnel.mtu,
            "names": [f"{each}.{fleet.domain}" for each in fleet.hub.names],
        }
        return {"peers": rows, "hub": hub}


def _address(said: object) -> IPv4Address | None:
    try:
        return None if said is None else IPv4Address(str(said))
    except ValueError:
        raise Usage("that is no address", fix="an address of the tunnel's, as 10.84.0.2") from None
