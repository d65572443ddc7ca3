"""The steps of a rollout on one node, each of which either returns what came of it or raises why it failed."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from noc.fleet.model import Node
from noc.hosts.activation import NodeFacts, Verification
from noc.hosts.errors import ActivationRefused, ConnectionLost, Overdue, Unreachable
from noc.runs.errors import NodeBlocked, StageRefused
from noc.runs.record.events import State
from noc.runs.rollout.change import Change
from noc.runs.rollout.configuration import stage_configuration
from noc.runs.rollout.errors import NotAsConfirmed
from noc.runs.rollout.outcome import Outcome
from noc.runs.rollout.preflight import obstacles, runs_already, shows
from noc.runs.rollout.target import Target
from noc.runs.rollout.terms import Terms
from noc.runs.site.configuration import differences
from noc.runs.site.site import Site

_POLL_S = 1.0
PATIENCE_S = 20.0
"""Seconds until a spoke whose packets the hub cannot read makes a new handshake (15, WireGuard's), and a few more."""
AWAY = (ConnectionLost, Overdue, Unreachable)
"""What it means that a node cannot be reached, or not any more."""
_FIXES = {"set": "give the command again: it is planned anew", "apt": "mend the node's packages, then plan anew"}


@dataclass(frozen=True)
class Known:
    """What a journal tells of a node, so that a run that was cut goes on with what it had found and chosen.

    Attributes:
        before, config_before: what the node ran before this run changed it.
        release: what this run chose for it.
        system_back: the set of packages that leads back to those from before.
    """

    before: str | None = None
    config_before: str | None = None
    release: str | None = None
    system_back: str | None = None


class NodeRollout:
    """One node, and what it is to have.

    Attributes:
        link: the way to it.
        before: the release that it ran before this run; None for none, or not known yet.
        target: what it is to have; None until it was asked.
        say: told what goes on.
    """

    def __init__(
        self,
        site: Site,
        node: Node,
        choose: Callable[[NodeFacts | None], Target],
        terms: Terms,
        known: Known | None = None,
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            site: the fleet.
            node: the node.
            choose: what it is to have, by what it says of itself, None before that; raises where there is nothing.
            terms: of the run.
            known: what the run found out before it was cut; None for a new one.
        """
        self._site, self._node, self._choose, self._terms = site, node, choose, terms
        self._known = known or Known()
        # Who was there before is not down yet: after HQ's own restart its tunnel comes back with its next push.
        self._patience_s = site.fleet.policy.push_interval + PATIENCE_S if known else 0
        self._facts: NodeFacts | None = None
        self.link = site.link(node)
        self.before, self._config_before = self._known.before, self._known.config_before
        self._system_back, self._downloaded = self._known.system_back, 0
        self.target: Target | None = None
        self.say: Callable[[str], None] = lambda _: None

    @property
    def name(self) -> str:
        """The node's name."""
        return self._node.name

    @property
    def release(self) -> str | None:
        """The release that it is to have, as far as that is known; None where its own stays."""
        return self.target.release if self.target else self._known.release

    async def preflight(self, *, confirmed: bool = False) -> Outcome:
        """Look whether the node can take what it is to have, or has it already; its fence is raised by that.

        Args:
            confirmed: this run has confirmed it before, so that anything else there means that it was changed since.

        Raises:
            NodeBlocked, NothingBefore, NotAsPlanned, NotAsConfirmed: with all that prevents it.
        """
        try:
            facts = await self.settled()
        except AWAY as error:
            return Outcome.down(str(error))
        target = self.target = self._choose(facts)
        if await self._has_all(facts, target):
            return await self._unchanged(facts)
        if confirmed:
            why = f"it runs {self._site.label(facts.current) or 'nothing'}"
            raise NotAsConfirmed(f"{self.name} does not run what it was confirmed with", why=why, fix="noc run list")
        self.before, self._config_before = facts.current, facts.config
        if found := obstacles(facts, target.manifest, self._terms.fence):
            fix = f"mend that on {self.name}, then give the command again"
            raise NodeBlocked(f"{self.name} cannot take the release now", why="; ".join(found), fix=fix)
        return Outcome(
            detail={
                "before": self._site.label(facts.current),
                "running": facts.current,
                "config": facts.config,
                "release": target.release,
                "disk_free_bytes": facts.disk_free_bytes,
            }
        )

    async def settled(self) -> NodeFacts:
        """What the activator knows, once its fence is ours, and what a cut run has left open has been turned back.

        There is one run at a time, so whatever is still open on a node belongs to a run that is over.

        Raises:
            NodeBlocked: a younger run has acted on the node.
        """
        try:
            facts = await self.link.ask(lambda activator: activator.fence(self._terms.fence), within_s=self._patience_s)
        except ActivationRefused as refusal:
            fix = "noc run list; was HQ restored from a backup?"
            raise NodeBlocked(f"{self.name} refuses this run", why=refusal.why, fix=fix) from refusal
        if (cut := facts.pending) is not None:
            self.say(f"turning back what run {cut} left open")
            # It may have turned back by itself in between; then there is nothing to take back any more.
            with suppress(ActivationRefused):
                await self.link.ask(lambda activator: activator.revert(cut, f"run {cut} was cut"))
            facts = await self.link.ask(lambda activator: activator.facts())
        self._facts = facts
        return facts

    async def _has_all(self, facts: NodeFacts, target: Target) -> bool:
        release = target.release is None or runs_already(facts, target.release)
        release = release and target.system in (None, facts.system)
        if not release or target.bundle is None:
            return release
        bundle = target.bundle
        return facts.config == bundle.sha256 and not await differences(self.link, bundle)

    async def _unchanged(self, facts: NodeFacts) -> Outcome:
        public = await self._site.web.health(self._site.fleet.hostname(self._node))
        kept = self._site.held(facts.current)
        if public.status != 200 or (kept and not shows(public, kept.manifest)):
            why = public.trouble or f"HTTPS answers {public.status}, version {public.version} build {public.build}"
            what = f"{self.name} has what it is to have, and is not healthy"
            raise NodeBlocked(what, why=why, fix=f"noc health {self.name}")
        self.before = self.before or facts.current
        return Outcome.skipped("has it already", before=self._site.label(facts.current))

    async def wait(self, seconds: float) -> Outcome:
        """Wait until the node can be reached; skipped where it cannot after so many seconds."""
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        while True:
            try:
                await self.link.ask(lambda activator: activator.facts())
            except AWAY as error:
                if clock() >= end:
                    return Outcome.skipped(f"not back after {seconds:g} s: {error.why or error.what}")
            else:
                return Outcome()
            await asyncio.sleep(min(_POLL_S, max(end - clock(), 0)))

    async def stage(self) -> Outcome:
        """Send what the node lacks, and let it verify hash and signature itself.

        Raises:
            StageRefused: it does not take what it got.
        """
        target = self._wanted
        try:
            sent, verified = await self._send(target)
        except AWAY as error:
            return Outcome.down(str(error))
        if not verified.ok:
            fix = _FIXES.get(verified.code, "build and sign it again on the operator's machine, then noc release add")
            raise StageRefused(f"{self.name} refuses what it got ({verified.code})", why=verified.why, fix=fix)
        system = {"downloaded": self._downloaded, "system_back": self._system_back} if target.system else {}
        return Outcome(State.OK if sent or self._downloaded else State.SKIPPED, {"bytes": sent, **system})

    async def _send(self, target: Target) -> tuple[int, Verification]:
        """Bytes sent, and what the node says of all that then lies there."""
        sent, kept = 0, target.held
        if target.bundle is not None:
            sent += await stage_configuration(self._site, self._node, self.link, target.bundle)
        if target.system is not None:
            system = target.system
            self.say("downloading packages")
            fetched = await self.link.ask(lambda activator: activator.fetch(system))
            self._system_back, self._downloaded = fetched.back, fetched.bytes
        if kept is None or (self._facts and kept.sha256 in self._facts.releases):
            verified = await self._verify(target)
            if verified.ok or kept is None:
                return sent, verified
        sent += await self.link.ask(lambda activator: activator.stage(kept.directory))
        return sent, await self._verify(target)

    async def _verify(self, target: Target) -> Verification:
        return await self.link.ask(lambda activator: activator.verify(target.release, target.config, target.system))

    @property
    def _wanted(self) -> Target:
        """What the node is to have; where it was chosen before the run was cut, chosen again."""
        self.target = self.target or self._choose(self._facts)
        return self.target

    def change(self, order: str | None = None) -> Change:
        """The change to what the node is to have, under a name that no change had before; None for the run's own."""
        before = Target(self.before, self._config_before, self._site.held(self.before))
        return self._change(order or self._terms.run, self._wanted, before)

    def way_back(self, order: str) -> Change:
        """The change back to what it ran before this run: of what the change forward concerns, and nothing else."""
        target = self._wanted
        release = self.before if target.release else None
        config, system = self._config_before if target.config else None, self._system_back if target.system else None
        back = Target(release, config, self._site.held(release), system=system)
        now = target if target.release else Target(self.before, target.config, self._site.held(self.before))
        return self._change(order, back, now)

    def _change(self, order: str, target: Target, before: Target) -> Change:
        return Change(self._site, self._node, self.link, order=order, target=target, before=before, terms=self._terms)

    async def leave(self) -> None:
        """Let go of the node; its connection is kept for a moment, since another question often follows."""
        await self._site.keep(self._node, self.link)
