"""Retention at the runner's door, and once a day by itself: written down before it is done, never beside a run."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from noc.backup.repository import Repository
from noc.errors import NocError
from noc.fleet.inventory import load_inventory
from noc.fleet.load import load
from noc.runs.admission.approval import check_may_act
from noc.runs.admission.caller import Caller
from noc.runs.admission.grant import Standing, read_lease
from noc.runs.backup.opening import open_repository
from noc.runs.record.journal import run_ids
from noc.runs.retention.errors import PruneBusy
from noc.runs.retention.removal import remove
from noc.runs.retention.selection import Fate, Kind, select
from noc.runs.retention.stock import Stock, named, read_backups, read_releases, read_runs, recorded
from noc.runs.runner.door import Answers, Operation
from noc.runs.runner.runner import Runner
from noc.runs.runner.starts import Starts

FIRST_S, DAY_S, AGAIN_S = 600.0, 86_400.0, 600.0
WHAT = "remove what [keep] and [backup] do not keep"
_TOLD = 20

log = logging.getLogger(__name__)


class Pruning:
    """Lets what is old and needed by nobody go."""

    def __init__(self, runner: Runner, starts: Starts) -> None:
        """Prepare; nothing is read before the first use."""
        self._runner, self._paths, self._starts = runner, runner.paths, starts

    @property
    def operations(self) -> dict[str, Operation]:
        """By the name that requests give."""
        return {"prune": self._prune}

    async def keep(self) -> None:
        """Do it once a day, until it is cancelled."""
        pause_s = FIRST_S
        while True:
            await asyncio.sleep(pause_s)
            try:
                fates = await self.prune("runner (daily)")
                pause_s = DAY_S
            except NocError as error:
                log.warning("old runs and releases stay for now: %s", error)
                pause_s = AGAIN_S if isinstance(error, PruneBusy) else DAY_S
            else:
                gone = [fate for fate in fates if fate.goes]
                log.info("retention: %d things went, %d bytes", len(gone), sum(fate.item.bytes for fate in gone))

    async def look(self) -> tuple[Fate, ...]:
        """What would go now."""
        stock = await asyncio.to_thread(self._stock)
        return self._select(stock)

    async def prune(self, by: str) -> tuple[Fate, ...]:
        """Look, and remove what goes. What was seen is held against what is there before anything goes.

        Raises:
            PruneBusy: a run is under way, has begun meanwhile, or a plan is being made.
            NotRemoved, AuditUnwritable, AuditBroken.
        """
        self._check_idle()
        stock = await asyncio.to_thread(self._stock)
        self._check_idle()
        if run_ids(self._paths.runs) != [run.name for run in stock.runs]:
            raise PruneBusy("nothing is removed now", why="a run has come meanwhile", fix="give it again")
        fates = self._select(stock)
        gone = [fate for fate in fates if fate.goes]
        with self._runner.audit.acting(WHAT, by, **_facts(gone)) if gone else nullcontext():
            for kind, directory in self._places.items():
                remove(directory, [fate.item.name for fate in gone if fate.kind == kind])
            await asyncio.to_thread(self._prune_backups)
        return fates

    def _prune_backups(self) -> None:
        """By the terms by which they were selected; chunks that no backup needs go even where every backup stays."""
        terms, now = load(self._paths.fleet).backup, datetime.now(UTC)
        if (repository := self._repository()) is not None:
            for node in repository.nodes():
                repository.node(node).prune(terms, now)

    def _repository(self) -> Repository | None:
        """None where no backup was ever taken: then HQ may have no key of backups yet."""
        return open_repository(self._paths) if self._paths.backups.is_dir() else None

    def _stock(self) -> Stock:
        """What is on the disk. Of hundreds of journals that takes seconds, in which the runner goes on answering."""
        paths, repository = self._paths, self._repository()
        backups = read_backups(repository) if repository else ()
        return Stock(read_runs(paths.runs), read_releases(paths.releases), backups)

    def _select(self, stock: Stock) -> tuple[Fate, ...]:
        inventory = load_inventory(self._paths.fleet)
        needed = replace(
            stock,
            recorded=recorded(inventory),
            owed=frozenset(record.owed for record in inventory.nodes.values() if record.owed),
            planned=named(self._starts.open_plans()),
            under_way=self._under_way(),
        )
        fleet = load(self._paths.fleet)
        return select(needed, fleet.keep, fleet.backup, datetime.now(UTC))

    def _check_idle(self) -> None:
        if (run := self._under_way()) or self._starts.planning:
            why = f"run {run} is under way" if run else "a plan is being made"
            raise PruneBusy("nothing is removed now", why=why, fix="give it again when that has ended")

    @property
    def _places(self) -> dict[Kind, Path]:
        paths = self._paths
        return {"run": paths.runs, "release": paths.releases}

    def _under_way(self) -> str | None:
        if self._runner.current is not None:
            return self._runner.current.id
        held = read_lease(self._paths.lease)
        return held.run if held is not None and held.standing is Standing.HELD else None

    async def _prune(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        if request.get("look"):
            yield document(await self.look())
            return
        with self._runner.audit.refusals(WHAT, caller.name):
            check_may_act(caller, load(self._paths.fleet))
            fates = await self.prune(caller.name)
        yield document(fates)


def document(fates: Sequence[Fate]) -> dict[str, Any]:
    """Fates as clients get them: what goes, in full; what stays, in numbers and by reasons."""
    kinds: tuple[Kind, ...] = ("run", "release", "backup")
    return {
        "goes": [
            {"kind": fate.kind, "name": fate.item.name, "at": fate.item.at.isoformat(), "bytes": fate.item.bytes}
            for fate in fates
            if fate.goes
        ],
        "stays": {kind: _stays([fate for fate in fates if fate.kind == kind and not fate.goes]) for kind in kinds},
    }


def _stays(fates: Sequence[Fate]) -> dict[str, Any]:
    reasons: dict[str, int] = {}
    for fate in fates:
        reasons[fate.why] = reasons.get(fate.why, 0) + 1
    return {"count": len(fates), "bytes": sum(fate.item.bytes for fate in fates), "why": reasons}


def _facts(gone: Sequence[Fate]) -> dict[str, Any]:
    """For the audit, whose entries are short: how many of each kind, their bytes, and the first names."""
    kinds = sorted({fate.kind for fate in gone})
    counts = {f"{kind}s": sum(fate.kind == kind for fate in gone) for kind in kinds}
    names = [f"{fate.kind} {fate.item.name[:24]}" for fate in gone]
    return {**counts, "bytes": sum(fate.item.bytes for fate in gone), "first": names[:_TOLD]}
