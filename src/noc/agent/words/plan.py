"""A plan in a chat: what would happen to each node, what is in the way, who has to agree."""

from collections.abc import Mapping, Sequence

from noc.agent.words.message import Message
from noc.agent.words.neutral import neutral, stripped
from noc.fleet.stakes import stakes
from noc.runs.admission.clock import lasting
from noc.runs.plan.plan import NodePlan, Plan

SHOWN = 40
"""Rows of a table that a chat shows."""
_NOTE = 160
_STAKE = 300


def plan_message(plan: Plan, labels: Mapping[str, str], agreement: str) -> Message:
    """A plan.

    Args:
        plan: as the runner made it.
        labels: what releases are called, by hash.
        agreement: who has to agree, in words; "" where nobody has.
    """
    lines = (*plan_lines(plan, agreement), *stakes_of(plan), *notes_of(plan))
    return Message(plan.label(), lines, plan_table(plan, labels))


def plan_lines(plan: Plan, agreement: str) -> tuple[str, ...]:
    """What is told of a plan as a whole: phrase, risk, agreement, time. Arguments as `plan_message`."""
    lines = [f"phrase: {plan.phrase}", f"risk {plan.risk}, has to agree: {agreement or 'nobody'}"]
    if plan.estimate is not None:
        lines.append(f"takes about {lasting(plan.estimate.total_s)}, may take {lasting(plan.estimate.bound_s)}")
    if plan.blocked:
        lines.append(f"cannot begin because of {', '.join(row.node for row in plan.blocked)}")
    elif not plan.has_work:
        lines.append("nothing to do")
    return tuple(lines)


def plan_table(plan: Plan, labels: Mapping[str, str]) -> str:
    """One line a node, in columns: where it stands, and from which release to which."""
    if not plan.rows:
        return table([(name,) for name in plan.nodes])
    return table([(row.node, row.state, change_of(row, labels)) for row in plan.rows])


def change_of(row: NodePlan, labels: Mapping[str, str]) -> str:
    """`1.0.0 (1) → 1.1.0 (2)`; what else changes where the release stays; "" for nothing."""
    what = f"{_label(row.running, labels)} → {_label(row.target, labels)}" if row.target else ""
    return ", ".join(filter(None, (what, _count(row.differences, "file"), _count(row.packages, "package"))))


def said_of(row: NodePlan) -> tuple[str, ...]:
    """Everything that was found out about a node, and what is lost there; it may hold the node's own words."""
    return (*row.problems, *row.notes, *((row.loss,) if row.loss else ()))


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Cells in columns, two blanks between them; rows that are too many for a chat are counted."""
    shown = rows[:SHOWN]
    widths = [max(len(row[column]) for row in shown) for column in range(len(shown[0]))] if shown else []
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]
    return "\n".join([*lines, *([f"and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else [])])


def stakes_of(plan: Plan) -> tuple[str, ...]:
    """What its options mean for who has to agree, a line each."""
    return tuple(f"! {neutral(each, _STAKE)}" for each in stakes(plan.options.model_dump())[:SHOWN])


def notes_of(plan: Plan) -> tuple[str, ...]:
    """What was found out about its nodes, and which names change, a line each; what is too much is counted."""
    found = [f"{row.node}: {neutral(note, _NOTE)}" for row in plan.rows for note in said_of(row)]
    more = [f"and {len(found) - SHOWN} notes more: noc pending"] if len(found) > SHOWN else []
    return (*found[:SHOWN], *more, *(stripped(change, _NOTE) for change in plan.records[:SHOWN]))


def _count(found: Sequence[object], word: str) -> str:
    return f"{len(found)} {word}{'s' if len(found) > 1 else ''}" if found else ""


def _label(sha: str | None, labels: Mapping[str, str]) -> str:
    return labels.get(sha, sha[:12]) if sha else "-"
