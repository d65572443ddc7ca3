"""A bad release on one node: it has to be noticed by the node, or by HQ, and turned back without a person."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from noc.hosts.errors import ActivationRefused
from noc.runs.drill.bounds import Bounds, bounds
from noc.runs.drill.errors import BadReleaseKept, DrillNotPossible
from noc.runs.drill.measured import Measured, Seen, measure
from noc.runs.errors import NotProven, WatchAbsent
from noc.runs.plan.plan import PlannedFault
from noc.runs.record.events import State
from noc.runs.record.run import Run
from noc.runs.record.steps import Step
from noc.runs.rollout.change import Change
from noc.runs.rollout.node import NodeRollout
from noc.runs.rollout.target import Target
from noc.runs.rollout.terms import MARGIN_S, Terms
from noc.runs.site.site import Site


class BadReleaseDrill:
    """A release that is meant to fail, given to one node as a rollout would."""

    def __init__(self, run: Run, site: Site, planned: PlannedFault) -> None:
        """Prepare; nothing is connected yet."""
        self._run, self._site, self._name = run, site, planned.node
        node, sha = site.fleet.node(planned.node), run.plan.release
        self._bounds: Bounds = bounds("bad-release", site.fleet, 0)
        self._rollout = NodeRollout(site, node, lambda _: Target(sha, held=site.held(sha)), _terms(run, site))
        self._change: Change | None = None
        self._began = datetime.now(UTC)
        self._seen, self._why = Seen(), ""

    @property
    def steps(self) -> tuple[Step, ...]:
        """Send it; let it run, and fail; see what ran before answer again."""
        policy = self._site.fleet.policy
        wait_s = 4 * (policy.health_deadline + policy.confirm_deadline) + MARGIN_S
        return Step("stage", 300, self.stage), Step("bad-release", wait_s, self.fail), Step("over", wait_s, self.over)

    def measured(self) -> Measured:
        """The row of the table, by what was seen so far."""
        return measure(("bad-release", self._name), self._began, self._seen, self._bounds, self._why)

    async def close(self) -> None:
        """Let go of the node."""
        if self._change is not None:
            await asyncio.gather(self._change.close(), self._change.window.close())
        await self._rollout.leave()

    async def stage(self) -> Sequence[str]:
        """Send it. Raises DrillNotPossible where the node cannot be reached, or runs it already."""
        looked = await self._rollout.preflight()
        if "outcome" in looked.detail or looked.state is State.SKIPPED:
            raise DrillNotPossible(f"{self._name} cannot rehearse a bad release", why=str(looked.detail.get("why")))
        await self._rollout.stage()
        return ["sent"]

    async def fail(self) -> Sequence[str]:
        """Activate it and see it refused, by the node itself or by HQ's own gate."""
        self._change = self._rollout.change(f"{self._run.id}-drill")
        self._began = datetime.now(UTC)
        try:
            await self._change.begin()
            await self._change.prove()
            await self._change.soak(self._site.fleet.policy.soak)
        except (ActivationRefused, WatchAbsent):
            raise
        except NotProven as error:
            self._seen = Seen(noticed=datetime.now(UTC))
            return [error.why or error.what]
        self._why = str(BadReleaseKept(f"{self._name} proved the release that was to fail"))
        return ["it was not noticed"]

    async def over(self) -> Sequence[str]:
        """See the node back on what it ran before, in public."""
        assert self._change is not None
        await self._change.revert("a drill: the release is bad")
        await self._change.prove_old()
        self._seen = Seen(noticed=self._seen.noticed, over=datetime.now(UTC))
        return [f"runs {self._site.label(self._rollout.before)} again"]


def _terms(run: Run, site: Site) -> Terms:
    policy = site.fleet.policy
    return Terms(
        run=run.id,
        fence=run.fence,
        health_within_s=policy.health_deadline,
        longest_soak_s=policy.soak,
        confirm_within_s=policy.confirm_deadline,
        check=run.check,
    )
