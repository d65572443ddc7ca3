"""Nodes that were down while a secret was made anew are caught up once they are back, by a run of the runner's own.

Somebody has agreed to the rotation; what is left of it is done under that word, once for each time that a node comes
back. A try that fails is not repeated before the node was away again: then a person has to look.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, get_args

from noc.errors import NocError
from noc.fleet.inventory import Inventory, load_inventory
from noc.fleet.rotating import Secret
from noc.runs.paths import Paths
from noc.runs.rollout.catchup import LOOK_S, heard_again
from noc.runs.rotation.plans import ALL_AT_ONCE, RUNNING, unsettled

BY: Final = "runner (catch-up of a rotation)"

log = logging.getLogger(__name__)


def behind(inventory: Inventory) -> Iterator[tuple[Secret, tuple[str, ...]]]:
    """The nodes with which a rotation that was begun is not through, by the secret."""
    for secret in get_args(Secret):
        if names := tuple(name for name, _ in inventory.nodes.items() if _is_behind(secret, inventory, name)):
            yield secret, names


def _is_behind(secret: Secret, inventory: Inventory, name: str) -> bool:
    record, following = inventory.record(name), inventory.hub.wireguard_key_next
    if record.life not in RUNNING:
        return False
    if secret in ALL_AT_ONCE and following is not None:
        return record.hub_key_next != following
    return unsettled(secret, record)


class Returning:
    """Looks for nodes that are back, and has the rotations gone on with that wait for them.

    Args:
        paths: where fleet and watch lie.
        begin: goes on with one rotation for some nodes, and returns at its end.
        idle: whether a run may begin at all.
    """

    def __init__(
        self, paths: Paths, begin: Callable[[Secret, tuple[str, ...]], Awaitable[None]], idle: Callable[[], bool]
    ) -> None:
        """Nobody was seen yet."""
        self._paths, self._begin, self._idle = paths, begin, idle
        self._away: set[tuple[Secret, str]] = set()

    async def keep(self) -> None:
        """Look again and again, until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except NocError as error:
                log.warning("a rotation could not be gone on with: %s", error)

    async def look(self) -> None:
        """Go on for whoever is back now.

        Raises:
            NocError: of the fleet directory, or of the run that should have begun.
        """
        found = list(behind(load_inventory(self._paths.fleet)))
        if not found or not self._idle():
            return
        names = sorted({name for _, waiting in found for name in waiting})
        back = await heard_again(self._paths, names)
        for secret, waiting in found:
            self._away |= {(secret, name) for name in waiting if not back.get(name, False)}
            ready = tuple(name for name in waiting if back.get(name, False) and (secret, name) in self._away)
            whole = len(ready) == len(waiting) or secret not in ALL_AT_ONCE
            if ready and whole and self._idle():
                self._away -= {(secret, name) for name in ready}
                log.info("%s is back: its rotation of %s goes on", ", ".join(ready), secret)
                await self._begin(secret, ready)
