"""The desk at which plans are asked for and approved: rules, store and audit together.

Whatever the door, an approval is decided here: the request is read from the store, decided about, written into the
audit and then into the store, without a pause in which something else could happen.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from noc.fleet.inventory import Inventory
from noc.fleet.model import Fleet
from noc.runs.admission import approval
from noc.runs.admission.caller import Caller
from noc.runs.admission.errors import NotApproved
from noc.runs.admission.request import Request
from noc.runs.admission.requests import Requests
from noc.runs.admission.risk import risk
from noc.runs.admission.signature import signer_of, statement
from noc.runs.errors import PlanRefused
from noc.runs.plan.plan import Plan
from noc.runs.record.audit import Audit
from noc.runs.record.tame import tame


@dataclass(frozen=True)
class Standing:
    """What a decision rests on: the fleet file, what plans note of it and of the inventory, and the time in UTC."""

    fleet: Fleet
    basis: str
    now: datetime


class Desk:
    """Takes requests and answers to them. It belongs to one thread of one process: the runner's."""

    def __init__(self, requests: Requests, audit: Audit) -> None:
        """Use a store and the audit, both open."""
        self._requests, self._audit = requests, audit
        self._changed = asyncio.Event()

    def ask(self, plan: Plan, caller: Caller, standing: Standing, inventory: Inventory) -> Request | None:
        """Ask for a plan to be approved, unless nobody has to agree to it.

        Args:
            plan: what is to be done; it holds.
            caller: who asks.
            standing: what the decision rests on.
            inventory: what is known of the machines.

        Returns:
            Its request, new or known, pending or approved; None where the plan may begin as it is.

        Raises:
            PlanRefused: the plan says less of its risk than there is.
            ApprovalUsed, ApprovalDenied, ApprovalExpired: it was asked for before, and that is over.
            TooManyRequests, AuditUnwritable, AuditBroken: it cannot be taken in.
        """
        if plan.risk != (found := risk(plan, inventory)):
            raise PlanRefused(
                f"the plan says that its risk is {plan.risk}", why=f"it is {found}", fix="make a new plan"
            )
        role = approval.role_of(caller.name, standing.fleet)
        if approval.rule_of(plan, standing.fleet.approval, role) == "nobody":
            return None
        if known := self._requests.get(plan.digest):
            approval.check_open(known, standing.now)
            return known
        request = approval.asked(plan, caller.name, standing.fleet.approval, standing.now)
        with self._audit.acting(f"ask for {plan.label()}", caller.name, **_facts(request), **caller.origin):
            self._requests.add(request, standing.now)
        return request

    async def approve(self, wanted: str, caller: Caller, signature: str | None, standing: Standing) -> Request:
        """Approve a request; one that is approved already is returned as it is, so that a start can be tried again.

        Args:
            wanted: the request, as `Requests.find` takes it.
            caller: who is logged in.
            signature: the armoured signature of its statement, None without one.
            standing: what the decision rests on.

        Raises:
            RequestNotFound, Usage: as `Requests.find` does.
            SignatureRefused, TimedOut: as `signer_of` does.
            NotAnApprover, NotApproved, ApprovalUsed, ApprovalDenied, ApprovalExpired, PlanRefused: as
                `approval.approve` does.
            AuditUnwritable, AuditBroken: it cannot be written down.
        """
        with self._audit.refusals("approve", caller.name, wanted=wanted, **caller.origin):
            request = self._requests.find(wanted, standing.now)
            signer = await asyncio.to_thread(signer_of, request, standing.fleet, caller, signature) if signature else ()
            request = self._still(request)
            who = approval.approver_of(caller, standing.fleet, *signer)
            policy = standing.fleet.approval
            given = approval.approve(request, who, policy, basis=standing.basis, now=standing.now)
        if given != request:
            self._change(f"approve {request.plan.label()}", caller, request, given, person=who.name, key=who.key)
        return given

    def deny(self, wanted: str, caller: Caller, reason: str, standing: Standing) -> Request:
        """Deny a request. Raises as `Requests.find` and `approval.deny` do, and where the audit cannot be written."""
        with self._audit.refusals("deny", caller.name, wanted=wanted, **caller.origin):
            request = self._requests.find(wanted, standing.now)
            who = approval.approver_of(caller, standing.fleet)
            denied = approval.deny(request, who, str(tame(reason)), standing.now)
        self._change(f"deny {request.plan.label()}", caller, request, denied, reason=reason)
        return denied

    def consume(self, plan: Plan, run: str, by: str, standing: Standing) -> Request | None:
        """Use a plan's approval up for a run that is about to begin; it is gone when this returns, whatever follows.

        Args:
            plan: what is about to be carried out.
            run: the run's id.
            by: in whose name; an agent's plan needs an approval whatever the rules say.
            standing: what the decision rests on.

        Returns:
            The request; None where nobody has to agree to the plan.

        Raises:
            NotApproved, ApprovalUsed, ApprovalDenied, ApprovalExpired, PlanRefused: the run must not begin.
        """
        policy = standing.fleet.approval
        request = self._requests.get(plan.digest)
        rule = approval.rule_of(plan, policy, approval.role_of(by, standing.fleet))
        if request is None and rule == "nobody":
            return None
        if request is None:
            raise NotApproved(f"nobody asked for {plan.label()}", why="it needs an approval", fix="ask for it first")
        used = approval.use(request, plan.digest, run, policy, basis=standing.basis, now=standing.now)
        self._requests.put(used, request)
        self._wake()
        return used

    def find(self, wanted: str, standing: Standing) -> dict[str, Any]:
        """One request with its plan and the statement that is signed. Raises as `Requests.find` does."""
        request = self._requests.find(wanted, standing.now)
        plan = request.plan.model_dump(mode="json")
        return {**describe(request, standing), "plan": plan, "statement": statement(request, standing.fleet)}

    def pending(self, standing: Standing) -> list[dict[str, Any]]:
        """The requests that wait, the oldest first, without their plans."""
        return [describe(each, standing) for each in self._requests.waiting(standing.now)]

    async def changed(self, known: Request, within_s: float) -> Request:
        """A request as soon as it is another than the one that is known, or as it is after some seconds."""
        changed = self._changed
        if (request := self._still(known)) != known:
            return request
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await changed.wait()
        return self._still(known)

    def _still(self, known: Request) -> Request:
        """A request as it is by now: somebody may have answered meanwhile."""
        return self._requests.get(known.plan.digest) or known

    def _change(self, what: str, caller: Caller, was: Request, now: Request, **detail: str) -> None:
        with self._audit.acting(what, caller.name, **_facts(was), **detail, **caller.origin):
            self._requests.put(now, was)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def describe(request: Request, standing: Standing) -> dict[str, Any]:
    """A request as clients see it, without its plan: digest, phrase, what, risk, state, requester, at, expires, needs,
    signed, approval, denial, run."""
    plan, policy = request.plan, standing.fleet.approval
    return {
        "digest": plan.digest,
        "phrase": plan.phrase,
        "what": plan.label(),
        "risk": plan.risk,
        "state": request.state(standing.now).value,
        "needs": approval.needs(request, policy, standing.now),
        "signed": approval.is_signed(plan.risk, policy),
        "run": request.use.run if request.use else None,
        **request.model_dump(mode="json", exclude={"plan", "use"}),
    }


def _facts(request: Request) -> Mapping[str, str]:
    plan = request.plan
    return {"digest": plan.digest, "phrase": plan.phrase, "risk": plan.risk, "requester": request.requester}
