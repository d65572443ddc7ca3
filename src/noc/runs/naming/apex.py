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
from noc.hosts.certificates import put_certificate
from noc.hosts.web import Health
from noc.runs.errors import RunCut
from noc.runs.naming.balance import in_words, is_balanced, make_balance, plan_balance
from noc.runs.naming.certificates import certificate_there
from noc.runs.naming.errors import ApexNotProven
from noc.runs.naming.issue import certificate_of
from noc.runs.naming.shown import missing, not_shown
from noc.runs.naming.survey import FOREIGN
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import Step, walk
from noc.runs.rollout.bringing import bring
from noc.runs.site.names import zone
from noc.runs.site.site import Site

FACE_S = 60.0
RESOLVED_S = 60.0
_POLL_S = 0.5


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
            verdicts[node.name] = await _verdict(run, site, node, ApexMove(run, site, node).proof, "routed")
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
        self._domain = site.fleet.domain
        self._changed_at = self._held_s = 0.0

    @property
    def proof(self) -> tuple[Step, ...]:
        """What makes the node answer for the domain, and proves it; each step looks first, and may be taken again."""
        return (
            Step("certificate", 300, self.certificate),
            Step("alias", self._switch_s, self.alias),
            Step("face", FACE_S + 10, self.face),
        )

    @property
    def steps(self) -> tuple[Step, ...]:
        """What makes the node the one that the domain's record leads to; likewise."""
        return (
            Step("zone", 60, self.look),
            *self.proof,
            Step("record", 120, self.record),
            *([Step("balance", 180, self.balance)] if is_balanced(self._site) else []),
            Step("resolved", self._ttl + RESOLVED_S + 10, self.resolved),
        )

    def withdrawal(self, node: Node) -> tuple[Step, ...]:
        """What lets a node that answered for the domain answer no more, once nobody can be led to it."""
        drain = Step("drain", max(self._ttl, self._held_s) + 30, self.drain)
        return (drain, Step("alias", self._switch_s, lambda: self._withdraw(node)))

    @property
    def _switch_s(self) -> float:
        policy = self._site.fleet.policy
        return 4 * (policy.confirm_deadline + policy.health_deadline) + 120

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

    async def certificate(self) -> Sequence[str]:
        """Put a certificate for the domain where the node's proxy will look for it."""
        link, authority = self._site.link(self._node), self._site.fleet.acme.authority
        try:
            shell = await link.shell()
            own = await certificate_there(shell, authority, self._domain)
            made, new = await certificate_of(self._site, self._domain, own)
            if own == made:
                return []
            await put_certificate(shell, authority, self._domain, (made.chain, made.key))
        finally:
            await link.close()
        return [f"{'new ' if new else ''}certificate of {self._domain}, until {made.ends:%Y-%m-%d}"]

    async def alias(self) -> Sequence[str]:
        """Let the node's proxy answer for the domain. Raises what `bring` raises; then it does not."""
        before = self._site.book.inventory.answers_apex
        if self._node.name not in before:
            self._site.book.learn_apex(answers_apex=(*before, self._node.name))
        try:
            return await self._reconfigure(self._node)
        except NocError:
            self._site.book.learn_apex(answers_apex=before)
            raise

    async def face(self) -> Sequence[str]:
        """See the domain answered at the node's own address, over strict TLS. Raises ApexNotProven."""
        address = self._site.book.record(self._node.name).address
        assert address is not None  # or it would be asked by name, which the planner refuses
        end = time.monotonic() + FACE_S
        while not self._is_node(seen := await self._site.web.health(self._domain, address), await self._own()):
            self._expect(seen, end, f"{self._node.name} does not answer for {self._domain} at {address}")
            await asyncio.sleep(_POLL_S)
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
        while not await self._is_one_of(seen := await self._site.web.health(self._domain), nodes):
            self._expect(seen, end, f"{self._domain} is not answered by {names} yet")
            await asyncio.sleep(_POLL_S)
        return []

    async def drain(self) -> Sequence[str]:
        """Wait until no cache can hold the old answer any more."""
        left_s = max(self._changed_at + max(self._ttl, self._held_s) - time.monotonic(), 0)
        try:
            await asyncio.wait_for(self._run.stopping.wait(), left_s)
        except TimeoutError:
            return []
        raise RunCut("the old answer may still be held", why="the run was asked to stop", fix="give the command again")

    async def _withdraw(self, node: Node) -> Sequence[str]:
        before = self._site.book.inventory.answers_apex
        self._site.book.learn_apex(answers_apex=tuple(name for name in before if name != node.name))
        try:
            return [*await self._reconfigure(node), f"{self._domain} no more"]
        except NocError:
            self._site.book.learn_apex(answers_apex=before)
            raise

    async def _reconfigure(self, node: Node) -> Sequence[str]:
        brought = await bring(self._run, self._site, node, soak_s=self._site.fleet.policy.soak)
        return [f"names of {node.name}'s proxy"] if brought else []

    def _wanted(self) -> list[Record]:
        """The domain's records as they are to be."""
        inventory = self._site.book.inventory.model_copy(update={"apex": self._node.name})
        return [each for each in wanted(self._site.fleet, inventory) if each.name == self._domain]

    async def _own(self) -> Health:
        return await self._health(self._node)

    async def _health(self, node: Node) -> Health:
        return await self._site.web.health(self._site.fleet.hostname(node))

    async def _is_one_of(self, seen: Health, nodes: Sequence[Node]) -> bool:
        own = await asyncio.gather(*(self._health(node) for node in nodes))
        return any(self._is_node(seen, each) for each in own)

    @staticmethod
    def _is_node(seen: Health, own: Health) -> bool:
        return seen.status == own.status == 200 and seen.boot_id is not None and seen.boot_id == own.boot_id

    @staticmethod
    def _expect(seen: Health, end: float, what: str) -> None:
        if time.monotonic() >= end:
            why = seen.trouble or f"HTTPS answers {seen.status}, from another process"
            raise ApexNotProven(what, why=why, fix="the record was not changed by this; give the command again")
