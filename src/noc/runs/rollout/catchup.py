"""Catching up: a node that was down when the others got a release gets it once it is back.

That is the rest of a run that somebody has agreed to already, so it happens under the approval of that run, and in the
runner's name. It is tried once for each time that the node comes back, and at most so often; a failure ends it: the
node is owed nothing any more, and a person has to look.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from noc.errors import NocError
from noc.fleet.inventory import Inventory, Life, load_inventory
from noc.fleet.load import load
from noc.runs.errors import WatchAbsent
from noc.runs.health.health import round_trip_ms
from noc.runs.paths import Paths
from noc.runs.plan.plan import Plan
from noc.runs.record.events import Verdict
from noc.runs.record.journal import read, run_ids
from noc.runs.rollout.phases import FAILED, Phase
from noc.runs.site.watchdoor import WatchDoor

LOOK_S = 15.0
RETRY_S = 300.0
_FRESH = 2.5
_REMEMBERED_RUNS = 500

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Due:
    """A node that is back, the release that it is owed, and the run that left it out."""

    node: str
    release: str
    run: str

    @property
    def by(self) -> str:
        """In whose name it is caught up."""
        return f"runner (catch-up of {self.run})"


def due(
    inventory: Inventory, back: Mapping[str, bool], tried: Mapping[str, datetime], now: datetime
) -> tuple[tuple[str, str], ...]:
    """Which nodes are caught up now, with what they are owed, in the inventory's order.

    Args:
        inventory: what is known of the nodes.
        back: whether a node can be reached again, by name.
        tried: when it was last tried, by name.
        now: the time, UTC.
    """
    retry = timedelta(seconds=RETRY_S)
    return tuple(
        (name, record.owed)
        for name, record in inventory.nodes.items()
        if record.owed is not None
        and record.life in (Life.PROVISIONED, Life.LIVE)
        and back.get(name, False)
        and not (name in tried and now - tried[name] < retry)
    )


def owed_after(plan: Plan, row: Verdict, known: str | None, *, went_well: bool) -> str | None:
    """What a node is owed after a run.

    Args:
        plan: what the run did.
        row: the node's verdict.
        known: what it was owed before.
        went_well: whether all nodes that could be reached got it.

    Returns:
        The release of a deployment that the node was down for; nothing after a failure, which a person has to look at,
        nor after a rollback, which says that the release is not wanted; otherwise what it was owed before.
    """
    if row.good or row.verdict in FAILED:
        return None
    if row.verdict != Phase.SKIPPED:
        return known
    if plan.action == "rollback":
        return None
    return plan.release if went_well and plan.release else known


def left_out(runs: Path, node: str, release: str) -> str | None:
    """The newest run that rolled a release out and skipped a node; None where no journal tells of one.

    Args:
        runs: the directory of the runs.
        node: its name.
        release: by its hash.
    """
    for run in run_ids(runs)[:_REMEMBERED_RUNS]:
        try:
            events = read(runs, run)
        except NocError:
            continue
        planned = events[0].detail.get("plan", {}) if events else {}
        if planned.get("release") == release and events[-1].is_last:
            rows = events[-1].detail.get("verdicts", [])
            if any(row["node"] == node and row["verdict"] == Phase.SKIPPED for row in rows):
                return run
    return None


class CatchUp:
    """Looks for nodes that are back, and has them caught up one after the other."""

    def __init__(self, paths: Paths, begin: Callable[[Due], Awaitable[None]], idle: Callable[[], bool]) -> None:
        """Prepare.

        Args:
            paths: where fleet and journals lie.
            begin: plans the deployment of a node, carries it out, and returns at its end.
            idle: whether a run may begin at all: none is under way, and there is neither a halt nor a freeze.
        """
        self._paths, self._begin, self._idle = paths, begin, idle
        self._tried: dict[str, datetime] = {}

    async def keep(self) -> None:
        """Look again and again, until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except NocError as error:
                log.warning("nodes could not be caught up: %s", error)

    async def look(self) -> None:
        """Catch up whoever is back now.

        Raises:
            NocError: of the fleet directory, or of the run that should have begun.
        """
        inventory = load_inventory(self._paths.fleet)
        owed = [name for name, record in inventory.nodes.items() if record.owed is not None]
        if not owed or not self._idle():
            return
        for name, release in due(inventory, await heard_again(self._paths, owed), self._tried, datetime.now(UTC)):
            run = await asyncio.to_thread(left_out, self._paths.runs, name, release)
            if run is not None and self._idle():
                self._tried[name] = datetime.now(UTC)
                log.info("%s is back, and gets what run %s left it out of", name, run)
                await self._begin(Due(name, release, run))


async def heard_again(paths: Paths, names: Sequence[str]) -> dict[str, bool]:
    """Which nodes were heard within a few intervals, or take a connection through the tunnel; none without the watch.

    Args:
        paths: where fleet and watch lie.
        names: the nodes.
    """
    fleet = load(paths.fleet)
    fresh = timedelta(seconds=_FRESH * fleet.policy.push_interval)
    try:
        watched = await WatchDoor(paths.watch_socket).nodes()
    except WatchAbsent:
        # Without it nothing could be proven, and no run would begin.
        return {}
    back = {}
    for node in fleet.nodes:
        if node.name in names:
            last = watched[node.name].last_heartbeat if node.name in watched else None
            heard = last is not None and datetime.now(UTC) - last.at.astimezone(UTC) < fresh
            back[node.name] = heard or await round_trip_ms(str(node.tunnel)) is not None
    return back
