"""Which of HQ's things go. Pure, and on the safe side: what could still be needed stays, and so does what is unclear.

A run stays while it is young, among the newest, under way, without an end, the newest of a node or the newest that was
good for one, or tells of a release that a node is owed; and so does the one whose place in the audit is the furthest:
held against it, an audit that was cut off or made anew is found out (`noc.runs.record.anchors`).

A release stays while it is young, among the newest builds, run by a node or owed to one, or named by a plan that may
still begin or by a run that stays. The newest runs of a node name what it ran before, too: that is where it may return.

Backups of a node stay by `noc.backup.retention`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from noc.backup.retention import reasons
from noc.fleet.backing import Backup
from noc.fleet.keeping import Keep
from noc.runs.retention.stock import BackupItem, Item, RunItem, Stock

Kind = Literal["run", "release", "backup"]


@dataclass(frozen=True)
class Fate:
    """What becomes of one thing.

    Attributes:
        kind, item: which one.
        goes: whether it is removed.
        why: why it stays, in words; "" where it goes.
    """

    kind: Kind
    item: Item
    goes: bool
    why: str = ""


@dataclass(frozen=True)
class _Terms:
    days: int
    least: int
    word: str


def select(stock: Stock, keep: Keep, backup: Backup, now: datetime) -> tuple[Fate, ...]:
    """What goes, and what stays.

    Args:
        stock: what is there; each kind the newest first.
        keep: for how long.
        backup: how many of each node's backups.
        now: the time, UTC.

    Returns:
        Everything, in the stock's order.
    """
    runs = _fates("run", stock.runs, _Terms(keep.runs, keep.runs_least, "runs"), now, needed_runs(stock))
    told = {sha: f"run {fate.item.name} tells of it" for fate in runs if not fate.goes for sha in _releases(fate.item)}
    planned = dict.fromkeys(stock.planned, "a plan that may still begin names it")
    needed = told | planned | stock.recorded
    releases = _Terms(keep.releases, keep.releases_least, "builds")
    return (
        *runs,
        *_fates("release", stock.releases, releases, now, needed),
        *_of_backups(stock.backups, backup),
    )


def _of_backups(items: Sequence[BackupItem], terms: Backup) -> Iterable[Fate]:
    times: dict[str, list[datetime]] = {}
    for item in items:
        times.setdefault(item.node, []).append(item.at)
    kept = {node: reasons(of_node, terms) for node, of_node in times.items()}
    return [Fate("backup", item, item.at not in kept[item.node], kept[item.node].get(item.at, "")) for item in items]


def needed_runs(stock: Stock) -> dict[str, str]:
    """Runs that stay however old they are, by id, each with why."""
    found: dict[str, str] = {}
    found |= {run.name: "its journal has no end, or cannot be read" for run in stock.runs if not run.whole}
    found |= {run.name: "a node is owed what it brought" for run in stock.runs if run.releases & stock.owed}
    found |= _newest(stock.runs, lambda run: run.good if run.releases else frozenset(), "the newest that was good for")
    found |= _newest(stock.runs, lambda run: run.nodes, "the newest of")
    if furthest := max(stock.runs, key=lambda run: (run.audit, run.name), default=None):
        found[furthest.name] = "the audit is held against it"
    if stock.under_way:
        found[stock.under_way] = "it is under way"
    return found


def _newest(runs: Sequence[RunItem], nodes: Callable[[RunItem], Iterable[str]], words: str) -> dict[str, str]:
    last: dict[str, str] = {}
    for run in sorted(runs, key=lambda run: run.name):
        last |= dict.fromkeys(nodes(run), run.name)
    return {name: f"{words} {node}" for node, name in sorted(last.items(), reverse=True)}


def _releases(item: Item) -> frozenset[str]:
    return item.releases if isinstance(item, RunItem) else frozenset()


def _fates(
    kind: Kind, items: Sequence[Item], terms: _Terms, now: datetime, needed: Mapping[str, str]
) -> tuple[Fate, ...]:
    def why(place: int, item: Item) -> str:
        if now - item.at < timedelta(days=terms.days):
            return f"younger than {terms.days} days"
        if place < terms.least:
            return f"among the newest {terms.least} {terms.word}"
        return needed.get(item.name, "")

    reasons = [why(place, item) for place, item in enumerate(items)]
    return tuple(Fate(kind, item, not reason, reason) for item, reason in zip(items, reasons, strict=True))
