"""Which runs can be gone on with."""

from collections.abc import Sequence
from pathlib import Path

from noc.runs.plan.plan import Plan
from noc.runs.record.events import Event
from noc.runs.record.journal import read
from noc.runs.runner.errors import NotResumable
from noc.runs.runner.history import plan_of

_PARTLY = 3
_NO_PLAN = "it was cut before its first record, or another version of noc has planned it"


def resumable(directory: Path, run: str) -> Plan:
    """The plan of a run that can be gone on with.

    Args:
        directory: of the runs.
        run: its id.

    Raises:
        NotResumable: it cannot; why is said.
        RunNotFound, JournalBroken: as `read` does.
    """
    events = read(directory, run)
    plan = plan_of(events)
    if plan is None:
        raise NotResumable(f"run {run} cannot be gone on with", why=_NO_PLAN)
    if why := _prevents(plan, events):
        raise NotResumable(f"run {run} cannot be gone on with", why=why, fix=f"noc run show {run}")
    return plan


def _prevents(plan: Plan, events: Sequence[Event]) -> str:
    if not plan.is_rollout:
        return f"it is a {plan.action}: give the command again"
    last = events[-1]
    if not last.is_last or last.detail.get("interrupted") or last.detail.get("exit") == _PARTLY:
        return ""
    return "every node is as its plan wants it" if last.detail.get("exit") == 0 else "it has failed"
