"""One fault on one node: made over the tunnel, then watched through the watch's eyes until it is over."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from noc.fleet.model import Node
from noc.hosts.errors import CommandFailed, ConnectionLost, Overdue, Unreachable
from noc.runs.drill.bounds import Bounds, bounds
from noc.runs.drill.errors import FaultNotMade
from noc.runs.drill.faults import AT_ONCE, order, place, program
from noc.runs.drill.measured import Measured, Seen, measure, seen
from noc.runs.errors import RunCut, WatchAbsent
from noc.runs.plan.plan import PlannedFault
from noc.runs.record.run import Run
from noc.runs.record.steps import Step
from noc.runs.site.site import Site

POLL_S = 0.5
LATE_S = 60.0
"""Seconds beyond what is promised for which a drill goes on looking, so that the table says how late it was."""
_LISTED = 100


class NodeDrill:
    """A fault of a node: killed, rebooted, cut off, full, or out of time."""

    def __init__(self, run: Run, site: Site, planned: PlannedFault) -> None:
        """Prepare; nothing is connected yet."""
        self._run, self._site, self._planned = run, site, planned
        self._node: Node = site.fleet.node(planned.node)
        self._link = site.link(self._node)
        self._bounds: Bounds = bounds(planned.fault, site.fleet, planned.hold_s)
        self._began = datetime.now(UTC)
        self._boot: str | None = None
        self._machine = ""
        self._seen, self._why = Seen(), ""

    @property
    def steps(self) -> tuple[Step, ...]:
        """Break it; see it noticed, told, and over."""
        told = max(self._bounds.told or 0, self._bounds.noticed or 0) + LATE_S
        return (
            Step(self._planned.fault, 60, self.begin),
            Step("noticed", (self._bounds.noticed or 0) + LATE_S + 10, self.noticed),
            Step("told", told + 10, self.told),
            Step("over", (self._bounds.over or 0) + 2 * LATE_S + 10, self.over),
        )

    def measured(self) -> Measured:
        """The row of the table, by what was seen so far."""
        return measure((self._planned.fault, self._node.name), self._began, self._seen, self._bounds, self._why)

    async def close(self) -> None:
        """End the connection. A fault that lasts goes on until its own time."""
        await self._link.close()

    async def begin(self) -> Sequence[str]:
        """Give the order. Raises FaultNotMade where the node does not take it."""
        fault, hold = self._planned.fault, self._planned.hold_s
        self._boot = await self._site.watch.heard(self._node.name)
        self._machine = (await self._link.ask(lambda activator: activator.facts())).boot_id
        shell = await self._link.shell()
        try:
            if fault in AT_ONCE:
                self._began = datetime.now(UTC)
                # The answer may go down with the machine.
                with suppress(ConnectionLost, Overdue, Unreachable):
                    await shell.run(*AT_ONCE[fault])
            else:
                await shell.put(program(fault, self._site.fleet.tunnel.port).encode(), place(fault), mode=0o700)
                self._began = datetime.now(UTC)
                await shell.run(*order(fault, hold))
        except CommandFailed as error:
            fix = "a drill that was begun before ends by itself; then give the command again"
            raise FaultNotMade(f"{fault} of {self._node.name} was not made", why=error.why, fix=fix) from error
        await self._link.close()
        return [f"{fault} for {hold:g} s" if hold else fault]

    async def noticed(self) -> Sequence[str]:
        """Wait until the watch has noticed."""
        return await self._await(lambda now: now.noticed, self._bounds.noticed)

    async def told(self) -> Sequence[str]:
        """Wait until people were told, where there is anything to tell."""
        if self._planned.fault == "reboot" and self._seen.incident is None and self._seen.over is not None:
            return ["nobody: it was back before it was missed"]
        return await self._await(lambda now: now.told, self._bounds.told)

    async def over(self) -> Sequence[str]:
        """Wait until it is over; of a reboot, until the machine says itself that it started anew."""
        told = await self._await(lambda now: now.over, self._bounds.over)
        if self._planned.fault == "reboot":
            facts = await self._link.ask(lambda activator: activator.facts(), within_s=LATE_S)
            self._why = "" if facts.boot_id != self._machine else "the machine did not start anew"
        return told

    async def _await(self, what: Callable[[Seen], datetime | None], promised_s: float | None) -> Sequence[str]:
        """Look until something was seen; give up a while after it was promised, which the table then tells."""
        until = (promised_s or 0) + LATE_S
        while (at := what(self._seen)) is None:
            if (datetime.now(UTC) - self._began).total_seconds() > until:
                return ["never"]
            await pause(self._run)
            with suppress(WatchAbsent):
                self._seen = await self._look()
        return [f"after {(at - self._began).total_seconds():.1f} s"]

    async def _look(self) -> Seen:
        name = self._node.name
        incidents = await self._site.watch.incidents(_LISTED)
        last = await self._site.watch.last(name)
        anew = last is not None and last.boot not in (None, self._boot) and last.at >= self._began
        # The first push of another process; a later one only where the first was not looked at in time.
        returned = (self._seen.over or last.at) if anew and last is not None else None
        return seen(self._planned.fault, name, self._began, incidents, returned)


async def pause(run: Run) -> None:
    """Wait a moment. Raises RunCut where the run is asked to stop."""
    try:
        await asyncio.wait_for(run.stopping.wait(), POLL_S)
    except TimeoutError:
        return
    why = "the run was asked to stop; what was broken mends itself"
    raise RunCut("the drill is not watched any more", why=why, fix="noc status")
