"""HQ's own absence: nobody listens for a while, somebody outside notices, and no node is blamed for it."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from noc.fleet.inventory import Life
from noc.runs.drill.bounds import Bounds, bounds
from noc.runs.drill.errors import FaultNotMade
from noc.runs.drill.measured import Measured, Seen, measure
from noc.runs.drill.node import LATE_S, pause
from noc.runs.errors import WatchAbsent
from noc.runs.plan.plan import PlannedFault
from noc.runs.record.events import State
from noc.runs.record.run import Run
from noc.runs.record.steps import Step
from noc.runs.site.site import Site

STEP = "hq-down"
STOPPED_S = 60.0
"""Seconds that the command has to stop the watch, as root, once it is told."""


class HqDrill:
    """HQ's watch stopped for a while. The runner may not stop it: whoever follows the run as root does, when told."""

    def __init__(self, run: Run, site: Site, planned: PlannedFault) -> None:
        """Prepare."""
        self._run, self._site, self._planned = run, site, planned
        self._bounds: Bounds = bounds("hq-down", site.fleet, planned.hold_s)
        self._began = datetime.now(UTC)
        self._seen, self._why = Seen(), ""

    @property
    def steps(self) -> tuple[Step, ...]:
        """See it go, and come back; see every node heard again, and none blamed."""
        back_s = (self._bounds.over or 0) + LATE_S
        return (
            Step(STEP, STOPPED_S + 10, self.stopped),
            Step("back", back_s + 10, self.back),
            Step("over", back_s + 10, self.over),
            Step("blame", self._missed_s + 30, self.blame),
        )

    def measured(self) -> Measured:
        """The row of the table, by what was seen so far."""
        return measure(("hq-down", self._planned.node), self._began, self._seen, self._bounds, self._why)

    async def close(self) -> None:
        """Nothing is held: the watch is started by the unit that stopped it."""

    @property
    def _missed_s(self) -> float:
        policy = self._site.fleet.policy
        return (policy.sev2_missed + 1) * policy.push_interval

    async def stopped(self) -> Sequence[str]:
        """Ask for it, and see the watch go. Raises FaultNotMade."""
        self._began = datetime.now(UTC)
        self._run.record(STEP, State.PROGRESS, self._planned.node, hold_s=self._planned.hold_s, say="to be stopped now")
        if not await self._until(STOPPED_S, lambda up: not up):
            fix = "sudo noc drill hq-down, on HQ, and let it run to its end"
            raise FaultNotMade("HQ's watch was not stopped", why=f"it answered for {STOPPED_S:g} s", fix=fix)
        return [f"the watch is stopped for {self._planned.hold_s:g} s"]

    async def back(self) -> Sequence[str]:
        """See the watch answer again."""
        back = await self._until((self._bounds.over or 0) + LATE_S, lambda up: up)
        return [f"it answers again after {self._elapsed:.1f} s" if back else "never"]

    async def over(self) -> Sequence[str]:
        """See every live node heard since."""
        live = {node.name for node in self._site.fleet.nodes if self._site.book.record(node.name).life is Life.LIVE}
        while self._elapsed < (self._bounds.over or 0) + LATE_S:
            with suppress(WatchAbsent):
                watched = await self._site.watch.nodes()
                if all(name in watched and watched[name].state == "up" for name in live):
                    self._seen = Seen(over=datetime.now(UTC))
                    return [f"after {self._elapsed:.1f} s"]
            await pause(self._run)
        return ["never"]

    async def blame(self) -> Sequence[str]:
        """Wait until a node could have been blamed, and see that none was."""
        began, waited_from = self._began, self._elapsed
        while self._elapsed - waited_from < self._missed_s:
            await pause(self._run)
        rows = await self._site.watch.incidents(100)
        names = {node.name for node in self._site.fleet.nodes}
        blamed = {row["node"] for row in rows if datetime.fromisoformat(row["started_at"]) >= began} & names
        if blamed:
            self._why = f"blamed for HQ's absence: {', '.join(sorted(blamed))}"
        return [self._why or "nobody is blamed"]

    @property
    def _elapsed(self) -> float:
        return (datetime.now(UTC) - self._began).total_seconds()

    async def _until(self, within_s: float, wanted: Callable[[bool], bool]) -> bool:
        """Whether the watch was seen so within that time since the drill began."""
        while self._elapsed < within_s:
            try:
                await self._site.watch.nodes()
                up = True
            except WatchAbsent:
                up = False
            if wanted(up):
                return True
            await pause(self._run)
        return False
