"""A plan on the terminal: what would happen to each node, what is in the way, and how long it would take."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from noc.cli.output import err, mark, out, plain, print_json, print_table
from noc.fleet.stakes import stakes
from noc.runs.admission.clock import lasting
from noc.runs.plan.plan import Estimate, NodePlan, Plan, canaries

NOTHING_TO_DO, BLOCKED, WORK = 0, 1, 3
MOST_ROWS = 60
"""Nodes that are shown one by one; of more, each wave is, and the nodes that people look at: canaries, and what is in
the way."""
_MARKS = {"change": "info", "unchanged": "ok", "down": "warn", "blocked": "fail"}


def show_plan(answer: Mapping[str, Any], *, as_json: bool) -> int:
    """Print a plan.

    Args:
        answer: the runner's to `plan`: the plan; and where it says so what releases are called (`labels`, by hash)
            and who has to agree (`agreement`).
        as_json: one document on stdout: the plan, with its phrase, labels and who has to agree.

    Returns:
        The command's exit code: 0 nothing is to be done, 3 there is work, 1 a node is blocked.
    """
    plan = Plan.model_validate(answer["plan"])
    labels, agreement = dict(answer.get("labels", {})), str(answer.get("agreement", ""))
    if as_json:
        print_json({**answer["plan"], "phrase": plan.phrase, "labels": labels, "agreement": agreement})
    else:
        _rows(plan, labels)
        _problems(plan)
        _summary(plan, agreement)
    return exit_code(plan)


def exit_code(plan: Plan) -> int:
    """What `--plan` returns: 0 nothing is to be done, 3 there is work, 1 a node is blocked."""
    if plan.blocked:
        return BLOCKED
    return WORK if plan.has_work else NOTHING_TO_DO


def _rows(plan: Plan, labels: Mapping[str, str]) -> None:
    for change in plan.records:
        out.print(plain(change), soft_wrap=True)
    if plan.action == "dns":
        return
    if not plan.rows:
        print_table(("#", "node"), [(str(number), name) for number, name in enumerate(plan.nodes, 1)])
        return
    if not plan.is_rollout:
        cells = [(str(row.position), row.node, mark(_MARKS[row.state], row.state), *_what(row)) for row in plan.rows]
        print_table(("#", "node", "state", "what"), cells)
        return
    headings = ("#", "wave", "node", "state", "running → target", "to send", "disk", "memory", "differs", "estimate")
    regions = plan.region_of
    first = canaries(plan.rows, regions)
    waves = {row.node: " ".join(filter(None, (_wave(row, first), regions.get(row.node)))) for row in plan.rows}
    shown = plan.rows
    if len(plan.rows) > MOST_ROWS:
        print_table(("wave", "nodes", "what", "to send", "from", "to"), _by_wave(plan.rows, waves))
        shown = tuple(row for row in plan.rows if row.node in first or row.state in ("down", "blocked"))
    print_table(headings, [_cells(row, waves[row.node], labels) for row in shown])
    for row in shown:
        if row.differences:
            out.print(plain(f"{row.node} differs: {', '.join(row.differences)}"))
        if row.packages:
            out.print(plain(f"{row.node} updates: {_packages(row)}"))


def _by_wave(rows: Sequence[NodePlan], waves: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """One line a wave: how many nodes, what becomes of them, bytes for all of them, the first and the last one."""
    for _, found in groupby(rows, key=lambda row: row.wave):
        wave = list(found)
        counts = Counter(row.state for row in wave)
        named = next((waves[row.node] for row in wave if row.state == "change"), "-")
        what = ", ".join(f"{count} {state}" for state, count in counts.most_common())
        yield named, str(len(wave)), what, _size(sum(row.bytes for row in wave)), wave[0].node, wave[-1].node


def _wave(row: NodePlan, canaries: frozenset[str]) -> str:
    if row.state != "change":
        return "-"
    return "canary" if row.node in canaries else str(row.wave)


def _cells(row: NodePlan, wave: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    works = row.state == "change"
    return (
        str(row.position),
        wave,
        row.node,
        mark(_MARKS[row.state], row.state),
        f"{_label(row.running, labels)} → {_label(row.target, labels) if row.target else 'stays'}",
        _size(row.bytes) if works else "-",
        _size(row.disk_free),
        _size(row.memory_free),
        _differs(row),
        lasting(row.seconds) if row.seconds else "-",
    )


def _what(row: NodePlan) -> tuple[str]:
    return (", ".join(row.differences) or "-",)


def _differs(row: NodePlan) -> str:
    files = f"{len(row.differences)} files" if row.differences else ""
    packages = f"{len(row.packages)} packages" if row.packages else ""
    return ", ".join(filter(None, (files, packages))) or "-"


def _packages(row: NodePlan) -> str:
    """What changes, and what the node fetches for it: `curl 7.88.1 → 7.88.2 (1.2 MiB to download)`."""
    words = [f"{p.name} {p.old or 'new'} → {p.new}" if p.new else f"{p.name} {p.old} goes" for p in row.packages]
    return f"{', '.join(words)} ({_size(row.download)} to download)"


def _label(sha: str | None, labels: Mapping[str, str]) -> str:
    return labels.get(sha, sha[:12]) if sha else "-"


def _size(count: int | None) -> str:
    """Bytes for people: `15.0 MiB`."""
    if count is None:
        return "-"
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def _problems(plan: Plan) -> None:
    for stake in stakes(plan.options.model_dump()):
        err.print(f"{mark('warn', 'note')}  {plain(stake)}", soft_wrap=True)
    for row in plan.rows:
        if row.loss:
            err.print(f"{mark('warn', row.node)}  {plain(row.loss)}", soft_wrap=True)
        for note in row.notes:
            err.print(f"{mark('warn', row.node)}  {plain(note)}", soft_wrap=True)
        kind = "fail" if row in plan.blocked else "warn"
        for problem in row.problems:
            err.print(f"{mark(kind, row.node)}  {plain(problem)}", soft_wrap=True)


def _summary(plan: Plan, agreement: str) -> None:
    out.print(plain(plan.label() + (f"  {plan.release[:12]}" if plan.release else "")))
    out.print(f"digest {plan.digest}\nphrase {plan.phrase}")
    out.print(plain(f"risk {plan.risk}" + (f", has to agree: {agreement}" if agreement else "")))
    if plan.estimate is not None:
        out.print(plain(_estimated(plan.estimate, by_node=not plan.is_rollout)))
    if not plan.has_work:
        out.print("nothing to do")


def _estimated(estimate: Estimate, *, by_node: bool) -> str:
    """How long it takes beside what it may take; a bound on each node is held against the slowest."""
    bounded = estimate.activate_s if by_node else estimate.total_s
    room = estimate.bound_s - bounded
    parts = [f"staging {lasting(estimate.stage_s)}", f"activating {lasting(estimate.activate_s)}"]
    detail = f"a node {lasting(bounded)}" if by_node else ", ".join(parts)
    bound = f"bound {lasting(estimate.bound_s)}{' a node' if by_node else ''}"
    headroom = f"headroom {lasting(room)}" if room >= 0 else f"{lasting(-room)} too long"
    return f"estimate {lasting(estimate.total_s)} ({detail}; {estimate.source}) · {bound}, {headroom}"
