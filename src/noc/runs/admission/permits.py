"""What services may ask of the runner, for themselves and for the people whom they speak for: nothing but this.

Whoever else the door lets in is a person with a login of their own, or root, and is held by their role alone.
"""

from collections.abc import Mapping
from typing import Any, Final

from noc.fleet.model import Role
from noc.runs.admission.caller import AGENT, BOT, RUNNER, WATCH, Caller
from noc.runs.errors import CallerRefused
from noc.runs.plan.plan import Action, Options, Plan

_SEEING: Final = frozenset({"list", "show", "follow", "pending", "lease"})
_AGENTS: Final = _SEEING | {"plan", "start", "stop", "halt", "audit", "health", "drift", "whoami"}
OWN: Final[Mapping[str, frozenset[str]]] = {
    RUNNER: frozenset({"job"}),
    AGENT: _AGENTS,
    BOT: _SEEING | {"link", "stranger"},
    WATCH: frozenset({"pending", "lease"}),
}
"""By login: what a service may ask for in its own name."""
SPOKEN: Final[Mapping[str, frozenset[str]]] = {
    BOT: _AGENTS | {"approve", "deny"},
    WATCH: frozenset({"pending", "approve", "deny", "list", "show", "whoami"}),
}
"""By login: what a service may ask for in the name of a person, whose role says further what of it."""
ACTIONS: Final[frozenset[Action]] = frozenset({"deploy", "rollback", "os-update", "reboot", "backup"})
"""The plans that may be made and begun by an agent, and from a chat."""
FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "plan": frozenset({"action", "nodes", "release", "words", "configuration"}),
    "lease": frozenset(),
    "approve": frozenset({"request", "wait_s"}),
}
"""By operation: all that such a request may say, where that is less than the operation takes."""
_ENVELOPE: Final = frozenset({"op", "for"})


def is_held(caller: Caller) -> bool:
    """Whether the tables are about somebody: a service, for itself or for a person."""
    return bool(caller.voucher) or caller.name in OWN


def permitted(caller: Caller, role: Role | None) -> frozenset[str] | None:
    """The operations that somebody may ask for; None for a person with a login, whom no table holds.

    Args:
        caller: who asks.
        role: of the person who is spoken for, as the fleet file has it.
    """
    if not caller.voucher:
        return OWN.get(caller.name)
    spoken = SPOKEN.get(caller.voucher, frozenset())
    return spoken & _AGENTS if role == "agent" else spoken


def check_permitted(caller: Caller, role: Role | None, request: Mapping[str, Any]) -> None:
    """Let a request pass that the tables name, with no more in it than they allow.

    Args:
        caller: who asks.
        role: as `permitted`.
        request: the line that came.

    Raises:
        CallerRefused: they do not.
    """
    operations = permitted(caller, role)
    if operations is None:
        return
    operation = str(request.get("op"))
    if operation not in operations:
        raise _refused(caller, operation, f"{', '.join(sorted(operations)) or 'nothing'} is all that it may ask for")
    said = set(request) - _ENVELOPE
    if beyond := said - FIELDS.get(operation, said):
        raise _refused(caller, f"{operation} with {', '.join(sorted(beyond))}", "that is for people on HQ")
    if operation == "plan" and str(request.get("action")) not in ACTIONS:
        raise _refused(caller, f"plan {str(request.get('action'))[:32]}", _why_actions())


def check_plan(caller: Caller, plan: Plan) -> None:
    """Let whom the tables hold begin nothing but what they could have planned, whoever has planned it.

    How a rollout proceeds, by its rules, is as whoever planned it has said.

    Raises:
        CallerRefused: the plan is another.
    """
    if not is_held(caller):
        return
    if plan.action not in ACTIONS:
        raise _refused(caller, f"start {plan.action}", _why_actions())
    if plan.options != Options() or (plan.system and plan.action != "os-update"):
        raise _refused(caller, f"start {plan.action} with options", "what is risky beyond its kind is for people on HQ")


def _why_actions() -> str:
    return f"only {', '.join(sorted(ACTIONS))} may be asked for here"


def _refused(caller: Caller, what: str, why: str) -> CallerRefused:
    who = f"{caller.name} by {caller.channel}" if caller.voucher else caller.name
    fix = "" if caller.name == RUNNER else "a person gives the command on HQ"
    return CallerRefused(f"{who} may not ask for {what[:100]}", why=why, fix=fix)
