"""Who may agree to a plan, and whether an agreement holds: decisions without a file, a clock or a process.

People are logins of HQ that fleet.toml lists. Root is nobody of that list: who is root on HQ stands above all this, so
root may approve, and that is written down as root's; but root is one person here, who never counts as another than
itself. A signature names the person whose key made it, whoever is logged in.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from noc.fleet.model import Approval as Policy
from noc.fleet.model import Fleet, Person, Role, Rule
from noc.runs.admission.caller import AGENT, Caller
from noc.runs.admission.clock import told
from noc.runs.admission.errors import ApprovalDenied, ApprovalExpired, ApprovalUsed, NotAnApprover, NotApproved
from noc.runs.admission.request import Approval, Denial, Request, State, Use
from noc.runs.admission.risk import RANK
from noc.runs.errors import CallerRefused, PlanRefused
from noc.runs.plan.plan import Plan, Risk

_AGAIN = "give the command again: the runner then makes a new plan"


@dataclass(frozen=True)
class Approver:
    """Who agrees, or does not.

    Attributes:
        name: the person, by signature or login.
        login: who is logged in.
        role: what fleet.toml says of the person, None where it does not.
        is_root: whether the login is root's.
        key: fingerprint of the key that signed, "" without a signature.
    """

    name: str
    login: str
    role: Role | None
    is_root: bool
    key: str = ""

    @property
    def may_approve(self) -> bool:
        """Whether this is somebody who approves plans at all."""
        return self.role == "approver" or (self.role is None and self.is_root)


def approver_of(caller: Caller, fleet: Fleet, signer: Person | None = None, key: str = "") -> Approver:
    """The person behind a call.

    Args:
        caller: who is logged in.
        fleet: whose people count.
        signer: the person whose signature came with it, None without one.
        key: fingerprint of the key that made it.
    """
    person = signer or next((person for person in fleet.people if person.name == caller.name), None)
    name = person.name if person else caller.name
    return Approver(name, caller.name, role_of(name, fleet), caller.uid == 0, key)


def rule_of(plan: Plan, policy: Policy, requester: Role | None = None) -> Rule:
    """Who has to agree to a plan, by its risk; to an agent's somebody always has to, and to a drill outside a lab."""
    rules: Mapping[Risk, Rule] = {"low": policy.low, "medium": policy.medium, "high": policy.high}
    always = requester == "agent" or (plan.action == "drill" and plan.risk == "high")
    return "one" if always and rules[plan.risk] == "nobody" else rules[plan.risk]


def role_of(login: str, fleet: Fleet) -> Role | None:
    """What the fleet file says of a login, None where it does not list it; the model's is an agent whatever it says."""
    if login == AGENT:
        return "agent"
    return next((person.role for person in fleet.people if person.name == login), None)


def check_may_ask(caller: Caller, fleet: Fleet) -> None:
    """Let everybody ask for plans who may use the runner, but viewers. Raises CallerRefused."""
    _refuse(caller, fleet, {"viewer"})


def check_may_act(caller: Caller, fleet: Fleet) -> None:
    """Let pass to what needs no approval: no viewer, and no agent, for whom somebody always has to agree.

    Raises:
        CallerRefused: it is one of these.
    """
    _refuse(caller, fleet, {"viewer", "agent"})


def _refuse(caller: Caller, fleet: Fleet, roles: Set[Role]) -> None:
    if (role := role_of(caller.name, fleet)) in roles:
        can = "look, and change nothing" if role == "viewer" else "look and ask for plans, and no more"
        raise CallerRefused(
            f"{caller.name} may {can}",
            why=f"the role of that login in [[people]] of fleet.toml is {role}",
            fix="ask an operator, or somebody who may edit fleet.toml",
        )


def is_signed(risk: Risk, policy: Policy) -> bool:
    """Whether an approval of a plan of that risk has to be a signature."""
    return policy.signed != "never" and RANK[risk] >= RANK[policy.signed]


def needs(request: Request, policy: Policy, now: datetime) -> str:
    """Whom a request waits for, in words: `an approver other than james, or james from …; signed`."""
    who = {
        "nobody": "an approver",
        "one": "an approver",
        "another": f"an approver other than {request.requester}",
        "delayed": f"an approver; {request.requester} only from {told(_self_from(request, policy))}",
    }[rule_of(request.plan, policy)]
    if rule_of(request.plan, policy) == "delayed" and now >= _self_from(request, policy):
        who = "an approver"
    return f"{who}; signed" if is_signed(request.plan.risk, policy) else who


def _self_from(request: Request, policy: Policy) -> datetime:
    return request.at.astimezone(UTC) + timedelta(seconds=policy.delay)


def asked(plan: Plan, requester: str, policy: Policy, now: datetime) -> Request:
    """A new request."""
    return Request(plan=plan, requester=requester, at=now, expires=now + timedelta(seconds=policy.expires))


def approve(request: Request, approver: Approver, policy: Policy, *, basis: str, now: datetime) -> Request:
    """The request with an approval; one that has it already stays as it is.

    Args:
        request: what is approved.
        approver: by whom.
        policy: who has to agree.
        basis: what the fleet is now, as plans note it.
        now: the time, UTC.

    Raises:
        ApprovalUsed, ApprovalDenied, ApprovalExpired: it is too late.
        PlanRefused: the fleet is not what the plan was made for.
        NotAnApprover: this is not somebody who may.
        NotApproved: it has to be signed.
    """
    check_open(request, now)
    _check_basis(request, basis)
    _check_role(request, approver)
    if request.approval:
        return request
    _check_rule(request, approver, policy, now)
    if is_signed(request.plan.risk, policy) and not approver.key:
        raise NotApproved(
            f"a plan of {request.plan.risk} risk is approved by signature",
            why=f'signed = "{policy.signed}" in [approval] of fleet.toml',
            fix=f"noc approve {request.plan.digest[:12]} --key FILE, your SSH key or its .pub where an agent holds it",
        )
    given = Approval(by=approver.name, login=approver.login, at=now, key=approver.key)
    return request.model_copy(update={"approval": given})


def deny(request: Request, who: Approver, reason: str, now: datetime) -> Request:
    """The request with a denial, by an approver, or by the requester who does not want it any more.

    Raises:
        ApprovalUsed, ApprovalDenied, ApprovalExpired: it is too late.
        NotAnApprover: this is not somebody who may.
    """
    check_open(request, now)
    if who.name != request.requester:
        _check_role(request, who)
    return request.model_copy(update={"denial": Denial(by=who.name, at=now, reason=reason)})


def use(request: Request, digest: str, run: str, policy: Policy, *, basis: str, now: datetime) -> Request:
    """The request with its approval used up: no run but this one may begin with it.

    Args:
        request: what was approved.
        digest: of the plan that is about to be carried out.
        run: the run's id.
        policy: who has to agree.
        basis: what the fleet is now, as plans note it.
        now: the time, UTC.

    Raises:
        ApprovalUsed, ApprovalDenied, ApprovalExpired: it is too late.
        PlanRefused: the fleet is not what the plan was made for.
        NotApproved: nobody agreed, or to another plan.
    """
    check_open(request, now)
    _check_basis(request, basis)
    if digest != request.plan.digest:
        raise NotApproved("this plan is not the one that was approved", why="its digest is another", fix=_AGAIN)
    if request.approval is None:
        raise NotApproved(
            f"{request.name} waits for an approval",
            why=f"its risk is {request.plan.risk}: it needs {needs(request, policy, now)}",
            fix=f"noc approve {request.plan.digest[:12]}",
        )
    return request.model_copy(update={"use": Use(run=run, at=now)})


def check_open(request: Request, now: datetime) -> None:
    """Go on only with a request that is not over. Raises ApprovalUsed, ApprovalDenied or ApprovalExpired."""
    if request.use:
        raise ApprovalUsed(
            f"{request.name} was carried out already",
            why=f"run {request.use.run} used its approval at {told(request.use.at.astimezone(UTC))}",
            fix=f"noc run show {request.use.run}; {_AGAIN}",
        )
    if denial := request.denial:
        raise ApprovalDenied(
            f"{request.name} was denied",
            why=f"by {denial.by} at {told(denial.at.astimezone(UTC))}"
            + (f": {denial.reason}" if denial.reason else ""),
            fix=f"talk to {denial.by}",
        )
    if request.state(now) is State.EXPIRED:
        raise ApprovalExpired(
            f"{request.name} has expired",
            why=f"it was good until {told(request.expires.astimezone(UTC))}",
            fix=_AGAIN,
        )


def _check_basis(request: Request, basis: str) -> None:
    if basis != request.plan.basis:
        raise PlanRefused(
            f"the fleet has moved since {request.name} was asked for",
            why="fleet.toml or inventory.toml is not what it was then",
            fix=_AGAIN,
        )


def _check_role(request: Request, approver: Approver) -> None:
    if not approver.may_approve:
        role = (
            f"the role of {approver.name} is {approver.role}"
            if approver.role
            else "fleet.toml does not list that login"
        )
        raise NotAnApprover(
            f"{approver.name} may not decide about {request.name}",
            why=role,
            fix='ask somebody whose role in [[people]] of fleet.toml is "approver"',
        )


def _check_rule(request: Request, approver: Approver, policy: Policy, now: datetime) -> None:
    rule = rule_of(request.plan, policy)
    if approver.name != request.requester or rule in ("nobody", "one"):
        return
    if rule == "another":
        raise NotAnApprover(
            f"{approver.name} asked for {request.name}, so somebody else has to approve it",
            why=f'{request.plan.risk} = "another" in [approval] of fleet.toml',
            fix=f"ask another approver for: noc approve {request.plan.digest[:12]}",
        )
    if now < (begins := _self_from(request, policy)):
        raise NotAnApprover(
            f"{approver.name} asked for {request.name}, and may approve it from {told(begins)} on",
            why=f'{request.plan.risk} = "delayed" in [approval] of fleet.toml gives time for second thoughts',
            fix="wait until then, or ask another approver, who may do it at once",
        )
