"""HQ's SSH key and its host CA made anew: the new one to every node, HQ switches, the old one goes from every node.

Both rotations are one: `hub.X_next` in the inventory says that the new key is on its way, a node's own `X` which of the
two it is proven to have. HQ has switched as soon as the inventory says so, in one write; its files follow, by root. A
node that was down then keeps the old key's way, and is caught up by the same steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from noc.fleet.inventory import HubRecord, NodeRecord
from noc.fleet.model import Node
from noc.fleet.rotating import Secret
from noc.runs.record.events import State, Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import Step, walk
from noc.runs.rotation.errors import NoNewKey, RotationUnsettled
from noc.runs.rotation.nodes import BOTH, NEW, SKIPPED, one_after_the_other, standing
from noc.runs.rotation.plans import RUNNING
from noc.runs.site.hqkeys import held, same_key
from noc.runs.site.site import Site

STEP_S = 330.0


@dataclass(frozen=True)
class HqKey:
    """One of HQ's keys.

    Attributes:
        secret: as `noc rotate` calls it.
        kind: as credentials and inventory call it.
    """

    secret: Secret
    kind: str

    def used(self, hub: HubRecord) -> str | None:
        """The public half that is in use."""
        line: str | None = getattr(hub, self.kind)
        return line

    def coming(self, hub: HubRecord) -> str | None:
        """The public half of the next one."""
        line: str | None = getattr(hub, f"{self.kind}_next")
        return line

    def proven(self, record: NodeRecord) -> str | None:
        """The public half that a node is proven to have, while a rotation is not through with it."""
        line: str | None = getattr(record, self.kind)
        return line


class AtNode(Protocol):
    """What one of HQ's keys means on a node. Each is taken again after a cut, and looks first."""

    async def give(self, node: Node, public: str) -> Sequence[str]:
        """Let the node have a key beside the one that it has, and prove that it does with that key alone."""
        ...

    async def take(self, node: Node, public: str) -> Sequence[str]:
        """Let the node have that key alone, and prove that it takes no other one."""
        ...


class HqRotation:
    """One rotation of one of HQ's keys."""

    def __init__(self, run: Run, site: Site, key: HqKey, at_node: AtNode) -> None:
        """Prepare; nothing is connected yet."""
        self._run, self._site, self._key, self._at_node = run, site, key, at_node

    async def carried_out(self) -> list[Verdict]:
        """Carry it out as far as nodes let it.

        Raises:
            NoNewKey, RotationUnsettled: nothing was begun.
        """
        self._begin()
        verdicts: list[Verdict] = []
        if self._new is not None:
            verdicts = await one_after_the_other(self._run, self._site, self._run.plan.nodes, self._given)
            if not self._may_switch(verdicts):
                self._site.book.commit(self._run, self._run.plan.label())
                return verdicts
            self._switch()
        owed = {name for name in self._run.plan.nodes if self._proven(name) is not None}
        away = {row.node: row for row in verdicts if row.verdict == SKIPPED}
        names = [name for name in self._run.plan.nodes if name in owed and name not in away]
        taken = await one_after_the_other(self._run, self._site, names, self._taken)
        self._site.book.commit(self._run, self._run.plan.label())
        first = {row.node: row for row in verdicts}
        ended = [row.model_copy(update={"before": first.get(row.node, row).before}) for row in taken]
        last = {**first, **{row.node: row for row in ended}}
        return [last.get(name) or self._unchanged(name) for name in self._run.plan.nodes]

    @property
    def _hub(self) -> HubRecord:
        return self._site.book.inventory.hub

    @property
    def _new(self) -> str | None:
        return self._key.coming(self._hub)

    def _proven(self, name: str) -> str | None:
        return self._key.proven(self._site.book.record(name))

    def _learn(self, name: str, line: str | None, **more: object) -> None:
        self._site.book.learn(name, **{self._key.kind: line}, **more)

    def _begin(self) -> None:
        """Write down that a new key is on its way, and which one each node has; nothing where that was done before."""
        used = self._key.used(self._hub)
        offered = self._offered(used)
        if self._new is None and any(self._proven(name) is not None for name in self._running()):
            if offered is not None:
                why = (
                    f"a node is not through with the rotation from before; HQ has a {self._key.kind} beside it already"
                )
                raise RotationUnsettled("no other rotation begins now", why=why, fix="noc doctor")
            return
        if offered is None:
            what = f"HQ has no new {self._key.kind}"
            raise NoNewKey(what, why="none lies beside the one in use", fix=f"sudo noc rotate {self._key.secret}")
        # In this order: a node whose record says nothing has the key in use, so that a cut in between loses nothing.
        self._site.book.learn_hub(**{f"{self._key.kind}_next": offered})
        for name in self._running():
            if self._proven(name) is None:
                self._learn(name, used)

    def _offered(self, used: str | None) -> str | None:
        """The public half of a key beside the one in use; the one from before is none."""
        found = held(self._site.paths.credentials, self._key.kind).items()
        nexts = [line for path, line in found if path.suffix == ".next" and not same_key(line, used)]
        return nexts[0] if nexts else None

    def _running(self) -> list[str]:
        nodes = [node.name for node in self._site.fleet.nodes]
        return [name for name in nodes if self._site.book.record(name).life in RUNNING]

    async def _given(self, node: Node) -> Verdict:
        new = self._new
        assert new is not None
        before = standing(self._key.secret, self._site.book.inventory, node.name)

        async def give() -> Sequence[str]:
            changed = await self._at_node.give(node, new)
            self._learn(node.name, new)
            return changed

        await walk(self._run, node.name, (Step("give", STEP_S, give),))
        return Verdict(node=node.name, before=before, now=BOTH, verdict="old and new", good=True)

    def _may_switch(self, verdicts: Sequence[Verdict]) -> bool:
        """Whether every node has the new key, but those that cannot be reached; and one has it at least."""
        new, away = self._new, {row.node for row in verdicts if row.verdict == SKIPPED}
        lacking = {name for name in self._running() if not same_key(self._proven(name), new)}
        return lacking <= away and any(same_key(self._proven(name), new) for name in self._running())

    def _switch(self) -> None:
        """From here on HQ uses the new key. One write decides; what is cut before it goes on with the old one."""
        self._run.check()
        kind, now = self._key.kind, datetime.now(UTC)
        rotated = {**self._hub.rotated, self._key.secret: now}
        self._site.book.learn_hub(**{kind: self._new, f"{kind}_next": None, "rotated": rotated})
        self._site.book.render(self._site.fleet)
        self._run.record("switch", State.OK, say=f"HQ uses its new {kind}")

    async def _taken(self, node: Node) -> Verdict:
        used = self._key.used(self._hub)
        assert used is not None
        before = standing(self._key.secret, self._site.book.inventory, node.name)

        async def give() -> Sequence[str]:
            if same_key(self._proven(node.name), used):
                return []
            changed = await self._at_node.give(node, used)
            self._learn(node.name, used)
            return changed

        async def take() -> Sequence[str]:
            changed = await self._at_node.take(node, used)
            rotated = {**self._site.book.record(node.name).rotated, self._key.secret: datetime.now(UTC)}
            self._learn(node.name, None, rotated=rotated)
            return [*changed, "the old one is withdrawn"]

        await walk(self._run, node.name, (Step("give", STEP_S, give), Step("withdraw", STEP_S, take)))
        return Verdict(node=node.name, before=before, now=NEW, verdict="rotated", good=True)

    def _unchanged(self, name: str) -> Verdict:
        now = standing(self._key.secret, self._site.book.inventory, name)
        return Verdict(node=name, before=now, now=now, verdict="unchanged", good=True)
