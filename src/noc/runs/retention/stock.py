"""What HQ holds: read from the disk, nothing is changed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from noc.backup.manifest import time_of
from noc.backup.repository import Repository
from noc.errors import NocError
from noc.fleet.inventory import Inventory
from noc.release.store import ReleaseStore
from noc.runs.plan.plan import Plan
from noc.runs.record.events import Event
from noc.runs.record.journal import read, run_ids

_SHA = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Item:
    """One thing that HQ keeps.

    Attributes:
        name: a run's id, a release's hash, a backup's node and time.
        at: when it began to be, UTC.
        bytes: what it takes on the disk.
    """

    name: str
    at: datetime
    bytes: int


@dataclass(frozen=True)
class RunItem(Item):
    """A run.

    Attributes:
        nodes: those that its plan names.
        good: those that are as the plan wants them.
        releases: every release that its plan names, by hash.
        audit: the audit's place when it began: the number of its last entry; 0 where it names none.
        whole: whether its journal can be read, and has its last record.
    """

    nodes: frozenset[str] = frozenset()
    good: frozenset[str] = frozenset()
    releases: frozenset[str] = frozenset()
    audit: int = 0
    whole: bool = False


@dataclass(frozen=True)
class BackupItem(Item):
    """A backup; its bytes are those that no newer one shares.

    Attributes:
        node: whose.
    """

    node: str = ""


@dataclass(frozen=True)
class Stock:
    """All of it.

    Attributes:
        runs, releases, backups: what is there.
        recorded: releases by which the inventory says why they are needed: run by a node, owed to one.
        owed: those of them that are owed.
        planned: releases that plans name which may still begin.
        under_way: the run that somebody has in hand; None for none.
    """

    runs: tuple[RunItem, ...] = ()
    releases: tuple[Item, ...] = ()
    backups: tuple[BackupItem, ...] = ()
    recorded: dict[str, str] = field(default_factory=dict)
    owed: frozenset[str] = frozenset()
    planned: frozenset[str] = frozenset()
    under_way: str | None = None


def read_runs(directory: Path) -> tuple[RunItem, ...]:
    """The runs of a directory, the newest first."""
    return tuple(_run(directory, name) for name in run_ids(directory))


def read_releases(directory: Path) -> tuple[Item, ...]:
    """The releases of a store, the newest build first."""
    store = ReleaseStore(directory)
    return tuple(_item(release.directory) for release in store.list())


def read_backups(repository: Repository) -> tuple[BackupItem, ...]:
    """The backups of all nodes, each node's newest first."""
    found = []
    for node in repository.nodes():
        sizes = repository.node(node).unshared()
        found += [BackupItem(f"{node}/{name}", time_of(name), size, node) for name, size in sizes.items()]
    return tuple(found)


def recorded(inventory: Inventory) -> dict[str, str]:
    """The releases that the inventory names, each with why it is needed."""
    owed = {record.owed: f"owed to {node}" for node, record in inventory.nodes.items() if record.owed}
    return owed | {record.release: f"{node} runs it" for node, record in inventory.nodes.items() if record.release}


def named(plans: Iterable[Plan]) -> frozenset[str]:
    """The releases that plans name."""
    found: set[str | None] = set()
    for plan in plans:
        found |= {plan.release, *(sha for row in plan.rows for sha in (row.running, row.target))}
    return frozenset(sha for sha in found if sha)


def began(run: str) -> datetime:
    """When a run began, by its id."""
    return datetime.strptime(run[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def _run(directory: Path, name: str) -> RunItem:
    size = _bytes(directory / name)
    try:
        events = read(directory, name)
    except (NocError, OSError):
        events = []
    if not events:
        return RunItem(name, began(name), size)
    detail = events[0].detail
    plan = detail.get("plan") or {}
    return RunItem(
        name,
        began(name),
        size,
        nodes=frozenset(map(str, plan.get("nodes") or ())),
        good=_good(events[-1]),
        releases=frozenset(sha for sha in _shas(plan) if _SHA.fullmatch(sha)),
        audit=int((detail.get("audit") or {}).get("seq") or 0),
        whole=events[-1].is_last,
    )


def _shas(plan: dict[str, Any]) -> list[str]:
    rows = plan.get("rows") or ()
    return [
        str(sha) for sha in (plan.get("release"), *(row.get(name) for row in rows for name in ("running", "target")))
    ]


def _good(last: Event) -> frozenset[str]:
    rows = last.detail.get("verdicts") or () if last.is_last else ()
    return frozenset(str(row["node"]) for row in rows if row.get("good"))


def _item(path: Path) -> Item:
    return Item(path.name, datetime.fromtimestamp(path.stat().st_mtime, UTC), _bytes(path))


def _bytes(path: Path) -> int:
    if not path.is_dir():
        return path.lstat().st_size
    return sum(each.lstat().st_size for each in path.rglob("*") if not each.is_dir())
