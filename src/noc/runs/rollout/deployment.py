"""A rollout carried out: what `rollout` decides is done on real nodes, and every outcome is written down."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from noc.errors import NocError
from noc.hosts.errors import ActivationRefused
from noc.runs.errors import WatchAbsent
from noc.runs.record.events import State, Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import ticking
from noc.runs.rollout.node import NodeRollout, Outcome
from noc.runs.rollout.rollout import IN_HAND, Act, Phase, Rollout, Step, advance, decide
from noc.runs.site.site import Site

AT_ONCE = 4

log = logging.getLogger(__name__)


async def deploy(run: Run, site: Site) -> list[Verdict]:
    """Carry out a rollout.

    Args:
        run: its plan names the nodes in order and the release.
        site: the fleet.

    Returns:
        One verdict a node, in the plan's order.

    Raises:
        WatchAbsent: no heartbeat could be seen, so that nothing was begun.
        UnknownRelease: the release is no longer in the store.
    """
    await site.watch.nodes()
    release = site.releases.get(run.plan.release or "")
    policy = site.fleet.policy
    nodes = {
        name: NodeRollout(
            site,
            site.fleet.node(name),
            release,
            run=run.id,
            fence=run.fence,
            soak_s=policy.soak if position else policy.canary_soak,
        )
        for position, name in enumerate(run.plan.nodes)
    }
    try:
        return await Deployment(run, site, nodes).carry_out()
    finally:
        await asyncio.gather(*(node.link.close() for node in nodes.values()))


class Deployment:
    """Drives the state machine with real steps."""

    def __init__(self, run: Run, site: Site, nodes: dict[str, NodeRollout]) -> None:
        """Prepare a rollout over nodes, in their order."""
        self._run, self._site, self._nodes = run, site, nodes
        self._rollout = Rollout.begin(nodes)
        self._why: dict[str, str] = {}
        self._reason: dict[str, str] = {}

    async def carry_out(self) -> list[Verdict]:
        """Do what is decided until nothing is left; returns the table, with one commit of what was learnt."""
        while act := self._decide():
            before = self._rollout.phases
            await self._perform(act)
            # A step without an outcome would be decided on for ever.
            assert self._rollout.phases != before, act
        verdicts = [self._verdict(name) for name in self._nodes]
        if any(verdict.verdict == Phase.CONFIRMED for verdict in verdicts):
            confirmed = ", ".join(verdict.node for verdict in verdicts if verdict.verdict == Phase.CONFIRMED)
            self._site.book.commit(self._run, f"{self._run.plan.label()}: {confirmed}")
        return verdicts

    def _decide(self) -> Act | None:
        self._rollout = replace(self._rollout, stopping=self._run.stopping.is_set())
        return decide(self._rollout)

    async def _perform(self, act: Act) -> None:
        at_once = asyncio.Semaphore(AT_ONCE)

        async def one(name: str) -> None:
            async with at_once:
                await self._step(act.step, self._nodes[name])

        await asyncio.gather(*map(one, act.nodes))
        name = act.nodes[0]
        if act.step not in (Step.PREFLIGHT, Step.STAGE) and self._rollout.phases[name] not in IN_HAND:
            await self._leave(name)

    async def _step(self, step: Step, node: NodeRollout) -> None:
        """One step on one node. It always ends with a record that moves the node on, whatever went wrong."""
        self._record(step, State.STARTED, node.name)
        node.say = lambda words: self._record(step, State.PROGRESS, node.name, say=words)
        try:
            async with ticking(node.say):
                outcome = await self._work(step, node)()
        except (ActivationRefused, WatchAbsent) as error:
            # Before an activation that means: nothing was changed, and there is nothing to turn back.
            self._fail(step, State.SKIPPED if step is Step.ACTIVATE else State.FAILED, node.name, error)
        except NocError as error:
            self._fail(step, State.FAILED, node.name, error)
        except Exception as error:
            # A mistake of ours on a node in hand must still end in its rollback.
            log.exception("%s of %s", step, node.name)
            self._fail(step, State.FAILED, node.name, NocError(f"{step} of {node.name} failed", why=repr(error)[:500]))
        else:
            self._record(step, outcome.state, node.name, **outcome.detail)
            self._hear(node.name, str(outcome.detail.get("reason", "")))

    def _work(self, step: Step, node: NodeRollout) -> Callable[[], Awaitable[Outcome]]:
        return {
            Step.PREFLIGHT: node.preflight,
            Step.STAGE: node.stage,
            Step.ACTIVATE: node.activate,
            Step.PROVE: node.prove,
            Step.CONFIRM: node.confirm,
            Step.REVERT: lambda: node.revert(self._reason.get(node.name, "the run was cut")),
            Step.PROVE_OLD: node.prove_old,
        }[step]

    def _fail(self, step: Step, state: State, name: str, error: NocError) -> None:
        self._why.setdefault(name, str(error))
        self._reason.setdefault(name, f"{error.what}: {error.why}" if error.why else error.what)
        self._record(step, state, name, error=error.as_dict())

    def _hear(self, name: str, reason: str) -> None:
        """Add the node's own account of its failure to ours, where it is another one."""
        why = self._why.get(name)
        if why and reason and reason not in why and self._reason[name] not in reason:
            self._why[name] = f"{why} The node says: {reason}."

    def _record(self, step: Step, state: State, name: str, **detail: object) -> None:
        event = self._run.record(step.value, state, name, **detail)
        self._rollout = advance(self._rollout, event)

    async def _leave(self, name: str) -> None:
        if self._rollout.phases[name] is Phase.CONFIRMED:
            self._site.book.learn(name, release=self._run.plan.release)
        await self._nodes[name].close_window()

    def _verdict(self, name: str) -> Verdict:
        node, phase = self._nodes[name], self._rollout.phases[name]
        before = self._site.label(node.before)
        now = {Phase.CONFIRMED: self._site.label(self._run.plan.release), Phase.ROLLBACK_FAILED: "unknown"}
        return Verdict(
            node=name,
            before=before,
            now=now.get(phase, before),
            verdict=self._rollout.verdict(name),
            good=self._rollout.is_good(name),
            why=self._why.get(name, "" if not self._run.stopping.is_set() else "the runner was asked to stop"),
        )
