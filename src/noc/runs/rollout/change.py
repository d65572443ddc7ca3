"""One change of one node: an order that is armed, let go, proven from both sides, and confirmed or taken back."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from noc.errors import NocError
from noc.fleet.model import Node
from noc.hosts.activation import FINAL, Order
from noc.hosts.activation import Verdict as NodeVerdict
from noc.hosts.errors import ActivationRefused
from noc.release.manifest import Manifest
from noc.runs.errors import NotProven, WatchAbsent
from noc.runs.rollout import gate
from noc.runs.rollout.eyes import Eyes
from noc.runs.rollout.gate import Expected, Sight
from noc.runs.rollout.outcome import Outcome
from noc.runs.rollout.preflight import shows
from noc.runs.rollout.target import Target
from noc.runs.rollout.terms import MARGIN_S, Terms
from noc.runs.rollout.window import Window
from noc.runs.site.link import Link
from noc.runs.site.site import Site

RESTART_SEC = 1.0
"""Seconds that systemd waits before it starts the service again: `RestartSec=` of its unit."""
_RESTART_S = 90
_WINDOW_MARGIN_S = 60
_WAIT_S = 10
_POLL_S = 0.05
_RECONNECT_S = 20
_FAREWELL_S = 5
_UNDER_WAY = frozenset({"staged", "armed", "activating"})


class Change:
    """One order to one node.

    Attributes:
        order: its name on the node.
        begun: the node was told to go, so that it may have changed.
        say: told what goes on.
    """

    def __init__(
        self, site: Site, node: Node, link: Link, *, order: str, target: Target, before: Target, terms: Terms
    ) -> None:
        """Prepare; the node hears nothing of it yet.

        Args:
            site: the fleet.
            node: the node.
            link: the way to it.
            order: the change's name on the node.
            target: what it is to have.
            before: what it has now.
            terms: of the run.
        """
        self._site, self._node, self._link, self._terms = site, node, link, terms
        self.order, self._target, self._before = order, target, before
        self._eyes = Eyes(site, node, link, order, fresh=target.config is not None)
        lasting_s = _RESTART_S + 2 * (terms.patience_s + terms.install_s) + _WINDOW_MARGIN_S
        self.window = Window(site.watch, node.name, terms.run, lasting_s)
        self._ready: asyncio.Task[None] | None = None
        self._passed: Sight | None = None
        self.begun = False
        self.say: Callable[[str], None] = lambda _: None

    @property
    def _switching_s(self) -> float:
        """Seconds within which a node that was told to go has proven itself, or turned back."""
        return self._terms.install_s + self._terms.health_within_s + MARGIN_S

    @property
    def _name(self) -> str:
        return self._node.name

    async def ready(self) -> None:
        """Do all that needs no go: the node has checked the order and waits. May be said again.

        Raises:
            ActivationRefused: it cannot be; nothing was changed.
            ConnectionLost, Overdue, Unreachable: the node is away.
        """
        if self._ready is None or (self._ready.done() and _failed(self._ready)):
            self._ready = asyncio.create_task(self._prepare())
        # Whoever stops waiting does not stop it: it is asked for ahead, and by the step itself.
        await asyncio.shield(self._ready)

    async def _prepare(self) -> None:
        self._terms.check()
        await asyncio.gather(self._arm(), self._eyes.open())

    async def _arm(self) -> None:
        terms = self._terms
        order = Order(
            run=self.order,
            fence=terms.fence,
            release=self._target.release,
            config=self._target.config,
            system=self._target.system,
            confirm_within_s=terms.patience_s,
            health_within_s=terms.health_within_s,
            replace=terms.replace,
            # Data that were put in place are taken back together with what came with them.
            restore_data=terms.restore_data or self._target.data is not None,
            data=self._target.data,
        )
        await self._link.ask(lambda activator: activator.arm(order))

    async def begin(self) -> Outcome:
        """Let the node switch over, and wait until it has proven itself locally.

        Raises:
            ActivationRefused, WatchAbsent: nothing was changed.
            NotProven: the change did not get healthy; the node turned back, or is about to.
            Halted, LeaseLost: the run may not act any more; nothing was changed.
            ConnectionLost, Overdue, Unreachable: the node is away; nothing was changed unless it had `begun`.
        """
        try:
            await self.ready()
            await self.window.open()
            self._terms.check()
            self.begun = True
            await self._go()
        except ActivationRefused:
            self.begun = False
            raise
        self._eyes.watch()
        verdict = await self._settled(self._switching_s)
        if verdict.state == "refused":
            raise ActivationRefused(f"{self._name} refused the activation", reason="refused", why=verdict.reason)
        if verdict.state != "activated":
            fix = f"mend the release; what the service last said is in noc run show {self._terms.run}"
            raise NotProven(f"{self._name} did not take the change: {verdict.state}", why=verdict.reason, fix=fix)
        return Outcome(detail={"health": verdict.health, "restart_s": verdict.restart_s})

    async def _go(self) -> None:
        try:
            await self._link.ask(lambda activator: activator.go(self.order), within_s=_RECONNECT_S)
        except ActivationRefused as refusal:
            if refusal.reason != "late":
                raise
            # It was armed ahead, and those before it took longer than it waits.
            await self._arm()
            await self._link.ask(lambda activator: activator.go(self.order), within_s=_RECONNECT_S)

    async def _settled(self, within_s: float) -> NodeVerdict:
        """The node's verdict once nothing is under way any more, or the last one when time is up."""
        clock = asyncio.get_running_loop().time
        end, known = clock() + within_s, "armed"
        while True:
            wait_s = min(_WAIT_S, max(end - clock(), 0))
            verdict = await self._eyes.state(wait_s=wait_s, not_state=known, within_s=_RECONNECT_S)
            if verdict.state not in _UNDER_WAY or clock() >= end:
                return verdict
            known = verdict.state

    async def _ended(self, within_s: float) -> NodeVerdict:
        """The node's last verdict, or the present one when time is up."""
        clock = asyncio.get_running_loop().time
        end = clock() + within_s
        while True:
            verdict = await self._eyes.state(wait_s=_WAIT_S, not_state="activated", within_s=_RECONNECT_S)
            if verdict.final or clock() >= end:
                return verdict
            await asyncio.sleep(_POLL_S)

    async def adopt(self) -> Outcome:
        """Find out what became of a change that an earlier controller had begun; skipped where it is to be made anew.

        Raises:
            NotProven: the node neither has it nor could turn back.
            ConnectionLost, Overdue, Unreachable: it cannot be asked.
        """
        # As long as the node waits for us: after HQ's own restart its tunnel takes a while to be there again.
        within_s = self._terms.patience_s
        await self._link.ask(lambda activator: activator.fence(self._terms.fence), within_s=within_s)
        with suppress(WatchAbsent):
            await self.window.open()
        try:
            verdict = await self._eyes.state(within_s=within_s)
            if verdict.state in ("staged", "armed"):
                # It may begin, or end for its fence, at any moment: a no settles which.
                verdict = await self._link.ask(lambda a: a.revert(self.order, "the run was cut before it began"))
        except ActivationRefused as refusal:
            return Outcome.skipped(f"the node knows nothing of it: {refusal.why}")
        self.begun = True
        if verdict.state == "activating":
            verdict = await self._settled(self._switching_s)
        if verdict.state in ("rolled-back", "refused"):
            return Outcome.skipped(f"it is {verdict.state}: {verdict.reason}")
        if verdict.state not in ("activated", "confirmed"):
            raise NotProven(f"{self._name} is {verdict.state}", why=verdict.reason, fix=f"noc health {self._name}")
        return Outcome(detail={"now": verdict.state, "health": verdict.health})

    async def prove(self) -> Outcome:
        """Hold the node against the gate. Raises NotProven."""
        self._passed = await gate.prove(self._name, self._expected(), self._eyes.look, self.say)
        return Outcome(detail={"boot_id": self._passed.boot_id})

    async def soak(self, soak_s: float) -> Outcome:
        """See it stay so for that many seconds. Raises NotProven."""
        # In less time than systemd waits before it starts a service again, its counter cannot have moved.
        counts = soak_s >= RESTART_SEC
        passed = self._passed or await self._eyes.look()
        last = await gate.soak(
            self._name,
            self._expected(),
            replace(passed, restarts=await self._eyes.restarts() if counts else None),
            self._eyes.look_closely if counts else self._eyes.look,
            soak_s=soak_s,
            changed=self._eyes.stirs(soak_s),
        )
        return Outcome(detail={"soak_s": soak_s, "restarts": last.restarts})

    def _expected(self) -> Expected:
        manifest = self._manifest()
        return Expected(
            version=manifest.version if manifest else None,
            build=manifest.build if manifest else None,
            deadline_s=self._terms.health_within_s,
            fix=f"read the service's last log lines: noc run show {self._terms.run}",
            not_boot=self._eyes.boot_before if self._target.release or self._target.data is not None else None,
            before=self._eyes.boot_before,
            errors_before=self._eyes.errors_before,
        )

    def _manifest(self) -> Manifest | None:
        if self._target.release is not None:
            return self._target.manifest
        return self._before.manifest

    async def confirm(self) -> Outcome:
        """Tell the node to keep it; over a new connection where what lets us in may have changed.

        Raises:
            NotProven: it had turned back before.
        """
        if self._target.config is not None or self._target.system is not None:
            await self._link.close()
            await self._link.ask(lambda activator: activator.fence(self._terms.fence), within_s=_RECONNECT_S)
        try:
            verdict = await self._link.ask(lambda activator: activator.confirm(self.order), within_s=_RECONNECT_S)
        except ActivationRefused:
            # An answer that got lost on the way: asked again, there is nothing left to confirm.
            verdict = await self._eyes.state(within_s=_RECONNECT_S)
        if verdict.state != "confirmed":
            raise NotProven(f"{self._name} could not be confirmed: it is {verdict.state}", why=verdict.reason)
        now = self._site.label(self._target.release or self._before.release)
        return Outcome(detail={"now": now, **({"reboot": list(verdict.reboot)} if verdict.reboot else {})})

    async def revert(self, reason: str) -> Outcome:
        """Turn the node back, and read from it that it did; skipped where it has kept the change on HQ's own yes.

        Args:
            reason: why, for the node's verdict file.

        Raises:
            NotProven: the node does not run what it ran before.
            ActivationRefused: a younger run has this node.
        """
        within_s = self._terms.patience_s + MARGIN_S
        with suppress(WatchAbsent):
            await self.window.open()
        try:
            verdict = await self._eyes.state(within_s=within_s)
            if verdict.state not in FINAL:
                verdict = await self._link.ask(lambda a: a.revert(self.order, reason[:500]), within_s=within_s)
            if not verdict.final:
                # Packages on their way back outlast what one question waits for.
                verdict = await self._ended(self._terms.install_s)
        except ActivationRefused as refusal:
            if refusal.reason == "fence":
                raise
            return await self._never_began()
        if verdict.state == "confirmed":
            now = self._site.label(self._target.release or self._before.release)
            return Outcome.skipped("it was confirmed", now=now)
        if verdict.state not in ("rolled-back", "refused"):
            raise NotProven(f"{self._name} could not be turned back: it is {verdict.state}", why=verdict.reason)
        loss = verdict.loss.model_dump() if verdict.loss else None
        return Outcome(detail={"reason": verdict.reason, "log": list(verdict.log), "loss": loss})

    async def _never_began(self) -> Outcome:
        facts = await self._link.ask(lambda activator: activator.facts(), within_s=_RECONNECT_S)
        if facts.current != self._before.release:
            raise NotProven(f"{self._name} runs {facts.current} and knows nothing of {self.order}")
        return Outcome(detail={"reason": "the activation never began"})

    async def prove_old(self) -> Outcome:
        """See what the node ran before answer at the public name. Raises NotProven."""
        old = self._site.held(self._before.release)
        clock = asyncio.get_running_loop().time
        end = clock() + self._terms.health_within_s
        while True:
            public = await self._eyes.public()
            if public.status == 200 and (old is None or shows(public, old.manifest)):
                return Outcome(detail={"now": self._site.label(self._before.release), "boot_id": public.boot_id})
            if clock() >= end:
                why = public.trouble or f"HTTPS answers {public.status}, version {public.version}"
                raise NotProven(
                    f"{self._name} is not healthy on its old release", why=why, fix=f"noc health {self._name}"
                )
            await asyncio.sleep(_POLL_S)

    async def close(self) -> None:
        """End what was begun ahead and not needed: an order that waits for its go is taken back."""
        await self._eyes.close()
        if self._ready is None or self.begun or (self._ready.done() and _failed(self._ready)):
            return
        self._ready.cancel()
        await asyncio.gather(self._ready, return_exceptions=True)
        with suppress(NocError, TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await self._link.ask(lambda activator: activator.revert(self.order, "the run ended before its turn"))


def _failed(task: "asyncio.Task[None]") -> bool:
    return task.cancelled() or task.exception() is not None
