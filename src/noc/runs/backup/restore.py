"""A node's data as they were: a backup opened on HQ, sent to the node, put in place and proven, or turned back."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from noc.errors import NocError, Usage
from noc.fleet.inventory import Inventory, Life
from noc.fleet.model import Fleet, Node
from noc.hosts.activation import NodeFacts
from noc.runs.admission.fence import last_fence
from noc.runs.backup.choice import Choice, choose, row_of
from noc.runs.backup.clear import put_together
from noc.runs.backup.unsealed import Unsealed
from noc.runs.errors import NodeBlocked, NotProven
from noc.runs.plan.plan import NodePlan, Options, Plan
from noc.runs.record.events import State, Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import Step, walk
from noc.runs.record.tame import tame
from noc.runs.rollout.change import Change
from noc.runs.rollout.node import AWAY, NodeRollout
from noc.runs.rollout.target import Target
from noc.runs.rollout.terms import MARGIN_S, Terms
from noc.runs.site.site import Site

OPEN_S, SEND_S = 1800.0, 3600.0
ANSWER_S = 15.0
_ARMED_S = 120.0


def plan_restore(fleet: Fleet, inventory: Inventory, names: Sequence[str], now: datetime, options: Options) -> Plan:
    """Plan to give a node the data of its newest backup until a time.

    Raises:
        NotFound: no node is called so.
        Usage: several are named, no time is, or the node was never provisioned.
    """
    nodes = fleet.select(names)
    if len(nodes) != 1 or "all" in names:
        raise Usage("data are put back on one node at a time", fix="noc restore NODE --at TIME")
    (node,) = nodes
    if options.at is None:
        raise Usage("nothing says of which time", fix=f"noc restore {node.name} --at TIME; noc backup list {node.name}")
    if inventory.record(node.name).life not in (Life.PROVISIONED, Life.LIVE):
        fix = f"noc replace {node.name} --ip ADDRESS --host-key SHA256:… makes another machine of its backup"
        raise Usage(f"{node.name} runs nothing that could have data", fix=fix)
    return Plan(action="restore", nodes=(node.name,), options=options, created=now).sealed()


async def survey_restore(site: Site, plan: Plan, unsealed: Unsealed) -> Plan:
    """Complete the outline by the backup that was found, and by what the node says of itself and its data.

    The plan is bound to that backup: its time stands in the options then.

    Raises:
        NoBackup, BackupDamaged: there is none that could be put back.
        NotUnsealed: HQ cannot open it.
    """
    (name,) = plan.nodes
    choice = await asyncio.to_thread(choose, site, name, plan.options.at)
    unsealed.identity(choice.manifest)
    row = await _row(site, site.fleet.node(name), choice)
    options = plan.options.model_copy(update={"at": choice.manifest.at})
    return plan.model_copy(update={"rows": (row,), "options": options})


async def _row(site: Site, node: Node, choice: Choice) -> NodePlan:
    link = site.link(node)
    try:
        async with asyncio.timeout(ANSWER_S):
            facts = await link.ask(lambda activator: activator.facts())
            present = await link.ask(lambda activator: activator.present())
    except (*AWAY, TimeoutError) as error:
        await link.close()
        why = tame(str(error)) or f"no answer within {ANSWER_S:g} s"
        gone = f"{why}; where its machine is gone for good: noc replace {node.name} --ip ADDRESS --host-key SHA256:…"
        return NodePlan(node=node.name, position=1, state="blocked", problems=(gone,))
    await site.keep(node, link)
    return row_of(choice, facts, present, last_fence(site.paths.fence))


async def restore(run: Run, site: Site, unsealed: Unsealed) -> list[Verdict]:
    """Carry the plan out.

    Returns:
        One verdict: `restored`, `rolled-back` where the node has its data from before again, `untouched` where nothing
        was changed, or `rollback-failed`.

    Raises:
        WatchAbsent: no heartbeat could be seen, so that nothing was begun.
        NoBackup, BackupDamaged: the backup is gone, or not as it was when the plan was made.
    """
    await site.watch.nodes()
    (name,) = run.plan.nodes
    choice = await asyncio.to_thread(choose, site, name, run.plan.options.at)
    work = NodeRestore(run, site, site.fleet.node(name), choice, unsealed)
    try:
        await walk(run, name, work.steps)
    except NocError as error:
        return [await work.turn_back(error)]
    finally:
        await work.close()
    return [work.verdict("restored", good=True, why=work.loss)]


class NodeRestore:
    """One node that gets its data back.

    Attributes:
        loss: what that cost, by the node's own word; "" until it is confirmed.
    """

    def __init__(self, run: Run, site: Site, node: Node, choice: Choice, unsealed: Unsealed) -> None:
        """Prepare; nothing is opened or asked yet."""
        self._run, self._site, self._node, self._choice, self._unsealed = run, site, node, choice, unsealed
        policy = site.fleet.policy
        self._soak_s = policy.soak
        self._terms = Terms(
            run=run.id,
            fence=run.fence,
            health_within_s=policy.health_deadline,
            longest_soak_s=policy.soak,
            confirm_within_s=policy.confirm_deadline,
            check=run.check,
        )
        self._asked = NodeRollout(site, node, lambda _: Target(), self._terms)
        self._content = b""
        self._facts: NodeFacts | None = None
        self._change: Change | None = None
        self.loss = ""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The backup is proven on HQ before the node is touched; from then on it is a change like any other."""
        health_s = self._terms.health_within_s + MARGIN_S
        return (
            Step("open", OPEN_S, self.open),
            Step("ask", 120, self.ask),
            Step("send", SEND_S, self.send),
            Step("activate", _ARMED_S + 2 * health_s, self.activate),
            Step("prove", 2 * health_s, self.prove),
            Step("soak", self._soak_s + health_s, self.soak),
            Step("confirm", _ARMED_S + health_s, self.confirm),
        )

    async def open(self) -> Sequence[str]:
        """Put the database together in HQ's memory, and prove it there. Raises as `put_together`, and NotUnsealed."""
        manifest = self._choice.manifest
        identity = self._unsealed.identity(manifest)
        self._content = await asyncio.to_thread(put_together, self._choice.backups, manifest, identity)
        return [f"backup {manifest.name}", f"{manifest.trial.rows} rows of {manifest.trial.tables} tables"]

    async def ask(self) -> Sequence[str]:
        """Take the node under this run's fence, and see once more that it can take the data. Raises NodeBlocked."""
        self._facts = await self._asked.settled()
        present = await self._asked.link.ask(lambda activator: activator.present())
        if found := row_of(self._choice, self._facts, present, self._run.fence).problems:
            fix = "mend that, then give the command again"
            raise NodeBlocked(f"{self._node.name} cannot take its data back now", why="; ".join(found), fix=fix)
        return []

    async def send(self) -> Sequence[str]:
        """Bring the database to the node, where it becomes a snapshot."""
        assert self._facts is not None
        content, at = self._content, self._choice.manifest.at
        number = await self._asked.link.ask(lambda activator: activator.receive(content, self._run.id, at))
        self._content = b""
        before = Target(self._facts.current, self._facts.config, self._site.held(self._facts.current))
        self._change = Change(
            self._site,
            self._node,
            self._asked.link,
            order=self._run.id,
            target=Target(data=number),
            before=before,
            terms=self._terms,
        )
        return [f"{len(content) / 2**20:.1f} MiB, snapshot {number} of the node"]

    @property
    def _changing(self) -> Change:
        assert self._change is not None
        return self._change

    async def activate(self) -> Sequence[str]:
        """Let the node put the data in place, with its service stopped, and start it again. Raises NotProven."""
        await self._changing.begin()
        return ["data in place"]

    async def prove(self) -> Sequence[str]:
        """See the service answer in public, and be heard. Raises NotProven."""
        await self._changing.prove()
        return []

    async def soak(self) -> Sequence[str]:
        """See it stay so. Raises NotProven."""
        await self._changing.soak(self._soak_s)
        return []

    async def confirm(self) -> Sequence[str]:
        """Let the node keep it. Raises NotProven where it had turned back before."""
        await self._changing.confirm()
        said = await self._asked.link.ask(lambda activator: activator.status(self._run.id))
        self.loss = said.data
        return [said.data]

    async def turn_back(self, error: NocError) -> Verdict:
        """What became of the node after a failure: it has its data from before, unless it has heard our yes."""
        self._content = b""
        if self._change is None or not self._change.begun:
            return self.verdict("untouched", why=str(error))
        name = self._node.name
        self._run.record("revert", State.STARTED, name)
        try:
            outcome = await self._change.revert(str(error))
            if outcome.state is State.SKIPPED:
                self._run.record("revert", State.SKIPPED, name, **outcome.detail)
                return self.verdict("restored", good=True, why="the node has heard the yes; only its answer was lost")
            await self._change.prove_old()
        except NocError as failure:
            self._run.record("revert", State.FAILED, name, error=failure.as_dict())
            word = "rollback-failed" if isinstance(failure, NotProven) else "unknown"
            return self.verdict(word, why=f"{error} {failure}")
        self._run.record("revert", State.OK, name, **outcome.detail)
        return self.verdict("rolled-back", why=str(error))

    def verdict(self, word: str, *, good: bool = False, why: str = "") -> Verdict:
        """The row of this node."""
        runs = self._site.label(self._facts.current if self._facts else None)
        data = f"data of {self._choice.manifest.name}" if good else ""
        return Verdict(
            node=self._node.name,
            before=runs,
            now=", ".join(filter(None, (runs, data))),
            verdict=word,
            good=good,
            why=why,
        )

    async def close(self) -> None:
        """Let the watch judge the node again, and let go of it."""
        if self._change is not None:
            await asyncio.gather(self._change.close(), self._change.window.close())
        await self._asked.leave()
