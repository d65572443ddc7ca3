"""The second witness at work: the looks, when they are due, and whom they are told to."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv4Address
from math import inf
from typing import Final

from noc.hosts.web import Web
from noc.watch.clock import Moment, now
from noc.watch.config import Config
from noc.watch.errors import CannotTrust
from noc.watch.store.records import Sighting
from noc.watch.witness.agenda import Agenda
from noc.watch.witness.look import misled, sighting
from noc.watch.witness.names import Names

log = logging.getLogger(__name__)

AT_ONCE: Final = 8
WITHIN_S: Final = 8.0
"""Longer than a node's proxy waits for its service, 5 s: so its own word for what is wrong is heard."""
LONGEST_PAUSE_S: Final = 5.0
"""A node that became live, or a fleet file that was read again, is noticed by then."""

Tell = Callable[[str, Sighting, Moment], object]


class Witness:
    """Looks at every live node's public address.

    Attributes:
        last: the newest look at each node.
    """

    def __init__(
        self, config: Callable[[], Config], tell: Tell, *, names: Names | None = None, port: int = 443
    ) -> None:
        """Prepare.

        Args:
            config: the fleet as it is now.
            tell: who hears of each look: the node's name, what was seen, and the moment at which it ended.
            names: who knows addresses; this machine's resolver where None.
            port: TCP port of HTTPS.
        """
        self._config, self._tell, self._port = config, tell, port
        self.last: dict[str, Sighting] = {}
        self._names = names or Names()
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._poke = asyncio.Event()
        self._few = asyncio.Semaphore(AT_ONCE)
        self._read: Config | None = None
        self._web: Web | None = None
        self._since: dict[str, float] = {}
        self._agenda = Agenda(inf, inf)

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                self._poke.clear()
                self._begin(now().mono)
                await self._pause(self._agenda.next_due() - now().mono)
        finally:
            looks = list(self._looking.values())
            for look in looks:
                look.cancel()
            await asyncio.gather(*looks, return_exceptions=True)
            self._names.close()

    def suspect(self, node: str) -> None:
        """Something speaks against this node: look at once, where it is looked at at all."""
        self._agenda.at_once(node, now().mono)
        self._poke.set()

    def silence(self, moment: Moment) -> float:
        """For how many seconds the node has waited that was looked at least recently; 0 while none is to be."""
        return max((moment.mono - since for since in self._since.values()), default=0.0)

    def _begin(self, mono: float) -> None:
        config = self._config()
        self._follow(config)
        asked = numbers(config)
        self._since = {name: self._since.get(name, mono) for name in asked}
        self.last = {name: seen for name, seen in self.last.items() if name in asked}
        for name in self._agenda.take(asked, mono):
            if name not in self._looking:
                task = self._looking[name] = asyncio.create_task(self._look(name, config))
                task.add_done_callback(lambda _, name=name: self._looking.pop(name, None))  # type: ignore[misc]

    def _follow(self, config: Config) -> None:
        """Take the fleet file's intervals and roots, where it was read again."""
        if config is self._read:
            return
        settings = config.fleet.witness
        if (self._agenda.interval, self._agenda.recheck) != (settings.interval, settings.recheck):
            self._agenda = Agenda(settings.interval, settings.recheck)
        self._read, self._web = config, None
        try:
            self._web = trusting(config, self._port)
        except CannotTrust as trouble:
            log.error("no public address is looked at: %s", trouble)  # noqa: TRY400 - the sentence says all

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(min(max(0.0, seconds), LONGEST_PAUSE_S)):
                await self._poke.wait()

    async def _look(self, name: str, config: Config) -> None:
        if self._web is None:
            return
        try:
            async with self._few:
                seen = await self._see(name, config, self._web)
        except Exception:  # one look that fails in a way nobody thought of must not end all others
            log.exception("the public address of %s could not be looked at", name)
            return
        moment = now()
        before, self.last[name], self._since[name] = self.last.get(name), seen, moment.mono
        if not seen.ok and (before is None or before.ok):
            self._agenda.again(name, moment.mono)
        self._tell(name, seen, moment)

    async def _see(self, name: str, config: Config, web: Web) -> Sighting:
        began = now()
        watched = config.nodes[name]
        hostname = config.fleet.hostname(watched.node)
        expected = IPv4Address(watched.public) if watched.public else None
        lookup = await self._names.look_up(hostname)
        misleading = misled(hostname, lookup, expected)
        address = expected or next(iter(lookup.addresses), None)
        health = await web.health(hostname, address) if address is not None else None
        return sighting(name, began.wall, round((now().mono - began.mono) * 1000, 1), misleading, health)


def numbers(config: Config) -> dict[str, int]:
    """The nodes whose public address is looked at, by name, each with its number: live ones that serve the public."""
    left_out = config.fleet.witness.not_public
    asked = {} if "all" in left_out else config.nodes
    return {name: each.node.number for name, each in asked.items() if each.live and name not in left_out}


def trusting(config: Config, port: int = 443) -> Web:
    """Asks public names, and trusts the fleet's ACME root beside the system's. Raises CannotTrust."""
    root = config.directory / config.fleet.acme.ca_root if config.fleet.acme.ca_root else None
    try:
        return Web(root, port=port, within_s=WITHIN_S)
    except OSError as error:  # which an SSLError is, too
        raise CannotTrust(
            f"the certificates in {root} cannot be read", why=error.strerror or str(error), fix="mend acme.ca_root"
        ) from error
