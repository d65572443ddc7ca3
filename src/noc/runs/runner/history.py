"""What journals tell once a run is over: its summary, and the end of runs that were cut."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from noc.runs.errors import JournalBroken, RunCut
from noc.runs.plan.plan import Plan
from noc.runs.record.events import RUN, Event, State, Verdict
from noc.runs.record.journal import Journal, read, run_ids
from noc.runs.rollout.rollout import Rollout, fold

_RECENT = 20


def plan_of(events: Sequence[Event]) -> Plan | None:
    """The plan that a run carries out, from its first record.

    None where it was cut before that, or where another version of noc has planned what this one has no words for.
    """
    try:
        return Plan.model_validate(events[0].detail["plan"]) if events and "plan" in events[0].detail else None
    except ValidationError:
        return None


def summary(events: Sequence[Event]) -> dict[str, Any]:
    """A run in one row: id, action, nodes, release, by, started, ended, outcome, verdicts, exit.

    The outcome is `running` until the last record, then `ok`, `failed` or `interrupted`.
    """
    if not events or "plan" not in events[0].detail:
        return {"outcome": "interrupted", "verdicts": []}
    plan, recorded = plan_of(events), events[0].detail["plan"]
    first, last = events[0], events[-1]
    ended = last if last.is_last else None
    return {
        "run": first.run,
        "action": recorded.get("action"),
        "what": plan.label() if plan else f"{recorded.get('action')}, planned by another version of noc",
        "nodes": recorded.get("nodes", []),
        "release": recorded.get("release"),
        "version": recorded.get("version"),
        "by": first.detail["by"],
        "digest": recorded.get("digest"),
        "started": first.at,
        "ended": ended.at if ended else None,
        "outcome": _outcome(ended),
        "verdicts": ended.detail.get("verdicts", []) if ended else [],
        "exit": ended.detail.get("exit") if ended else None,
        "error": ended.detail.get("error") if ended else None,
    }


def summaries(directory: Path, limit: int) -> list[dict[str, Any]]:
    """The newest runs of a directory, newest first; one whose journal is broken says so and hides no other."""
    rows = []
    for run in run_ids(directory)[:limit]:
        try:
            rows.append({"run": run, **summary(read(directory, run))})
        except JournalBroken as error:
            rows.append({"run": run, "outcome": "broken", "error": error.as_dict()})
    return rows


def close_cut_runs(directory: Path, under_way: str | None = None) -> list[str]:
    """Write the last record of runs that have none, because the runner or the machine went down.

    Runs are begun one at a time, so that a cut one is among the newest.

    Args:
        directory: of the runs.
        under_way: the run that another runner has in hand, which is left alone; None for none.

    Returns:
        The runs that were closed, newest first.
    """
    closed = []
    for run in run_ids(directory)[:_RECENT]:
        try:
            events = read(directory, run)
        except JournalBroken:
            continue
        if run != under_way and (not events or not events[-1].is_last):
            _close(directory, run)
            closed.append(run)
    return closed


def _close(directory: Path, run: str) -> None:
    journal = Journal.reopen(directory, run)
    plan = plan_of(journal.events)
    fix = _way_on(plan, run) if plan else ""
    error = RunCut(f"run {run} was cut", why="the runner or the machine went down", fix=fix)
    detail = {
        "verdicts": [verdict.model_dump() for verdict in _verdicts(plan, journal.events)] if plan else [],
        "exit": error.exit_code,
        "error": error.as_dict(),
        "interrupted": True,
    }
    journal.append(RUN, State.FAILED, detail=detail)
    journal.close()


def _way_on(plan: Plan, run: str) -> str:
    if plan.is_rollout:
        return f"noc run resume {run}: it asks the nodes what became of them, and goes on where they are"
    if plan.action == "reboot":
        return f"noc os-update reboot {' '.join(plan.nodes)}: what has started anew is found so, the rest follows"
    if plan.action == "opt-in":
        return "noc preflight --enable-regions: regions that are on stay on, the rest follows"
    if plan.action in ("dns", "apex"):
        words = "apply" if plan.action == "dns" else f"apex {plan.nodes[0]}"
        return f"noc dns {words}: what was done is found unchanged, the rest follows"
    return f"noc {_words(plan)}: what was done is found unchanged, the rest follows"


def _words(plan: Plan) -> str:
    """The command that plans this again."""
    if plan.action == "rotate":
        return f"rotate {plan.options.secret}"
    verb = "rotate wg" if plan.action == "keygen" else plan.action
    return f"{verb} {' '.join(plan.nodes)}"


def _verdicts(plan: Plan, events: Sequence[Event]) -> list[Verdict]:
    """What can be said of each node from the journal alone; the node's own verdict file knows more."""
    if not plan.is_rollout:
        return [Verdict(node=node, before="", now="", verdict="interrupted") for node in plan.nodes]
    rollout = fold(Rollout.of(plan), events)
    before = {event.node: str(event.detail["before"]) for event in events if event.node and "before" in event.detail}
    return [_verdict_of(plan, rollout, node, before.get(node, "")) for node in plan.nodes]


def _verdict_of(plan: Plan, rollout: Rollout, node: str, before: str) -> Verdict:
    if rollout.nodes[node].in_hand:
        why = "it turns back by itself unless it was confirmed"
        return Verdict(node=node, before=before, now="", verdict="interrupted", why=why)
    good, target = rollout.is_good(node), f"{plan.version} ({plan.build})" if plan.release else ""
    return Verdict(node=node, before=before, now=target if good else before, verdict=rollout.verdict(node), good=good)


def _outcome(last: Event | None) -> str:
    if last is None:
        return "running"
    if last.detail.get("interrupted"):
        return "interrupted"
    return "ok" if last.state is State.OK else "failed"
