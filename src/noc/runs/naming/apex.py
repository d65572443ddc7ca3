"""The domain itself, led from one node to another: certificate first, then the proof, then the record.

Nobody who asks for the domain meanwhile is turned away: the new node answers before the record leads to it, and the
old one goes on until no cache can hold the old record any more. With routing by latency every node that the domain is
to be led to is proven so, and the provider's load balancer comes after the record, before which it stands.
"""

import asyncio
import time
from collections.abc import Sequence

from noc.cloud.dns.balancer import Balancer, routed
from noc.cloud.dns.plan import Change, foreign_names, plan
from noc.cloud.dns.records import Record, wanted
from noc.cloud.errors import ForeignRecord
from noc.errors import NocError
from noc.fleet.model import Node
from noc.hosts.web import Health
from noc.runs.errors import RunCut
from noc.runs.naming.balance import in_words, is_balanced, make_balance, plan_balance
from noc.runs.naming.proof import POLL_S, ApexProof, check_in_time, is_answered, own
from noc.runs.naming.shown import missing, not_shown
from noc.runs.naming.survey import FOREIGN
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import Step, walk
from noc.runs.site.names import zone
from noc.runs.site.site import Site

RESOLVED_S = 60.0


async def move_apex(run: Run, site: Site) -> list[Verdict]:
    """Let the plan's first node answer for the domain itself, with those that `[routing]` wants, and others no more.

    Returns:
        One verdict a node: `apex`, `routed`, `withdrawn`, `unchanged`, or the step at which it failed. One that is to
        be led to and cannot be proven is not led to, and keeps nobody else from it.
    """
    first, *others = (site.fleet.node(name) for name in run.plan.nodes)
    wanted_too = [node for node in others if node in site.book.inventory.routable(site.fleet)]
    verdicts: dict[str, Verdict] = {}
    try:
        for node in wanted_too:
            verdicts[node.name] = await _verdict(run, site, node, ApexProof(run, site, node).steps, "routed")
        proven = [node for node in wanted_too if verdicts[node.name].good]
        move = ApexMove(run, site, first, proven)
        verdicts[first.name] = await _verdict(run, site, first, move.steps, "apex")
        if verdicts[first.name].good:
            for node in others:
                if node not in wanted_too:
                    verdicts[node.name] = await _verdict(run, site, node, move.withdrawal(node), "withdrawn")
    finally:
        site.book.render(site.fleet)
        site.book.commit(run, run.plan.label())
    untouched = (Verdict(node=name, before="", now="", verdict="untouched") for name in run.plan.nodes)
    return [verdicts.get(each.node, each) for each in untouched]


async def _verdict(run: Run, site: Site, node: Node, steps: Sequence[Step], word: str) -> Verdict:
    before = _standing(site, node)
    try:
        changed = await walk(run, node.name, steps)
    except NocError as error:
        return Verdict(node=node.name, before=before, now=_standing(site, node), verdict="failed", why=str(error))
    now = _standing(site, node)
    return Verdict(node=node.name, before=before, now=now, verdict=word if changed else "unchanged", good=True)


def _standing(site: Site, node: Node) -> str:
    inventory = site.book.inventory
    if inventory.apex == node.name:
        return "apex"
    if node.name in inventory.routed:
        return "routed"
    return "answers" if node.name in inventory.answers_apex else ""


class ApexMove:
    """The domain on its way to a node."""

    def __init__(self, run: Run, site: Site, node: Node, others: Sequence[Node] = ()) -> None:
        """Prepare; nothing is asked yet. The others are those that a balancer is to lead to beside the node."""
        self._run, self._site, self._node, self._others = run, site, node, others
        self._domain, self._proof = site.fleet.domain, ApexProof(run, site, node)
        self._changed_at = self._held_s = 0.0

    @property
    def steps(self) -> tuple[Step, ...]:
        """What makes the node the one that answers; each step looks first, and may be taken again."""
        return (
            Step("zone", 60, self.look),
            *self._proof.steps,
            Step("record", 120, self.record),
            *([Step("balance", 180, self.balance)] if is_balanced(self._site) else []),
            Step("resolved", self._ttl + RESOLVED_S + 10, self.resolved),
        )

    def withdrawal(self, node: Node) -> tuple[Step, ...]:
        """What lets a node that answered for the domain answer no more, once nobody can be led to it."""
        drain = Step("drain", max(self._ttl, self._held_s) + 30, self.drain)
        proof = ApexProof(self._run, self._site, node)
        return (drain, Step("alias", proof.switch_s, proof.withdraw))

    @property
    def _ttl(self) -> float:
        """Seconds for which an answer may be held, the record's or the balancer's."""
        fleet = self._site.fleet
        return float(max(fleet.dns.ttl, fleet.routing.ttl) if fleet.routing.by_latency else fleet.dns.ttl)

    async def look(self) -> Sequence[str]:
        """See that the zone can be read, and the domain's record is ours to change. Raises ForeignRecord."""
        there = await zone(self._site).records()
        if strange := foreign_names(there, self._wanted()):
            raise ForeignRecord(FOREIGN.format(", ".join(strange)), fix="then give the command again")
        return []

    async def record(self) -> Sequence[str]:
        """Let the domain's record lead to the node, and see its name servers say so."""
        there = zone(self._site)
        found = [each for each in await there.records() if each.record.name == self._domain]
        made = plan(found, self._wanted()).changes
        self._run.check()
        await there.apply(made)
        self._changed_at = time.monotonic()
        self._site.book.learn_apex(apex=self._node.name)
        if self._site.book.inventory.routed:
            return [str(change) for change in made]  # what stands before it answers, until the next step
        expected = made or [Change("create", None, each) for each in self._wanted()]
        if hidden := await not_shown(self._site, expected):
            raise missing(sorted({change.name for change in hidden}))
        return [str(change) for change in made]

    async def balance(self) -> Sequence[str]:
        """Let the provider's balancer lead to the proven nodes, or let it go; what it may lead to is noted before."""
        site = self._site
        if site.fleet.routing.by_latency:
            site.book.learn_apex(routed=(self._node.name, *(node.name for node in self._others)))
        changes = await plan_balance(site)
        before = [change.before.part for change in changes if change.before]
        self._held_s = max((part.ttl for part in before if isinstance(part, Balancer)), default=0)
        self._run.check()
        try:
            await make_balance(site, changes)
        finally:
            self._changed_at = time.monotonic()
        return in_words(site, changes)

    async def resolved(self) -> Sequence[str]:
        """See the domain, asked for by name, answered by the node, or one of those led to. Raises ApexNotProven."""
        end = time.monotonic() + self._ttl + RESOLVED_S
        nodes = routed(self._site.fleet, self._site.book.inventory) or (self._node,)
        names = ", ".join(node.name for node in nodes)
        while not await self._is_answered(seen := await self._site.web.health(self._domain), nodes):
            check_in_time(seen, end, f"{self._domain} is not answered by {names} yet")
            await asyncio.sleep(POLL_S)
        return []

    async def drain(self) -> Sequence[str]:
        """Wait until no cache can hold the old answer any more."""
        left_s = max(self._changed_at + max(self._ttl, self._held_s) - time.monotonic(), 0)
        try:
            await asyncio.wait_for(self._run.stopping.wait(), left_s)
        except TimeoutError:
            return []
        raise RunCut("the old answer may still be held", why="the run was asked to stop", fix="give the command again")

    def _wanted(self) -> list[Record]:
        """The domain's records as they are to be."""
        inventory = self._site.book.inventory.model_copy(update={"apex": self._node.name})
        return [each for each in wanted(self._site.fleet, inventory) if each.name == self._domain]

    async def _is_answered(self, seen: Health, nodes: Sequence[Node]) -> bool:
        """Whether one of these nodes has answered."""
        found = await asyncio.gather(*(own(self._site, node) for node in nodes))
        return any(is_answered(seen, each) for each in found)
