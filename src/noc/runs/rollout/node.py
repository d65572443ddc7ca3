"""The steps of a rollout on one node, each of which either returns what came of it or raises why it failed."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from noc.fleet.model import Node
from noc.hosts.activation import FINAL, NodeFacts, Order
from noc.hosts.activation import Verdict as NodeVerdict
from noc.hosts.errors import ActivationRefused, ConnectionLost, Overdue, Unreachable
from noc.release.store import Release
from noc.runs.errors import NodeBlocked, NotProven, StageRefused, WatchAbsent
from noc.runs.record.events import State
from noc.runs.rollout.gate import Expected, Sight, prove
from noc.runs.rollout.preflight import obstacles, runs_already, shows
from noc.runs.site.link import Link
from noc.runs.site.site import Site

SERVICE = "clavitor.service"
_MARGIN_S = 20
_RESTART_S = 90
_WINDOW_MARGIN_S = 60
_WAIT_S = 10
_POLL_S = 0.5
_RECONNECT_S = 20

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What came of a step: ok or skipped, with facts."""

    state: State = State.OK
    detail: dict[str, Any] = field(default_factory=dict)


class NodeRollout:
    """One node and the release that it is to run."""

    def __init__(self, site: Site, node: Node, release: Release, *, run: str, fence: int, soak_s: float) -> None:
        """Prepare; nothing is connected yet.

        Args:
            site: the fleet.
            node: the node.
            release: what it is to run.
            run: the run's id, under which the node keeps its verdict.
            fence: the run's fence number.
            soak_s: seconds for which the node has to stay steady.
        """
        self._site, self._node, self._release = site, node, release
        self._run, self._fence, self._soak_s = run, fence, soak_s
        self._hostname = site.fleet.hostname(node)
        self.link = Link(lambda: site.through_tunnel(node), site.ways)
        self.before: str | None = None
        self.say: Callable[[str], None] = lambda _: None

    @property
    def name(self) -> str:
        """The node's name."""
        return self._node.name

    @property
    def confirm_within_s(self) -> float:
        """Seconds after which the node turns back by itself: never shorter than what the gate may take."""
        policy = self._site.fleet.policy
        return max(policy.confirm_deadline, policy.health_deadline + self._soak_s + _MARGIN_S)

    async def open_window(self) -> None:
        """Tell the watch that from now on, until all that may follow is over, the node's deaths belong to this run.

        It is prolonged before a rollback. Nobody being told, an end of the runner leaves it to expire.

        Raises:
            WatchAbsent: the watch does not know it, and would page.
        """
        seconds = _RESTART_S + 2 * self.confirm_within_s + _WINDOW_MARGIN_S
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        await self._site.watch.open_deployment(self.name, self._run, until)

    async def close_window(self) -> None:
        """Tell the watch that the node is judged again; where it does not answer, the window expires by itself."""
        try:
            await self._site.watch.close_deployment(self.name)
        except WatchAbsent as error:
            log.warning("the deployment of %s stays open at the watch until it expires: %s", self.name, error)

    async def preflight(self) -> Outcome:
        """Look whether the release can be activated, or runs already. Raises NodeBlocked with all that prevents it."""
        facts = await self.settled()
        self.before = facts.current
        manifest = self._release.manifest
        if runs_already(facts, manifest):
            return await self._unchanged(facts)
        if found := obstacles(facts, manifest, self._fence):
            fix = f"mend that on {self.name}, then give the command again"
            raise NodeBlocked(f"{self.name} cannot take the release now", why="; ".join(found), fix=fix)
        return Outcome(detail={"before": self._site.label(facts.current), "disk_free_bytes": facts.disk_free_bytes})

    async def settled(self) -> NodeFacts:
        """What the activator knows, once an activation that a cut run left behind has been turned back.

        There is one runner and one run at a time, so whatever is still open on a node belongs to a run that is over.
        """
        facts = await self.link.ask(lambda activator: activator.facts())
        if (cut := facts.pending) is None:
            return facts
        self.say(f"turning back what run {cut} left open")
        # It may have turned back by itself in between; then there is nothing to take back any more.
        with suppress(ActivationRefused):
            await self.link.ask(lambda activator: activator.revert(cut, f"run {cut} was cut"))
        return await self.link.ask(lambda activator: activator.facts())

    async def _unchanged(self, facts: NodeFacts) -> Outcome:
        public = await self._site.web.health(self._hostname)
        if not shows(public, self._release.manifest):
            why = public.trouble or f"HTTPS answers {public.status}, version {public.version} build {public.build}"
            raise NodeBlocked(
                f"{self.name} has the release, and is not healthy", why=why, fix=f"noc health {self.name}"
            )
        return Outcome(State.SKIPPED, {"before": self._site.label(facts.current), "why": "runs it already"})

    async def stage(self) -> Outcome:
        """Send what the node lacks of the release, and let it verify hash and signature itself."""
        sent = await self.link.ask(lambda activator: activator.stage(self._release.directory))
        verified = await self.link.ask(lambda activator: activator.verify(self._release.sha256))
        if not verified.ok:
            fix = "build and sign it again on the operator's machine, then noc release add"
            raise StageRefused(f"{self.name} refuses the release ({verified.code})", why=verified.why, fix=fix)
        return Outcome(State.OK if sent else State.SKIPPED, {"bytes": sent})

    async def activate(self, *, replace: bool = False) -> Outcome:
        """Let the node switch over, and wait until it has proven itself locally.

        Args:
            replace: let a node without a release take one whatever its age.

        Raises:
            ActivationRefused, WatchAbsent: nothing was changed.
            NotProven: the release did not get healthy; the node turned back, or is about to.
        """
        await self.open_window()
        health_s = self._site.fleet.policy.health_deadline
        shell = await self.link.shell()
        activator = self._site.ways.activator(shell)
        order = Order(
            self._run, self._fence, self._release.sha256, None, self.confirm_within_s, health_s, replace=replace
        )
        await activator.start(order)
        verdict = await self._settled(health_s + _MARGIN_S)
        if verdict.state == "refused":
            raise ActivationRefused(f"{self.name} refused the activation", reason="refused", why=verdict.reason)
        if verdict.state != "activated":
            fix = f"mend the release; what the service last said is in noc run show {self._run}"
            raise NotProven(f"{self.name} did not take the release: {verdict.state}", why=verdict.reason, fix=fix)
        return Outcome(detail={"health": verdict.health})

    async def _settled(self, within_s: float) -> NodeVerdict:
        """The node's verdict once it is neither staged nor activating, or the last one when time is up."""
        clock = asyncio.get_running_loop().time
        end = clock() + within_s
        known: str | None = None
        while True:
            verdict = await self._status(wait_s=min(_WAIT_S, max(end - clock(), 0)), not_state=known)
            if verdict.state not in ("staged", "activating") or clock() >= end:
                return verdict
            known = verdict.state

    async def _status(self, *, wait_s: float = 0, not_state: str | None = None) -> NodeVerdict:
        return await self.link.ask(lambda a: a.status(self._run, wait_s, not_state), within_s=_RECONNECT_S)

    async def prove(self) -> Outcome:
        """Hold the node against the gate. Raises NotProven."""
        manifest = self._release.manifest
        health_s = self._site.fleet.policy.health_deadline
        fix = f"read the service's last log lines: noc run show {self._run}"
        expected = Expected(manifest.version, manifest.build, health_s, self._soak_s, fix)
        sight = await prove(self.name, expected, self._look, self.say)
        return Outcome(detail={"boot_id": sight.boot_id, "soak_s": self._soak_s, "restarts": sight.restarts})

    async def _look(self) -> Sight:
        verdict, restarts, public, heartbeat = await asyncio.gather(
            self._status(), self._restarts(), self._site.web.health(self._hostname), self._site.watch.heard(self.name)
        )
        boot = verdict.health.get("boot_id")
        return Sight(verdict.state, verdict.reason, str(boot) if boot else None, restarts, public, heartbeat)

    async def _restarts(self) -> int | None:
        try:
            status = await self._site.ways.platform(self._node).status(await self.link.shell(), SERVICE)
        except (ConnectionLost, Overdue, Unreachable):
            return None
        return int(status["NRestarts"]) if status.get("NRestarts", "").isdecimal() else None

    async def confirm(self) -> Outcome:
        """Tell the node to keep the release. Raises NotProven where it had turned back before."""
        try:
            verdict = await self.link.ask(lambda activator: activator.confirm(self._run), within_s=_RECONNECT_S)
        except ActivationRefused:
            # An answer that got lost on the way: asked again, there is nothing left to confirm.
            verdict = await self._status()
        if verdict.state != "confirmed":
            raise NotProven(f"{self.name} could not be confirmed: it is {verdict.state}", why=verdict.reason)
        return Outcome(detail={"now": self._site.label(self._release.sha256)})

    async def revert(self, reason: str) -> Outcome:
        """Turn the node back, and read from it that it did; skipped where it has kept the release on HQ's own yes.

        Args:
            reason: why, for the node's verdict file.

        Raises:
            NotProven: the node does not run the release from before.
        """
        within_s = self.confirm_within_s + _MARGIN_S
        with suppress(WatchAbsent):
            await self.open_window()
        try:
            verdict = await self.link.ask(lambda a: a.status(self._run), within_s=within_s)
            if verdict.state not in FINAL:
                verdict = await self.link.ask(lambda a: a.revert(self._run, reason[:500]), within_s=within_s)
        except ActivationRefused:
            return await self._never_began()
        if verdict.state == "confirmed":
            return Outcome(State.SKIPPED, {"now": self._site.label(self._release.sha256), "why": "it was confirmed"})
        if verdict.state not in ("rolled-back", "refused"):
            raise NotProven(f"{self.name} could not be turned back: it is {verdict.state}", why=verdict.reason)
        return Outcome(detail={"reason": verdict.reason, "log": list(verdict.log)})

    async def _never_began(self) -> Outcome:
        facts = await self.link.ask(lambda activator: activator.facts(), within_s=_RECONNECT_S)
        if facts.current != self.before:
            raise NotProven(f"{self.name} runs {facts.current} and knows nothing of run {self._run}")
        return Outcome(detail={"reason": "the activation never began"})

    async def prove_old(self) -> Outcome:
        """See the release from before answer at the public name. Raises NotProven."""
        old = next((kept for kept in self._site.releases.list() if kept.sha256 == self.before), None)
        clock = asyncio.get_running_loop().time
        end = clock() + self._site.fleet.policy.health_deadline
        while True:
            public = await self._site.web.health(self._hostname)
            if public.status == 200 and (old is None or shows(public, old.manifest)):
                return Outcome(detail={"now": self._site.label(self.before), "boot_id": public.boot_id})
            if clock() >= end:
                why = public.trouble or f"HTTPS answers {public.status}, version {public.version}"
                raise NotProven(
                    f"{self.name} is not healthy on its old release", why=why, fix=f"noc health {self.name}"
                )
            await asyncio.sleep(_POLL_S)
