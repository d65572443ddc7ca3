"""A run as people see it: its records folded into one row a node, and what can be told of the whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from noc.runs.admission.clock import lasting
from noc.runs.plan.plan import NodePlan
from noc.runs.record.events import RESUMED, RUN, Event, State, Verdict
from noc.runs.rollout.phases import FAILED, LEFT, Phase
from noc.runs.rollout.rollout import Rollout
from noc.runs.rollout.rollout import advance as follow_rollout
from noc.runs.runner.history import plan_of, summary
from noc.runs.runner.telling import notice, words

_LAST = frozenset((step, State.OK) for step in ("live", "switch", "answers", "forget", "adopt", "measured", "confirm"))
"""The last step of a run that is no rollout: provisioning, a new tunnel key, a machine made, ended, taken over.

A drill's is the row of its table.
"""


class Outcome(StrEnum):
    """Where a node stands in its run."""

    WAITING = "waiting"
    IN_HAND = "in hand"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


ENDED = frozenset({Outcome.DONE, Outcome.FAILED, Outcome.SKIPPED})


@dataclass(frozen=True)
class Row:
    """One node.

    Attributes:
        wave: 0 for the canary, then the batches; None where the plan has no waves.
        step, state: what it is at, "" before the first step.
        since: when that step began, or when it ended.
        begun: when the node was taken in hand, apart from others: its activation, or its first step.
        words: what is said of the step.
        before, target: releases for people, "" where unknown.
        seconds: how long the plan expects it to take, soak included; 0 where it does not say.
        outcome: where it stands.
        verdict: where it stands in one word; at its end what became of it.
    """

    wave: int | None = None
    step: str = ""
    state: State = State.STARTED
    since: datetime | None = None
    begun: datetime | None = None
    words: str = ""
    before: str = ""
    target: str = ""
    seconds: float = 0
    outcome: Outcome = Outcome.WAITING
    verdict: str = Outcome.WAITING.value

    @property
    def took(self) -> timedelta:
        """From being taken in hand until its last record."""
        return self.since - self.begun if self.since and self.begun else timedelta()


@dataclass(frozen=True)
class View:
    """A run at one moment.

    Attributes:
        run: its id, "" before the first record.
        what: its plan in words.
        phrase: the plan's, for people to compare.
        by: who asked for it.
        target: what nodes are to run, "" where the plan changes no release, or nodes differ.
        rows: by node, in the plan's order.
        rollout: how it stands, for a run that is one.
        begun: when it began.
        last: when something was last heard of it.
        expected_s: how long the plan says that it takes; 0 where it does not.
        head_s: the part of it before the first node is taken in hand.
        bound_s: how long it may take, 0 for no bound.
        notice: what was last said of the run as a whole, "" for nothing.
        verdicts: the table, once the run has ended.
        error: what ended the run as a whole, None where nothing did.
        exit_code: of the command; None while the run is under way.
        log: the last lines of services that failed, by node.
    """

    run: str = ""
    what: str = ""
    phrase: str = ""
    by: str = ""
    target: str = ""
    rows: Mapping[str, Row] = field(default_factory=dict)
    rollout: Rollout | None = None
    begun: datetime | None = None
    last: datetime | None = None
    expected_s: float = 0
    head_s: float = 0
    bound_s: float = 0
    notice: str = ""
    verdicts: tuple[Verdict, ...] = ()
    error: Mapping[str, str] | None = None
    exit_code: int | None = None
    log: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def at(self, *outcomes: Outcome) -> list[Row]:
        """Nodes that stand there."""
        return [row for row in self.rows.values() if row.outcome in outcomes]

    def elapsed(self, now: datetime) -> timedelta:
        """Since the run began; of one that has ended, until it did."""
        end = self.last if self.exit_code is not None else now
        return end - self.begun if end and self.begun else timedelta()

    def time_left(self, now: datetime) -> timedelta | None:
        """How long it will go on: as the plan expects, corrected by what was seen; None before either tells anything.

        Nodes count by the seconds that the plan expects of each. Once one has ended, what is left takes longer or
        shorter than expected in the measure in which the run so far did.
        """
        ended = [row for row in self.at(Outcome.DONE, Outcome.FAILED) if row.since]
        if self.begun is None or not (ended or self.expected_s):
            return None
        if not ended:
            return _not_below_zero(timedelta(seconds=self.expected_s) - (now - self.begun))
        until = max(row.since for row in ended if row.since)
        whole = self.expected_s or 1
        worked = self.head_s + (whole - self.head_s) * self._share(ended)
        if not worked:
            return None
        left = (until - self.begun) * ((whole - worked) / worked)
        return _not_below_zero(left - (now - until))

    def _share(self, ended: list[Row]) -> float:
        """How much of the nodes' work is behind, from 0 to 1; nodes that are skipped are no work."""
        weighed = any(row.seconds for row in self.rows.values())
        every = self.at(*(outcome for outcome in Outcome if outcome is not Outcome.SKIPPED))
        whole = sum(row.seconds if weighed else 1 for row in every)
        return sum(row.seconds if weighed else 1 for row in ended) / whole if whole else 1

    def headroom(self, now: datetime) -> timedelta | None:
        """What remains of the bound when the run ends; negative where it does not hold, None without a bound."""
        if not self.bound_s:
            return None
        left = timedelta() if self.exit_code is not None else self.time_left(now) or timedelta()
        return timedelta(seconds=self.bound_s) - self.elapsed(now) - left

    def slowest(self) -> tuple[str, timedelta] | None:
        """The node that took longest, and how long; None where none was worked on."""
        worked = [(name, row.took) for name, row in self.rows.items() if row.took]
        return max(worked, key=lambda each: each[1], default=None)


def _not_below_zero(left: timedelta) -> timedelta:
    return max(left, timedelta())


def advance(view: View, event: Event) -> View:
    """The view after one more record."""
    rollout = follow_rollout(view.rollout, event) if view.rollout else None
    view = replace(view, last=event.at, rollout=rollout)
    if event.node is not None:
        return _node(view, event, event.node)
    if event.step == RUN and event.state is State.STARTED:
        return _begin(view, event)
    if event.is_last:
        verdicts = tuple(Verdict.model_validate(row) for row in event.detail.get("verdicts", []))
        return replace(
            view, verdicts=verdicts, error=event.detail.get("error"), exit_code=int(event.detail.get("exit", 1))
        )
    if event.step == RESUMED:
        view = replace(view, verdicts=(), error=None, exit_code=None)
    return replace(view, notice=notice(event))


def _begin(view: View, event: Event) -> View:
    view = replace(view, run=event.run, by=str(event.detail.get("by", "")), begun=event.at)
    plan = plan_of([event])
    if plan is None:
        return replace(view, what=summary([event])["what"])
    target = f"{plan.version} ({plan.build})" if plan.release else ""
    planned = {row.node: row for row in plan.rows}
    estimate = plan.estimate
    return replace(
        view,
        what=plan.label(),
        phrase=plan.phrase,
        target=target,
        rows={name: _planned(planned.get(name), target) for name in plan.nodes},
        rollout=Rollout.of(plan) if plan.is_rollout else None,
        expected_s=estimate.total_s if estimate else 0,
        head_s=estimate.total_s - estimate.activate_s if estimate and plan.is_rollout else 0,
        bound_s=estimate.bound_s if estimate and plan.is_rollout else 0,
    )


def _planned(row: NodePlan | None, target: str) -> Row:
    if row is None:
        return Row(target=target)
    return Row(wave=row.wave, target=target or (row.target or "")[:12], seconds=row.seconds)


def _node(view: View, event: Event, node: str) -> View:
    known = view.rows.get(node, Row())
    new_step = event.step != known.step
    outcome = _outcome(view, known.outcome, event, node)
    taken = known.begun is None or (event.step == "activate" and event.state is State.STARTED)
    row = replace(
        known,
        step=event.step,
        state=event.state,
        since=event.at if new_step or event.state is not State.PROGRESS else known.since,
        begun=event.at if taken else known.begun,
        words=words(event),
        before=str(event.detail.get("before", known.before)),
        outcome=outcome,
        verdict=view.rollout.verdict(node) if view.rollout and outcome in ENDED else outcome.value,
    )
    log = {**view.log, node: tuple(event.detail["log"])} if event.detail.get("log") else view.log
    return replace(view, rows={**view.rows, node: row}, log=log)


def _outcome(view: View, before: Outcome, event: Event, node: str) -> Outcome:
    """Where a node stands after a record."""
    if view.rollout is not None:
        standing = _standing(view.rollout, node)
        under_way = event.state in (State.STARTED, State.PROGRESS)
        return Outcome.IN_HAND if under_way and standing is Outcome.WAITING else standing
    if event.state is State.FAILED or before is Outcome.FAILED:
        return Outcome.FAILED
    if event.state is State.SKIPPED:
        return Outcome.SKIPPED
    return Outcome.DONE if (event.step, event.state) in _LAST else Outcome.IN_HAND


def _standing(rollout: Rollout, node: str) -> Outcome:
    phase = rollout.nodes[node].phase
    if phase in FAILED:
        return Outcome.FAILED
    if phase in LEFT or phase is Phase.UNCHANGED:
        return Outcome.SKIPPED
    if phase is Phase.CONFIRMED:
        return Outcome.DONE
    return Outcome.IN_HAND if rollout.nodes[node].in_hand else Outcome.WAITING


def in_view(view: View, height: int) -> tuple[list[tuple[str, Row]], int]:
    """The rows for a terminal that is too low for all: failed ones and those in hand first, then who comes next.

    Args:
        view: the run.
        height: how many rows there is room for.

    Returns:
        Names and rows in the plan's order, and how many are left out.
    """
    rank = {Outcome.FAILED: 0, Outcome.IN_HAND: 1, Outcome.WAITING: 2, Outcome.DONE: 3, Outcome.SKIPPED: 4}
    chosen = set(sorted(view.rows, key=lambda name: rank[view.rows[name].outcome])[: max(height, 1)])
    return [(name, row) for name, row in view.rows.items() if name in chosen], len(view.rows) - len(chosen)


def counted(view: View) -> str:
    """How many nodes stand where: `7 of 20 done, 1 failed, 2 skipped`."""
    counts = [f"{len(view.at(Outcome.DONE))} of {len(view.rows)} done", f"{len(view.at(Outcome.FAILED))} failed"]
    if skipped := len(view.at(Outcome.SKIPPED)):
        counts.append(f"{skipped} skipped")
    return ", ".join(counts)


def footer(view: View, now: datetime) -> str:
    """How far the run is, in one line: counts, time left, headroom to the bound."""
    parts = [counted(view)]
    if (left := view.time_left(now)) is not None:
        parts.append(f"about {lasting(left.total_seconds())} left")
    return " · ".join([*parts, *_headroom(view, now)])


def closing(view: View) -> str:
    """How long a run took that has ended, which node took longest, and what remained of the bound; "" if unknown."""
    if view.begun is None or view.last is None:
        return ""
    parts = [f"took {lasting(view.elapsed(view.last).total_seconds())}"]
    if slowest := view.slowest():
        parts.append(f"slowest {slowest[0]} {lasting(slowest[1].total_seconds())}")
    return " · ".join([*parts, *_headroom(view, view.last)])


def _headroom(view: View, now: datetime) -> list[str]:
    headroom = view.headroom(now)
    if headroom is None:
        return []
    seconds, bound = headroom.total_seconds(), lasting(view.bound_s)
    return [f"{lasting(seconds)} headroom to {bound}" if seconds >= 0 else f"{lasting(-seconds)} over {bound}"]


def as_document(view: View) -> dict[str, Any]:
    """The result of a run for `--json`: run, what, nodes (the verdicts), exit, error."""
    return {
        "run": view.run,
        "what": view.what,
        "nodes": [verdict.model_dump() for verdict in view.verdicts],
        "exit": view.exit_code,
        "error": view.error,
    }
