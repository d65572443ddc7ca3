"""A request in a chat: who asks for what, whom it waits for, and what became of it."""

from collections.abc import Mapping
from typing import Any

from noc.agent.words.message import Message
from noc.agent.words.moments import moment, on_clock
from noc.agent.words.neutral import neutral
from noc.agent.words.plan import notes_of, plan_table, stakes_of
from noc.runs.plan.plan import Plan

Document = Mapping[str, Any]


def request_message(request: Document, timezone: str, labels: Mapping[str, str] | None = None) -> Message:
    """A request; as long as it can be answered, with all that whoever agrees should know.

    Args:
        request: as the runner's `pending` describes it; with its `plan`, that is shown.
        timezone: the fleet's.
        labels: what the plan's releases are called, by hash.
    """
    plan = Plan.model_validate(request["plan"]) if "plan" in request else None
    expires, is_open = moment(request["expires"]), request["state"] in ("pending", "approved")
    lines = [f"asked for by {request['requester']}", f"phrase: {request['phrase']}", f"risk {request['risk']}"]
    lines += stakes_of(plan) if plan and is_open else ()
    lines.append(standing(request))
    if is_open and expires:
        lines.append(f"until {on_clock(expires, timezone)}")
    lines += notes_of(plan) if plan and is_open else ()
    return Message(str(request["what"]), tuple(lines), plan_table(plan, labels or {}) if plan else "")


def standing(request: Document) -> str:
    """Where a request stands, in one line."""
    state, approval, denial = request["state"], request["approval"], request["denial"]
    if denial:
        return f"denied by {denial['by']}{_because(denial['reason'])}"
    if state == "used":
        by = f"approved by {approval['by']}, " if approval else ""
        return f"{by}run {request['run']}"
    if state == "expired":
        return "expired, nobody agreed in time"
    if approval:
        return f"approved by {approval['by']}, not begun yet"
    return f"waits for {request['needs']}"


def _because(reason: str) -> str:
    return f": {neutral(reason, 200)}" if reason else ""
