"""Plans on their way to being runs: remembered when they were made, held until whoever has to agrees, begun."""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from noc.errors import Usage
from noc.fleet.inventory import load_inventory
from noc.fleet.load import load
from noc.release.store import ReleaseStore
from noc.runs.admission.approval import asked, check_may_ask, check_open, needs, role_of, rule_of
from noc.runs.admission.caller import Caller
from noc.runs.admission.desk import Desk, Standing
from noc.runs.admission.freeze import check_freeze
from noc.runs.admission.permits import is_held
from noc.runs.admission.request import Request
from noc.runs.admission.requests import Requests
from noc.runs.errors import PlanRefused
from noc.runs.plan.plan import Plan, check, check_blocked
from noc.runs.record.run import Run
from noc.runs.runner.planning import basis, check_basis, make_plan
from noc.runs.runner.runner import Beginning, Runner
from noc.runs.runner.waiting import EVERY_S, Heard

REMEMBERED, REMEMBERED_EACH = 64, 16
AT_ONCE = 2
"""Plans made at the same time for one service, which may ask without end; each asks all nodes that it is of."""
MIN_DIGITS = 12


@dataclass(frozen=True)
class _Made:
    plan: Plan
    by: str


class Starts:
    """Lets a run begin only from a plan that this runner made, and that has the agreement it needs.

    Attributes:
        desk: where people agree.
        planning: how many plans are being made at this moment.
    """

    def __init__(self, runner: Runner) -> None:
        """Begin runs of a runner."""
        self._runner, self._paths = runner, runner.paths
        self._requests = Requests(self._paths.requests)
        self._requests.open()
        self.desk = Desk(self._requests, runner.audit)
        self._made: OrderedDict[str, _Made] = OrderedDict()
        self._few = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(AT_ONCE))
        self.planning = 0

    def standing(self) -> Standing:
        """What a decision rests on now."""
        return Standing(load(self._paths.fleet), basis(self._paths.fleet), datetime.now(UTC))

    async def plan(self, request: Mapping[str, Any], caller: Caller) -> Plan:
        """Make a plan, and remember it. Raises as `make_plan`; and FencesUnknown, AnotherHq as `Runner.begin`."""
        async with self._few[caller.voucher or caller.name] if is_held(caller) else nullcontext():
            self.planning += 1
            try:
                await self._runner.taking.check(str(request.get("action", "")))
                plan = await make_plan(request, self._paths, self._runner.works.survey)
            finally:
                self.planning -= 1
        self._remember(plan, caller.name)
        return plan

    def _remember(self, plan: Plan, by: str) -> None:
        """Keep it, and forget the oldest: who plans very much does not make the runner forget what others have."""
        self._made[plan.digest] = _Made(plan, by)
        own = [digest for digest, made in self._made.items() if made.by == by]
        for digest in own[:-REMEMBERED_EACH]:
            del self._made[digest]
        while len(self._made) > REMEMBERED:
            self._made.popitem(last=False)

    def open_plans(self) -> list[Plan]:
        """Plans that may still begin: those that are remembered, and those that wait for somebody to agree."""
        waiting = self._requests.waiting(datetime.now(UTC))
        return [*(made.plan for made in self._made.values()), *(request.plan for request in waiting)]

    def asked_for(self, request: Mapping[str, Any]) -> Plan:
        """The plan that a client wants to begin: whole, as `plan`, or by digits of its digest, as `digest`.

        Raises:
            PlanRefused: it was changed, was not made here, or the fleet has moved since.
            Usage: the digits are too few, or fit several plans.
            NodeBlocked: it cannot be carried out, with every problem of every node.
        """
        plan = self._named(str(request["digest"])) if "digest" in request else self._remembered(request["plan"])
        check_basis(plan, self._paths.fleet)
        check_blocked(plan)
        return plan

    def _named(self, digits: str) -> Plan:
        """A plan that may still begin, by twelve digits or more of its digest."""
        if len(digits) < MIN_DIGITS:
            raise Usage(f"a plan is named by {MIN_DIGITS} or more digits of its digest")
        found = {plan.digest: plan for plan in self.open_plans() if plan.digest.startswith(digits.lower())}
        if not found:
            raise PlanRefused(
                f"no plan is known by {digits[:64]}",
                why="the runner has not made it, or has forgotten it",
                fix="give the command again: the runner then makes a new plan",
            )
        if len(found) > 1:
            raise Usage(f"several plans begin with {digits[:64]}", fix="give more digits")
        return next(iter(found.values()))

    def _remembered(self, sent: Mapping[str, Any]) -> Plan:
        plan = check(sent, load(self._paths.fleet))
        if plan.digest not in self._made:
            raise PlanRefused(
                "the plan was not made by this runner",
                why="a run begins from what the runner itself has found, not from what it is told",
                fix="give the command again: the runner then makes a new plan",
            )
        return plan

    def about(self, plan: Plan, caller: Caller) -> dict[str, Any]:
        """What helps a person to read a plan: what its releases are called (`labels`, by hash), who has to agree."""
        fleet, now = load(self._paths.fleet), datetime.now(UTC)
        policy, role = fleet.approval, role_of(caller.name, fleet)
        nobody = rule_of(plan, policy, role) == "nobody"
        agreement = "" if nobody else needs(asked(plan, caller.name, policy, now), policy, now)
        return {"labels": self.labels(plan), "agreement": agreement}

    def labels(self, plan: Plan) -> dict[str, str]:
        """What the releases of a plan are called, by hash, as far as they are kept here: `1.4.2 (7)`."""
        known = {kept.sha256: kept.manifest for kept in ReleaseStore(self._paths.releases).list()}
        named = {sha: known[sha] for row in plan.rows for sha in (row.running, row.target) if sha and sha in known}
        return {sha: f"{manifest.version} ({manifest.build})" for sha, manifest in named.items()}

    def ask(self, plan: Plan, caller: Caller) -> Request | None:
        """Ask for the agreement that a plan needs; None where it needs none.

        Raises:
            CallerRefused: the caller may only look.
            Halted, FleetFrozen: nothing may begin now, so nobody is troubled.
            ApprovalUsed, ApprovalDenied, ApprovalExpired, TooManyRequests: as `Desk.ask`.
        """
        standing = self.standing()
        check_may_ask(caller, standing.fleet)
        self._runner.halt.check()
        check_freeze(plan, standing.fleet)
        return self.desk.ask(plan, caller, standing, load_inventory(self._paths.fleet))

    async def approved(self, request: Request, heard: Heard) -> str:
        """Wait for the run that an approval of this request begins, and return its id.

        Raises:
            ApprovalDenied, ApprovalExpired: that came instead.
        """
        while request.use is None:
            check_open(request, datetime.now(UTC))
            heard(f"waiting for an approval: noc approve {request.plan.phrase.replace(' ', '-')}")
            left = (request.expires - datetime.now(UTC)).total_seconds()
            request = await self.desk.changed(request, min(EVERY_S, max(left, 0) + 0.1))
        return request.use.run

    async def begin(self, plan: Plan, beginning: Beginning) -> Run:
        """Begin the run of a plan, using up the approval that it may need.

        Args:
            plan: what to do.
            beginning: in whose name, and how; what uses the approval up comes from here.

        Raises:
            NotApproved and the others of `Desk.consume`; and as `Runner.begin`.
        """

        def use(run: str) -> None:
            self.desk.consume(plan, run, beginning.by, self.standing())

        return await self._runner.begin(plan, replace(beginning, use=use))
