"""Plans: made, shown, and asked for; to make one changes nothing."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from noc.agent.errors import PlanSlow
from noc.agent.verbs.fields import NodesArgument, RequestArgument, Untrusted, UntrustedLine, VersionArgument
from noc.agent.verbs.verb import Answer, Call, Done, Params
from noc.agent.words.plan import change_of, plan_message, said_of
from noc.agent.words.request import request_message
from noc.errors import Usage
from noc.runs.plan.plan import NodePlan, Plan, Risk

AgentAction = Literal["deploy", "rollback", "os-update", "reboot", "backup"]
_NOTES = 10


class PlanParams(Params):
    """What is to be planned."""

    action: Annotated[
        AgentAction,
        Field(
            description="deploy brings a release; rollback returns nodes to what each ran well before; os-update "
            "brings the weekly packages; reboot starts machines anew; backup copies databases to HQ."
        ),
    ]
    nodes: NodesArgument
    configuration: Annotated[bool, Field(description="deploy alone: bring the rendered configuration, too.")] = False
    version: Annotated[
        VersionArgument | None, Field(description="deploy alone: the release.", validate_default=True)
    ] = None

    @field_validator("configuration")
    @classmethod
    def _only_with_deploy(cls, configuration: bool, info: ValidationInfo) -> bool:
        if configuration and info.data.get("action", "deploy") != "deploy":
            raise ValueError("only deploy brings a configuration")
        return configuration

    @field_validator("version")
    @classmethod
    def _what_deploy_brings(cls, version: str | None, info: ValidationInfo) -> str | None:
        action = info.data.get("action", "")
        if version and action not in ("deploy", ""):
            raise ValueError("only deploy takes a release")
        if not version and action == "deploy" and not info.data.get("configuration"):
            raise ValueError("deploy takes a release, or configuration")
        return version


class PlannedNode(Answer):
    """What a plan would do to one node; `wave` 0 is the canary."""

    node: str
    state: Literal["change", "unchanged", "down", "blocked", ""]
    wave: int
    change: str
    seconds: float
    untrusted_notes: list[UntrustedLine]


class PlanMade(Answer):
    """A plan. Nothing has begun. `agreement` says which people have to agree, "" where nobody has."""

    digest: str
    phrase: Annotated[str, Field(description="The digest's first bits as four words, for people to compare.")]
    what: str
    action: str
    risk: Risk
    agreement: str
    has_work: bool
    blocked: Annotated[list[str], Field(description="Nodes that keep it from beginning.")]
    nodes: list[PlannedNode]
    takes_s: float | None
    may_take_s: float | None
    next: str


class ShowParams(Params):
    """Which plan."""

    request: RequestArgument = "last"


class RequestShown(Answer):
    """A plan that was asked for, and what became of that. `run` is its run once somebody has agreed."""

    digest: str
    phrase: str
    what: str
    risk: Risk
    state: Literal["pending", "approved", "denied", "used", "expired"]
    requester: str
    needs: str
    expires: str
    approved_by: str | None
    denied_by: str | None
    untrusted_reason: Untrusted
    run: str | None
    nodes: list[PlannedNode]


async def make(call: Call, params: PlanParams) -> Done[PlanMade]:
    """Have the runner make a plan. Raises PlanSlow; and the runner's refusals."""
    request: dict[str, Any] = {"action": params.action, "nodes": params.nodes}
    if params.action == "deploy":
        request |= {"release": params.version, "configuration": params.configuration}
    try:
        async with asyncio.timeout(call.patience_s):
            answer = await call.house.runner(call.actor).ask("plan", within_s=call.patience_s + 60, **request)
    except TimeoutError:
        raise PlanSlow(
            f"the plan was not made within {call.patience_s:g} s",
            why="a node has to ask its archive, or does not answer",
            fix="ask for the same plan again",
        ) from None
    plan, labels, agreement = Plan.model_validate(answer["plan"]), answer.get("labels", {}), answer.get("agreement", "")
    return Done(_made(plan, labels, agreement), plan_message(plan, labels, agreement))


async def show(call: Call, params: ShowParams) -> Done[RequestShown]:
    """Show a plan that was asked for. Raises RequestNotFound."""
    answer = await call.house.runner(call.actor).ask("pending", request=params.request)
    request, labels = answer["request"], answer.get("labels", {})
    fleet = await call.house.fleet()
    return Done(_shown(request, labels), request_message(request, fleet.timezone, labels))


def read_deploy(words: Sequence[str]) -> PlanParams:
    """`all 1.4.2`, `virginia frankfurt 1.4.2`. Raises Usage."""
    if len(words) < 2:
        raise Usage("nodes or the release is missing", fix="/deploy all 1.4.2")
    return PlanParams(action="deploy", nodes=list(words[:-1]), version=words[-1])


def read_rollback(words: Sequence[str]) -> PlanParams:
    """Nodes; none of them for all."""
    return PlanParams(action="rollback", nodes=list(words) or ["all"])


def _made(plan: Plan, labels: Mapping[str, str], agreement: str) -> PlanMade:
    return PlanMade(
        digest=plan.digest,
        phrase=plan.phrase,
        what=plan.label(),
        action=plan.action,
        risk=plan.risk,
        agreement=agreement,
        has_work=plan.has_work,
        blocked=[row.node for row in plan.blocked],
        nodes=_nodes(plan, labels),
        takes_s=plan.estimate.total_s if plan.estimate else None,
        may_take_s=plan.estimate.bound_s if plan.estimate else None,
        next=_next(plan, agreement),
    )


def _next(plan: Plan, agreement: str) -> str:
    if plan.blocked:
        return "It cannot begin as it is: mend what the notes say, or plan without the nodes that are blocked."
    if not plan.has_work:
        return "There is nothing to do."
    asks = f"it then asks for: {agreement}" if agreement else "nobody has to agree"
    return f"Show it to the person you act for. run_start with this digest begins it; {asks}."


def _shown(request: Mapping[str, Any], labels: Mapping[str, str]) -> RequestShown:
    approval, denial = request["approval"], request["denial"]
    return RequestShown(
        **{name: request[name] for name in ("digest", "phrase", "what", "risk", "state", "requester", "needs", "run")},
        expires=request["expires"],
        approved_by=approval["by"] if approval else None,
        denied_by=denial["by"] if denial else None,
        untrusted_reason=denial["reason"] if denial else "",
        nodes=_nodes(Plan.model_validate(request["plan"]), labels),
    )


def _nodes(plan: Plan, labels: Mapping[str, str]) -> list[PlannedNode]:
    if plan.rows:
        return [_row(row, labels) for row in plan.rows]
    bare = {"state": "", "wave": 0, "change": "", "seconds": 0, "untrusted_notes": []}
    return [PlannedNode.model_validate({"node": name, **bare}) for name in plan.nodes]


def _row(row: NodePlan, labels: Mapping[str, str]) -> PlannedNode:
    return PlannedNode(
        node=row.node,
        state=row.state,
        wave=row.wave,
        change=change_of(row, labels),
        seconds=row.seconds,
        untrusted_notes=list(said_of(row)[:_NOTES]),
    )
