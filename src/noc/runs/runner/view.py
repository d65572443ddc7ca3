"""A run as people see it: records folded into one row a node, and one record as one line."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from noc.runs.plan.plan import Plan
from noc.runs.record.events import RUN, Event, State, Verdict

_SHOWN = 4
_ENDINGS = frozenset({("confirm", State.OK), ("live", State.OK), ("prove-old", State.OK), ("revert", State.SKIPPED)})


@dataclass(frozen=True)
class Row:
    """One node: the step it is at, what is said of it, since when, and when it was first touched."""

    step: str = ""
    state: State = State.STARTED
    since: datetime | None = None
    begun: datetime | None = None
    words: str = ""
    before: str = ""


@dataclass(frozen=True)
class View:
    """A run at one moment.

    Attributes:
        run: its id, "" before the first record.
        what: its plan in words.
        target: what nodes are to run, "" where the plan changes no release.
        rows: by node, in the plan's order.
        verdicts: the table, once the run has ended.
        error: what ended the run as a whole, None where nothing did.
        exit_code: of the command; None while the run is under way.
        log: the last lines of services that failed, by node.
    """

    run: str = ""
    what: str = ""
    target: str = ""
    rows: Mapping[str, Row] = field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()
    error: Mapping[str, str] | None = None
    exit_code: int | None = None
    log: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def finished(self) -> list[Row]:
        """Nodes at their last step."""
        return [row for row in self.rows.values() if (row.step, row.state) in _ENDINGS]

    def failed(self) -> list[Row]:
        """Nodes whose step failed."""
        return [row for row in self.rows.values() if row.state is State.FAILED]

    def time_left(self, now: datetime) -> timedelta | None:
        """An estimate from the nodes that are done; None before the first is."""
        done = [row for row in self.finished() if row.begun and row.since]
        begun = min((row.begun for row in self.rows.values() if row.begun), default=None)
        if not done or begun is None:
            return None
        left = len(self.rows) - len(done) - len(self.failed())
        return (now - begun) / len(done) * left


def advance(view: View, event: Event) -> View:
    """The view after one more record."""
    if event.node is not None:
        return _node(view, event, event.node)
    if event.state is State.STARTED and event.step == "run":
        plan = Plan.model_validate(event.detail["plan"])
        target = f"{plan.version} ({plan.build})" if plan.release else ""
        rows = {name: Row() for name in plan.nodes}
        return replace(view, run=event.run, what=plan.label(), target=target, rows=rows)
    if event.is_last:
        verdicts = tuple(Verdict.model_validate(row) for row in event.detail.get("verdicts", []))
        return replace(
            view, verdicts=verdicts, error=event.detail.get("error"), exit_code=int(event.detail.get("exit", 1))
        )
    return view


def _node(view: View, event: Event, node: str) -> View:
    known = view.rows.get(node, Row())
    new_step = event.step != known.step
    row = Row(
        step=event.step,
        state=event.state,
        since=event.at if new_step or event.state is not State.PROGRESS else known.since,
        begun=known.begun or event.at,
        words=words(event),
        before=str(event.detail.get("before", known.before)),
    )
    log = {**view.log, node: tuple(event.detail["log"])} if event.detail.get("log") else view.log
    return replace(view, rows={**view.rows, node: row}, log=log)


def words(event: Event) -> str:
    """What a record adds to its step, in words; "" where the state says all."""
    detail = event.detail
    if error := detail.get("error"):
        return f"{error['what']}: {error['why']}" if error.get("why") else str(error["what"])
    if "say" in detail:
        return str(detail["say"])
    if "changed" in detail:
        return _few(detail["changed"]) or "unchanged"
    if "bytes" in detail:
        return f"{detail['bytes'] / 2**20:.1f} MiB sent" if detail["bytes"] else "there already"
    return str(detail.get("why") or detail.get("reason") or "")


def _few(changed: list[str]) -> str:
    shown = ", ".join(changed[:_SHOWN])
    return f"{shown} and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else shown


def line(event: Event) -> str | None:
    """One record as a line without its glyph: time (UTC), node, step, state, words. None for a run's first and last."""
    if event.step == RUN:
        return None
    told = f"  {text}" if (text := words(event)) else ""
    seconds = f" ({event.detail['seconds']:g} s)" if "seconds" in event.detail else ""
    return f"{event.at:%H:%M:%S}Z  {event.node or 'fleet'}  {event.step}  {event.state}{seconds}{told}"


def as_document(view: View) -> dict[str, Any]:
    """The result of a run for `--json`: run, what, nodes (the verdicts), exit, error."""
    return {
        "run": view.run,
        "what": view.what,
        "nodes": [verdict.model_dump() for verdict in view.verdicts],
        "exit": view.exit_code,
        "error": view.error,
    }
