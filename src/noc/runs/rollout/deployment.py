"""A rollout carried out: what `rollout` decides is done on real nodes, and every outcome is written down."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from noc.errors import NocError
from noc.fleet.model import Node
from noc.hosts.activation import NodeFacts
from noc.hosts.errors import ActivationRefused
from noc.runs.admission.errors import Halted, LeaseLost
from noc.runs.errors import WatchAbsent
from noc.runs.plan.estimate import STAGED_AT_ONCE
from noc.runs.record.events import State, Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import ticking
from noc.runs.rollout.change import Change
from noc.runs.rollout.decision import Act, decide, upcoming
from noc.runs.rollout.ledger import Ledger
from noc.runs.rollout.node import AWAY, Known, NodeRollout
from noc.runs.rollout.outcome import Outcome
from noc.runs.rollout.phases import HALTED, NOT_BEGUN, Phase, Step
from noc.runs.rollout.recollection import recollect
from noc.runs.rollout.rollout import Rollout, advance, fold, order_name
from noc.runs.rollout.target import Target, target_of
from noc.runs.rollout.terms import INSTALL_S, Terms
from noc.runs.rollout.verdicts import Reasons, verdict
from noc.runs.site.site import Site
from noc.runs.site.systems import NIXOS

ASKED_AT_ONCE = 20

_Work = Callable[[], Awaitable[Outcome]]

log = logging.getLogger(__name__)


async def deploy(run: Run, site: Site) -> list[Verdict]:
    """Carry out a rollout, or a rollback: from its begin, or from where its journal ends.

    A run that was cut goes on under a new fence. Whatever nodes had in hand is read from the nodes: what waits for its
    confirmation is proven and confirmed, what has turned back is changed anew under another name; and what was
    confirmed before is looked at again.

    Args:
        run: its plan names the nodes in order and what they are to have; `run.check` is asked before every act.
        site: the fleet.

    Returns:
        One verdict a node, in the plan's order.

    Raises:
        WatchAbsent: no heartbeat could be seen, so that nothing was begun.
        UnknownRelease: the release is no longer in the store.
    """
    await site.watch.nodes()
    if run.plan.release:
        site.releases.get(run.plan.release)
    known = recollect(run.events)
    nodes = {name: _node(run, site, name, known.nodes.get(name)) for name in run.plan.nodes}
    try:
        return await Deployment(run, site, nodes, known.reasons).carry_out()
    finally:
        await asyncio.gather(*(node.leave() for node in nodes.values()))


resume = deploy
"""A journal tells where its run stands: to go on is to carry out the rest."""


def _node(run: Run, site: Site, name: str, known: Known | None) -> NodeRollout:
    node, policy, rules = site.fleet.node(name), site.fleet.policy, run.plan.rules
    terms = Terms(
        run=run.id,
        fence=run.fence,
        health_within_s=policy.health_deadline,
        longest_soak_s=max(rules.soak, rules.canary_soak),
        confirm_within_s=policy.confirm_deadline,
        restore_data=run.plan.options.restore_data,
        install_s=INSTALL_S if run.plan.system or node.platform == NIXOS else 0,
        check=run.check,
    )
    return NodeRollout(site, node, partial(_choose, run, site, node, known), terms, known)


def _choose(run: Run, site: Site, node: Node, known: Known | None, facts: NodeFacts | None) -> Target:
    return target_of(site, run.plan, node, facts, known.release if known else None)


class Deployment:
    """Drives the state machine with real steps."""

    def __init__(self, run: Run, site: Site, nodes: dict[str, NodeRollout], reasons: Reasons) -> None:
        """Prepare a rollout over nodes, in their order.

        Args:
            run: what is carried out; its journal says how far it is.
            site: the fleet.
            nodes: by name.
            reasons: why nodes failed, as far as it is known.
        """
        self._run, self._site, self._nodes, self._reasons = run, site, nodes, reasons
        self._rollout = fold(Rollout.of(run.plan), run.events)
        self._changes: dict[str, Change] = {}
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._aside: set[asyncio.Task[None]] = set()
        self._ledger = Ledger(run, site.book, site.fleet)
        self._over, self._failed = asyncio.Event(), asyncio.Event()
        self._asking, self._staging = asyncio.Semaphore(ASKED_AT_ONCE), asyncio.Semaphore(STAGED_AT_ONCE)

    async def carry_out(self) -> list[Verdict]:
        """Do what is decided until nothing is left; returns the table, with one commit of what was learnt."""
        stop = asyncio.create_task(self._run.stopping.wait())
        try:
            while self._begin_all():
                waiting = {*self._busy.values(), *({stop} - {task for task in (stop,) if task.done()})}
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                self._collect()
            await asyncio.gather(*(change.close() for change in self._changes.values()))
            # What was made ready in vain ends with its change.
            await asyncio.gather(*self._aside, return_exceptions=True)
        finally:
            await _end(stop, *self._busy.values(), *self._aside)
        verdicts = [self._verdict(name) for name in self._nodes]
        self._ledger.close(verdicts)
        return verdicts

    def _begin_all(self) -> bool:
        """Begin whatever may be done now; returns whether anything is under way."""
        while acts := self._decide():
            for act in acts:
                if act.node is None:
                    self._announce(act)
                else:
                    self._busy[act.node] = asyncio.create_task(self._step(act.step, act.node))
        self._make_ready()
        return bool(self._busy)

    def _decide(self) -> tuple[Act, ...]:
        self._rollout = replace(self._rollout, stopping=self._run.stopping.is_set())
        # A node that seemed to have failed may say that it heard our yes: then the rollout is not over.
        for signal, is_so in ((self._over, self._rollout.over), (self._failed, self._rollout.failed)):
            signal.set() if is_so else signal.clear()
        return decide(self._rollout, frozenset(self._busy))

    def _collect(self) -> None:
        for name, task in list(self._busy.items()):
            if task.done():
                del self._busy[name]
                task.result()

    def _announce(self, act: Act) -> None:
        """A record of the run as a whole."""
        if act.step is Step.WAVE:
            detail = {"number": self._rollout.number + 1, "nodes": list(act.nodes), **self._rollout.named(act.nodes[0])}
            self._record(act.step, State.PROGRESS, None, **detail)
        else:
            why = self._reasons.first or "too many nodes have failed"
            self._record(act.step, State.STARTED, why=why, nodes=list(act.nodes))

    def _make_ready(self) -> None:
        """Arm the node that comes next while others are staged or in hand, so that its start costs nobody time."""
        name = upcoming(self._rollout, frozenset(self._busy))
        if name is not None and name not in self._changes and not self._run.stopping.is_set():
            self._changes[name] = self._nodes[name].change(self._order(name))
            self._set_aside(self._arm(self._changes[name]))

    async def _arm(self, change: Change) -> None:
        try:
            await change.ready()
        except NocError as error:
            # Nothing is said of it yet: it is tried again, and judged, when its turn has come.
            log.info("could not be made ready ahead: %s", error)

    def _set_aside(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    def _order(self, name: str) -> str:
        return order_name(self._run.id, self._rollout.nodes[name].orders)

    async def _step(self, step: Step, name: str) -> None:
        """One step on one node. It always ends with a record that moves the node on, whatever went wrong."""
        if step in (Step.PREFLIGHT, Step.STAGE):
            async with self._asking if step is Step.PREFLIGHT else self._staging:
                return await self._take(step, name)
        return await self._take(step, name)

    async def _take(self, step: Step, name: str) -> None:
        work, standing = self._work(step, name), self._rollout.nodes[name]
        self._record(
            step, State.STARTED, name, **({"order": self._changes[name].order} if step is Step.ACTIVATE else {})
        )
        try:
            async with ticking(partial(self._say, step, name)):
                outcome = await self._unless_over(step, name, work)
        except (Halted, LeaseLost) as error:
            self._may_not_act(step, name, error)
        except (ActivationRefused, WatchAbsent) as error:
            # Before an activation that means: nothing was changed, and there is nothing to turn back.
            self._fail(step, State.SKIPPED if step is Step.ACTIVATE else State.FAILED, name, error)
        except NocError as error:
            self._fail(step, State.FAILED, name, error)
        except Exception as error:
            # A mistake of ours on a node in hand must still end in its rollback.
            log.exception("%s of %s", step, name)
            self._fail(step, State.FAILED, name, NocError(f"{step} of {name} failed", why=repr(error)[:500]))
        else:
            self._record(step, outcome.state, name, **outcome.detail)
            self._reasons.hear(name, str(outcome.detail.get("reason", "")))
            if reboot := outcome.detail.get("reboot"):
                self._reasons.note(name, reboot)
        # A step without an outcome would be decided on for ever.
        assert self._rollout.over or self._rollout.nodes[name] != standing, (step, name)
        self._leave(name)

    def _work(self, step: Step, name: str) -> _Work:
        node, standing, rules = self._nodes[name], self._rollout.nodes[name], self._run.plan.rules
        node.say = partial(self._say, step, name)
        if step is Step.PREFLIGHT:
            return self._checked(partial(node.preflight, confirmed=standing.confirmed))
        if step is Step.STAGE:
            return self._checked(node.stage)
        if step is Step.WAIT:
            return partial(node.wait, rules.down_wait)
        change = self._change(step, name)
        change.say = node.say
        # A way back asks for no right to act: it takes back what this run began and nothing else, and a node that a
        # younger run has acted on refuses it.
        steps: dict[Step, _Work] = {
            Step.ADOPT: self._checked(change.adopt),
            Step.ACTIVATE: partial(_begin, change),
            Step.PROVE: change.prove,
            Step.SOAK: partial(change.soak, rules.canary_soak if self._rollout.is_canary(name) else rules.soak),
            Step.CONFIRM: self._checked(change.confirm, heeding_halt=False),
            Step.REVERT: partial(change.revert, self._reasons.of(name) or "the run ended"),
            Step.PROVE_OLD: change.prove_old,
        }
        return steps[step]

    def _change(self, step: Step, name: str) -> Change:
        """The change that a node is at: the one in hand, the one that was made ready, or a new one."""
        node, standing = self._nodes[name], self._rollout.nodes[name]
        if step is Step.ACTIVATE and standing.phase is Phase.CONFIRMED:
            self._changes[name] = node.way_back(self._order(name))
        elif name not in self._changes:
            # In hand without a change of ours: begun by the controller before us.
            order = self._order(name) if step is Step.ACTIVATE else standing.order or self._order(name)
            self._changes[name] = node.way_back(order) if standing.returning else node.change(order)
        return self._changes[name]

    def _checked(self, work: _Work, *, heeding_halt: bool = True) -> _Work:
        async def checked() -> Outcome:
            try:
                self._run.check()
            except Halted:
                # A node that is proven is confirmed: that ends what was begun.
                if heeding_halt:
                    raise
            return await work()

        return checked

    async def _unless_over(self, step: Step, name: str, work: _Work) -> Outcome:
        """A step's outcome, cut short when the run ends and the step is none that has to be finished."""
        if (signal := self._ends(step, name)) is None:
            return await work()
        doing, ending = asyncio.ensure_future(work()), asyncio.create_task(signal.wait())
        try:
            await asyncio.wait({doing, ending}, return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                return doing.result()
        finally:
            await _end(doing, ending)
        begun = step is not Step.ACTIVATE or self._changes[name].begun
        return Outcome.skipped("the run ends", outcome=HALTED if begun else NOT_BEGUN)

    def _ends(self, step: Step, name: str) -> asyncio.Event | None:
        """What cuts a step short; None for what is finished whatever happens: a confirmation, and every way back."""
        if step is Step.PREFLIGHT:
            return self._run.stopping
        if step in (Step.STAGE, Step.WAIT):
            return self._over
        if step not in (Step.ACTIVATE, Step.PROVE, Step.SOAK) or self._rollout.nodes[name].returning:
            return None
        return self._failed if self._rollout.lenient else self._over

    def _may_not_act(self, step: Step, name: str, error: NocError) -> None:
        """The run has lost the right to act: it ends here."""
        self._reasons.add(name, error)
        self._run.stopping.set()
        outcome = NOT_BEGUN if step is Step.ACTIVATE else HALTED
        self._record(step, State.SKIPPED, name, outcome=outcome, error=error.as_dict())

    def _say(self, step: Step, name: str, words: str) -> None:
        self._record(step, State.PROGRESS, name, say=words)

    def _fail(self, step: Step, state: State, name: str, error: NocError) -> None:
        self._reasons.add(name, error)
        self._record(step, state, name, error=error.as_dict())

    def _record(self, step: Step, state: State, node: str | None = None, **detail: object) -> None:
        event = self._run.record(step.value, state, node, **detail)
        self._rollout = advance(self._rollout, event)

    def _leave(self, name: str) -> None:
        """Write down what a node runs now, and let go of a change that has come to its end, while the next goes on."""
        self._ledger.enter(name, self._rollout.nodes[name].phase, self._nodes[name])
        if self._rollout.nodes[name].in_hand or name not in self._changes:
            return
        if self._rollout.nodes[name].phase is not Phase.STAGED:
            change = self._changes.pop(name)
            self._set_aside(_let_go(change))

    def _verdict(self, name: str) -> Verdict:
        return verdict(self._rollout, name, self._nodes[name], self._site, self._reasons)


async def _begin(change: Change) -> Outcome:
    try:
        return await change.begin()
    except AWAY as error:
        if change.begun:
            raise
        return Outcome.down(str(error))


async def _let_go(change: Change) -> None:
    await asyncio.gather(change.window.close(), change.close())


async def _end(*tasks: "asyncio.Future[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
