"""The directory's way to all nodes: after each change, before its proof of freshness ends, and once a node is back."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from noc.errors import NocError
from noc.fleet.inventory import Life
from noc.fleet.model import Node
from noc.hosts.activation import Held
from noc.hosts.errors import ActivationRefused
from noc.placement.body import write_changes
from noc.placement.directory import Directory, make
from noc.runs.paths import Paths
from noc.runs.site.environment import is_placing
from noc.runs.site.site import Site
from noc.runs.tenants.errors import DirectoryUntaken, NodeBehind, PlacementOff
from noc.runs.tenants.handing import fetch, hand, has, held_by, is_ahead
from noc.runs.tenants.registry import Registry
from noc.runs.tenants.seen import open_nodes
from noc.runs.tenants.signing import SignedDirectory, sign
from noc.runs.tenants.standing import Standing

LOOK_S = 15.0
ASKED_WITHIN_S = 20.0
RENEWED_AT = 0.5
"""The share of its time after which a proof of freshness is renewed: the other half is for HQ to be away."""
AT_ONCE = 16
CHANGED_SHARE = 0.25
"""Of more tenants than that share the changes are not worth to be sent alone."""

log = logging.getLogger(__name__)

Adopting = Callable[[str, Directory], Awaitable[None]]


class Distribution:
    """Keeps the directory of every live node the newest.

    Args:
        paths: where HQ's key of the directory lies, once there is one.
        opened: the fleet as it is at that moment.
        registry: who is placed where.
        adopt: told of a node, and the directory of ours that it has and HQ does not know; takes it over.
        check: raises where the fleet is not, or not yet, ours to act on.
    """

    def __init__(
        self,
        paths: Paths,
        opened: Callable[[], Site],
        registry: Registry,
        adopt: Adopting,
        check: Callable[[], Awaitable[None]],
    ) -> None:
        self._paths, self._opened, self._registry = paths, opened, registry
        self._adopt, self._check = adopt, check
        self._issuing, self._wake = asyncio.Lock(), asyncio.Event()
        self._signed: SignedDirectory | None = None
        self._made_of: object = None
        self._asked = False
        self.nodes: dict[str, Standing] = {}

    @property
    def newest(self) -> Directory | None:
        """The directory that was signed last since the runner began; None for none yet."""
        return self._signed.directory if self._signed else None

    async def keep(self) -> None:
        """Bring every node the newest, again and again, until it is cancelled."""
        while True:
            try:
                await self.look()
            except (NocError, OSError) as error:
                log.info("the directory of tenants was not sent: %s", error)
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), LOOK_S)
            except TimeoutError:
                continue

    def wake(self) -> None:
        """Something has changed: look now."""
        self._wake.set()

    async def look(self) -> None:
        """Bring the newest directory to all live nodes that do not have it, and are not waiting to be tried again.

        Raises:
            NocError: there is none to be brought.
        """
        if not self._paths.directory_public_key.is_file():
            return
        site = self._opened()
        if site.fleet.placement is None:
            return
        signed, now, at_once = await self.current(site), time.monotonic(), asyncio.Semaphore(AT_ONCE)

        async def one(node: Node) -> None:
            async with at_once:
                await self._bring(site, node, signed)

        due = [node for node in _live(site) if self._meet(site, node).next_try <= now]
        await asyncio.gather(*(one(node) for node in due))

    async def bring(self, site: Site, name: str) -> str:
        """Bring one node the newest directory now. Returns why not, "" once it has it. Raises as `current`."""
        signed = await self.current(site)
        await self._bring(site, site.fleet.node(name), signed)
        return self._standing(name).trouble

    async def current(self, site: Site) -> SignedDirectory:
        """The directory of all tenants as they are now, signed; what is signed already is given again while it is good.

        Raises:
            PlacementOff: the fleet places nobody.
            DirectoryUntaken, PlacementError: what nodes have of ours, and HQ does not know, could not be taken over.
            RegistryUnusable, CredentialExposed, SigningFailed, TimedOut.
        """
        await self.settle(site)
        async with self._issuing:
            made_of = (site.fleet.nodes, site.fleet.placement, open_nodes(site))
            signed = self._signed
            if signed is None or made_of != self._made_of or not await self._is_good(signed.directory):
                self._signed = signed = await asyncio.to_thread(self._issue, site)
                self._made_of = made_of
            return signed

    async def settle(self, site: Site) -> None:
        """See that the fleet is ours, and that HQ knows what nodes have of ours, before anything is changed.

        Raises as `current`, but for what only a signature needs.
        """
        if not is_placing(site.fleet, site.paths):
            raise PlacementOff("this fleet places no tenants", fix="[placement] in fleet.toml, then noc hub apply")
        async with self._issuing:
            await self._check()
            await self._learn(site)

    async def _is_good(self, directory: Directory) -> bool:
        head = directory.head
        is_young = time.time() < head.at + RENEWED_AT * (head.until - head.at)
        return is_young and await asyncio.to_thread(lambda: self._registry.version) == head.version

    def _issue(self, site: Site) -> SignedDirectory:
        now, is_open = int(time.time()), open_nodes(site)

        def made(placed: Mapping[str, str], version: int, earliest: int) -> Directory:
            return make(site.fleet, is_open, placed, version, max(now, earliest))

        return sign(self._registry.issue(made), site.paths)

    async def _learn(self, site: Site) -> None:
        """Ask all live nodes once what they have, before anything is signed: HQ may be one from a backup."""
        if self._asked:
            return
        nodes = _live(site)
        said = await asyncio.gather(*(self._held(site, node) for node in nodes))
        found = [(held.version, held.at, node, held) for node, held in zip(nodes, said, strict=True) if held]
        if found:
            _version, _at, node, held = max(found, key=lambda each: each[:2])
            if await asyncio.to_thread(self._is_news, held):
                await self._adopt(node.name, await fetch(site, node, held))
        self._asked = True

    def _is_news(self, held: Held) -> bool:
        """Whether a node has a directory that the registry does not know."""
        version, issued = self._registry.version, self._registry.issued
        return held.version > version or (held.version == version and held.sha256 != issued.sha256)

    async def _held(self, site: Site, node: Node) -> Held | None:
        standing = self._meet(site, node)
        try:
            async with asyncio.timeout(ASKED_WITHIN_S):
                held = await held_by(site, node)
        except TimeoutError:
            return None
        except NocError as error:
            log.info("%s did not say which directory it has: %s", node.name, error)
            return None
        standing.held = held
        return held

    async def _bring(self, site: Site, node: Node, signed: SignedDirectory) -> None:
        standing = self._meet(site, node)
        async with standing.one:
            if standing.held is not None and has(standing.held, signed):
                return
            try:
                standing.has_now(await hand(site, node, signed, partial(self._changes, site, signed.directory)))
            except NocError as error:
                before = standing.trouble
                standing.failed(await self._explained(site, node, signed, error), time.monotonic())
                if standing.trouble != before:
                    log.info("%s does not have the newest directory: %s", node.name, standing.trouble)

    def _changes(self, site: Site, directory: Directory, held: Held) -> bytes:
        """What makes the newest body of the one that a node has; none to send the whole."""
        found = self._registry.changes(held.version, directory.head.version)
        if not found or len(found) > directory.head.count * CHANGED_SHARE:
            return b""
        position = {node.name: index for index, node in enumerate(site.fleet.nodes)}
        return write_changes({tenant: None if node is None else position[node] for tenant, node in found.items()})

    async def _explained(self, site: Site, node: Node, signed: SignedDirectory, error: NocError) -> NocError:
        """What a refusal means; a node that is ahead of us lets us ask all of them again before we sign anything."""
        if isinstance(error, ActivationRefused) and error.reason == "signature":
            return NodeBehind(f"{node.name} does not know HQ's key", why=f"noc deploy {node.name} --config brings it")
        held = await self._held(site, node)
        if held is None or not is_ahead(held, signed.directory):
            return error
        self._asked, self._signed = False, None
        self.wake()
        why = f"it has version {held.version}, HQ {signed.directory.head.version}"
        return DirectoryUntaken(f"{node.name} has a newer directory than HQ", why=why, fix="noc explain E796")

    def _meet(self, site: Site, node: Node) -> Standing:
        """How a node stands; one that was made anew has what its machine has: nothing."""
        standing, machine = self._standing(node.name), site.book.record(node.name).wireguard_key
        if standing.machine != machine:
            standing.machine, standing.held, standing.next_try = machine, None, 0.0
        return standing

    def _standing(self, name: str) -> Standing:
        return self.nodes.setdefault(name, Standing())

    def described(self, site: Site) -> list[dict[str, Any]]:
        """How every live node stands: `node`, `version` and `at` of what it has (None for none), `trouble`."""
        return [
            {
                "node": node.name,
                "version": standing.held.version if standing.held else None,
                "at": standing.held.at if standing.held else None,
                "trouble": standing.trouble,
            }
            for node in _live(site)
            for standing in (self._standing(node.name),)
        ]


def _live(site: Site) -> list[Node]:
    return [node for node in site.fleet.nodes if site.book.record(node.name).life is Life.LIVE]
