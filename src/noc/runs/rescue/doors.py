"""The cloud's half of the lock: 22 is open to HQ only while a rescue holds it, and a rule that stands is written down.

Written down before it is made and forgotten after it is withdrawn, so that a runner that was killed in between knows at
its next start which rules may stand.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from noc.cloud.ec2.door import let_in, shut_out
from noc.errors import NocError
from noc.fleet.files import replace
from noc.fleet.model import Node
from noc.runs.site.cloud import PROVIDER, has_account, owned
from noc.runs.site.site import Site

AGAIN_S = 60.0

log = logging.getLogger(__name__)


class OpenDoors:
    """The nodes whose rule may stand: a file beside the runs."""

    def __init__(self, file: Path) -> None:
        """Use a file; a missing or damaged one is an empty list."""
        self._file = file

    def names(self) -> tuple[str, ...]:
        """The nodes, by name."""
        with suppress(OSError, ValueError, TypeError):
            return tuple(str(name) for name in json.loads(self._file.read_text()))
        return ()

    def add(self, name: str) -> None:
        """Write down that a rule is about to be made."""
        self._write({*self.names(), name})

    def remove(self, name: str) -> None:
        """Forget a rule that was withdrawn."""
        self._write(set(self.names()) - {name})

    def _write(self, names: set[str]) -> None:
        replace(self._file, json.dumps(sorted(names)) + "\n")


def has_door(site: Site, node: Node) -> bool:
    """Whether HQ can open and shut 22 in the cloud's firewall of a node."""
    ours = node.provider == PROVIDER and node.region is not None and node.instance_type is not None
    return ours and has_account(site)


async def open_door(site: Site, node: Node, tell: Callable[[str], None]) -> None:
    """Let HQ alone in at 22, in the cloud. Raises what `noc.cloud.errors` has."""
    OpenDoors(site.paths.doors).add(node.name)
    await asyncio.to_thread(let_in, owned(site, node, tell), str(site.fleet.hub.address))


async def shut_door(site: Site, node: Node, tell: Callable[[str], None]) -> None:
    """Withdraw the rule. Raises what `noc.cloud.errors` has; it then stays written down."""
    await asyncio.to_thread(shut_out, owned(site, node, tell))
    OpenDoors(site.paths.doors).remove(node.name)


class DoorKeeper:
    """Shuts what a rescue that was cut, or a cloud that did not answer, has left open."""

    def __init__(self, doors: OpenDoors, open_site: Callable[[], Site], idle: Callable[[], bool]) -> None:
        """Prepare.

        Args:
            doors: which rules may stand.
            open_site: the fleet as it is.
            idle: whether no run is under way, which could need the rule.
        """
        self._doors, self._open_site, self._idle = doors, open_site, idle

    async def keep(self) -> None:
        """Look at once, and then every minute, until it is cancelled."""
        while True:
            try:
                await self.look()
            except NocError as error:
                log.warning("a rule for 22 may stand at the cloud: %s", error)
            await asyncio.sleep(AGAIN_S)

    async def look(self) -> None:
        """Shut every door that may be open. Raises NocError where one could not be shut."""
        if not (names := self._doors.names()) or not self._idle():
            return
        site = self._open_site()
        for node in site.fleet.nodes:
            if node.name in names:
                log.warning("the cloud's rule for 22 of %s may have been left standing", node.name)
                await shut_door(site, node, log.info)
