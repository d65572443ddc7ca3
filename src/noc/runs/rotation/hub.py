"""The rotation of HQ's own tunnel key: told to every node first, then switched to by all at once, on trial.

HQ has one key at a time, so that this is the one rotation in which nodes do not come one after the other. A node that
knows both keys follows HQ wherever it goes, now or when it is back; so a switch that is cut leads back, and locks
nobody out. The old key is given up once every node that took part was proven to carry by the new one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from noc.errors import NocError
from noc.fleet.inventory import HubRecord, Inventory
from noc.mesh.hubkey import Told
from noc.runs.record.events import State, Verdict
from noc.runs.record.run import Run
from noc.runs.rollout.node import AWAY
from noc.runs.rotation.errors import NoNextKey, SwitchUndone
from noc.runs.rotation.hubdesk import HubDesk
from noc.runs.rotation.hubnode import HubKeyNode
from noc.runs.rotation.plans import RUNNING
from noc.runs.site.site import Site

TRIAL_S = 90.0
AT_ONCE = 8
ROTATED, WAITS, TOLD, LEFT_OUT = "rotated", "waits", "told", "left out"
NOT_TOLD, NOT_KEPT = "not told", "not kept"


class Stage(StrEnum):
    """What is left to do."""

    SWITCH = "there is a next key, and HQ has the one before"
    SETTLE = "HQ has its new key, and nodes still know the one before"
    NOTHING = "there is no next key, and every node has HQ's"


def stage(told: Told, hub: HubRecord, pending: Sequence[str]) -> Stage:
    """Where a rotation stands, whatever cut it.

    Args:
        told: what root says.
        hub: what the inventory says.
        pending: nodes that know two keys, though HQ gave up one.
    """
    if told.next is not None:
        return Stage.SWITCH
    return Stage.SETTLE if pending or told.current != hub.wireguard_key else Stage.NOTHING


def pending(inventory: Inventory) -> list[str]:
    """Nodes that know two keys of HQ's."""
    return [name for name, record in inventory.nodes.items() if record.hub_key_next and record.life in RUNNING]


def is_under_way(inventory: Inventory) -> bool:
    """Whether a rotation has begun and is not through, so that no other next key may be made."""
    return inventory.hub.wireguard_key_next is not None or bool(pending(inventory))


async def rotate_hub(run: Run, site: Site) -> list[Verdict]:
    """Rotate HQ's tunnel key, or go on with a rotation where it was cut.

    Returns:
        A verdict a node: `rotated`; `told` where it knows the next key and HQ has not switched; `waits` where it is not
        reached, `not told` where it could not be told, both of which keep HQ from switching; `left out` where that was
        asked for; `not kept` where it still knows two keys.

    Raises:
        NoNextKey: root has made none, and nothing is left to do.
        RootSilent: root does not answer.
        SwitchUndone: nodes did not follow; HQ and all of them have the key from before.
    """
    rotation = HubRotation(run, site)
    try:
        return await rotation.carry_out()
    finally:
        await rotation.close()
        site.book.commit(run, run.plan.label())


@dataclass(frozen=True)
class Keys:
    """Public halves: of the key in use before, and the one that comes."""

    old: str
    new: str


class HubRotation:
    """One run of it."""

    def __init__(self, run: Run, site: Site) -> None:
        """Nothing is connected yet."""
        self._run, self._site = run, site
        self._desk = HubDesk(site.paths.hub_key_asked, site.paths.hub_key_told)
        self._without = frozenset(run.plan.options.without)
        self._nodes = [
            HubKeyNode(run, site, node)
            for node in site.fleet.nodes
            if site.book.record(node.name).life in RUNNING and site.book.record(node.name).wireguard_key
        ]

    async def close(self) -> None:
        """End all connections."""
        await asyncio.gather(*(node.close() for node in self._nodes))

    async def carry_out(self) -> list[Verdict]:
        """Do what is left to do; see `rotate_hub`."""
        self._desk.withdraw()
        told = await self._desk.until(lambda told: told.in_use == told.current)
        hub = self._site.book.inventory.hub
        match stage(told, hub, pending(self._site.book.inventory)):
            case Stage.SWITCH:
                assert told.next is not None
                return await self._switch(Keys(told.current, told.next))
            case Stage.SETTLE:
                self._settled(told.current)
                return await self._settle(told.current)
        raise NoNextKey("HQ has no next tunnel key", fix="sudo noc rotate hub, on HQ")

    async def _switch(self, keys: Keys) -> list[Verdict]:
        self._site.book.learn_hub(wireguard_key_next=keys.new)
        failed = await self._each(self._nodes, lambda node: node.tell(keys.old, keys.new), AT_ONCE)
        if set(failed) - self._without:
            return self._told(failed)
        there = [node for node in self._nodes if node.name not in failed]
        if failed := await self._each(there, lambda node: node.hurry(), AT_ONCE):
            return self._told(failed)
        await self._on_trial(there, keys)
        self._leave_out(keys)
        self._settled(keys.new)
        return await self._settle(keys.new)

    async def _on_trial(self, nodes: Sequence[HubKeyNode], keys: Keys) -> None:
        """Let HQ have the next key until every node has followed, or not at all. Raises SwitchUndone."""
        self._run.check()
        self._run.record("switch", State.STARTED)
        self._desk.ask(keys.new, self._run.id, TRIAL_S)
        kept = False
        try:
            await self._desk.until(lambda told: told.in_use == keys.new)
            failed = await self._each(nodes, lambda node: node.follow(keys.new), len(nodes))
            if not failed:
                self._run.check()
                self._desk.keep(keys.new, self._run.id)
                kept = True
        finally:
            if not kept:
                self._desk.withdraw()
        if failed:
            await self._gone_back(nodes, keys, failed)
        await self._desk.until(lambda told: told.current == keys.new)
        self._run.record("switch", State.OK, say="HQ has its new key for good")

    async def _gone_back(self, nodes: Sequence[HubKeyNode], keys: Keys, failed: dict[str, NocError]) -> None:
        await self._desk.until(lambda told: told.in_use == keys.old)
        lost = await self._each(nodes, lambda node: node.come_back(keys.old), len(nodes))
        why = "; ".join(f"{name}: {error}" for name, error in failed.items())
        names = ", ".join(lost)
        fix = "mend that, or leave the node out with --without NODE, then give the command again"
        if lost:
            why = f"{why}; not seen to be back yet: {names}, whose watchdogs look for HQ by both keys"
        self._run.record("switch", State.FAILED, say="HQ has its key from before again")
        raise SwitchUndone("HQ's tunnel key was not switched; the old one is in use", why=why, fix=fix)

    async def _settle(self, key: str) -> list[Verdict]:
        """Let every node that knows two keys keep HQ's own."""
        waiting = set(pending(self._site.book.inventory))
        at_hand = [node for node in self._nodes if node.name in waiting]
        failed = await self._each(at_hand, lambda node: node.keep(key), AT_ONCE)
        return [self._verdict(node.name, failed.get(node.name)) for node in self._nodes]

    def _settled(self, key: str) -> None:
        """Write down that HQ has a key for good."""
        now = datetime.now(UTC)
        known = self._site.book.inventory.hub
        rotated = {**known.rotated, "hub": now} if known.wireguard_key != key else known.rotated
        self._site.book.learn_hub(wireguard_key=key, wireguard_key_next=None, rotated=rotated)
        self._site.book.render(self._site.fleet)

    def _leave_out(self, keys: Keys) -> None:
        """Write down who never heard of the new key, and can only be brought back from outside."""
        for node in self._nodes:
            if self._site.book.record(node.name).hub_key_next != keys.new:
                self._site.book.learn(node.name, hub_key=keys.old, hub_key_next=None)

    async def _each(
        self, nodes: Sequence[HubKeyNode], work: Callable[[HubKeyNode], Awaitable[None]], at_once: int
    ) -> dict[str, NocError]:
        """Work on all, so many at once; returns what went wrong, by node."""
        gate, failed = asyncio.Semaphore(max(at_once, 1)), dict[str, NocError]()

        async def one(node: HubKeyNode) -> None:
            async with gate:
                try:
                    await work(node)
                except NocError as error:
                    failed[node.name] = error

        await asyncio.gather(*map(one, nodes))
        return failed

    def _told(self, failed: dict[str, NocError]) -> list[Verdict]:
        """The table of a rotation that waits: the old key is in use, and whoever was reached knows both."""
        verdicts = []
        for node in self._nodes:
            error = failed.get(node.name)
            word, why = TOLD, ""
            if error is not None:
                word, why = WAITS if isinstance(error, AWAY) else NOT_TOLD, str(error)
                word = LEFT_OUT if node.name in self._without else word
            verdicts.append(Verdict(node=node.name, before="old", now="old", verdict=word, good=not error, why=why))
        return verdicts

    def _verdict(self, name: str, error: NocError | None) -> Verdict:
        record = self._site.book.record(name)
        if record.hub_key:
            why = f"it never heard of the new key: noc rescue {name}"
            return Verdict(node=name, before="old", now="old", verdict=LEFT_OUT, why=why)
        if error is not None:
            word = WAITS if isinstance(error, AWAY) else NOT_KEPT
            return Verdict(node=name, before="old", now="old and new", verdict=word, why=str(error))
        return Verdict(node=name, before="old", now="new", verdict=ROTATED, good=True)
