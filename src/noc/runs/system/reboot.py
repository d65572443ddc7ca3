"""Reboots that updates have left to do: one node after the other, each seen back and healthy before the next."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from noc.errors import NocError
from noc.fleet.model import Node
from noc.hosts.activation import NodeFacts
from noc.hosts.errors import ConnectionLost, Overdue, Unreachable
from noc.runs.errors import NodeBlocked, NotProven
from noc.runs.plan.plan import NodePlan, Plan
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import Step, walk
from noc.runs.record.tame import tame
from noc.runs.rollout.preflight import shows
from noc.runs.rollout.window import Window
from noc.runs.site.site import Site
from noc.runs.system.errors import NotBack, StillDue
from noc.runs.system.update import check_calm, check_window

BACK_S, HEALTHY_S, ANSWER_S = 300.0, 120.0, 15.0
AT_ONCE = 10
_POLL_S = 0.5
_AWAY = (ConnectionLost, Overdue, Unreachable)


async def survey_reboot(site: Site, plan: Plan) -> Plan:
    """Complete the outline by what each node says it waits for; one that waits for nothing is left alone."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(position: int, name: str) -> NodePlan:
        async with at_once:
            return await _row(site, site.fleet.node(name), position)

    rows = await asyncio.gather(*(one(position, name) for position, name in enumerate(plan.nodes, 1)))
    return plan.model_copy(update={"rows": tuple(rows)})


async def _row(site: Site, node: Node, position: int) -> NodePlan:
    link = site.link(node)
    try:
        async with asyncio.timeout(ANSWER_S):
            facts = await link.ask(lambda activator: activator.facts())
    except (NocError, TimeoutError) as error:
        await link.close()
        why = tame(str(error)) or f"no answer within {ANSWER_S:g} s"
        return NodePlan(node=node.name, position=position, state="down", problems=(why,))
    await site.keep(node, link)
    notes = (tame(f"waits for it: {', '.join(facts.reboot)}"),) if facts.reboot else ()
    state = NodePlan(node=node.name, position=position, state="change" if facts.reboot else "unchanged")
    return state.model_copy(update={"running": facts.current, "reboot": facts.reboot, "notes": notes})


async def reboot(run: Run, site: Site) -> list[Verdict]:
    """Reboot the nodes that wait for it; the first that does not come back well ends the run.

    Raises:
        OutsideWindow, FleetUnwell, WatchAbsent: nothing was begun.
    """
    check_window(site.fleet, datetime.now(UTC))
    await check_calm(site)
    verdicts: list[Verdict] = []
    for name in run.plan.nodes:
        verdicts.append(await _one(run, site, name, failed=any(not row.good for row in verdicts)))
    return verdicts


async def _one(run: Run, site: Site, name: str, *, failed: bool) -> Verdict:
    runs, state = site.label(run.plan.row(name).running), run.plan.row(name).state
    if state == "unchanged":
        return Verdict(node=name, before=runs, now=runs, verdict="unchanged", good=True)
    if failed or state == "down":
        why = "it could not be reached" if state == "down" else ""
        return Verdict(node=name, before=runs, now=runs, verdict="skipped" if why else "untouched", why=why)
    work = Reboot(run, site, site.fleet.node(name))
    try:
        await walk(run, name, work.steps)
    except NocError as error:
        return Verdict(node=name, before=runs, now=runs, verdict="not rebooted", why=str(error))
    finally:
        await work.close()
    return Verdict(node=name, before=runs, now=runs, verdict="rebooted", good=True)


class Reboot:
    """One node's reboot."""

    def __init__(self, run: Run, site: Site, node: Node) -> None:
        """Prepare; nothing is connected yet."""
        self._run, self._site, self._node = run, site, node
        self._link = site.link(node)
        self._window = Window(site.watch, node.name, run.id, BACK_S + HEALTHY_S + 60)
        self._before = ""
        self._facts: NodeFacts | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """Each may be taken again: a node that has started anew since it was asked is seen to be so."""
        return (
            Step("ask", 30, self.ask),
            Step("reboot", 30, self.begin),
            Step("back", BACK_S + 10, self.back),
            Step("health", HEALTHY_S + 10, self.health),
        )

    async def close(self) -> None:
        """Let the watch judge the node again, and end the connection."""
        await asyncio.gather(self._window.close(), self._link.close())

    async def ask(self) -> Sequence[str]:
        """Take the node under this run's fence. Raises NodeBlocked where a change is open on it."""
        facts = await self._link.ask(lambda activator: activator.fence(self._run.fence))
        if facts.pending is not None:
            why = f"run {facts.pending} is not settled on it"
            raise NodeBlocked(f"{self._node.name} cannot be rebooted now", why=why, fix="noc run list")
        self._before, self._facts = facts.boot_id, facts
        await self._window.open()
        return []

    async def begin(self) -> Sequence[str]:
        """Tell it to start anew; its answer may go down with it."""
        shell = await self._link.shell()
        with suppress(*_AWAY):
            await shell.run("systemctl", "--no-block", "reboot")
        await self._link.close()
        return ["reboot"]

    async def back(self) -> Sequence[str]:
        """Wait until it answers with another boot id. Raises NotBack."""
        end = time.monotonic() + BACK_S
        while True:
            with suppress(*_AWAY):
                self._facts = await self._link.ask(lambda activator: activator.facts())
                if self._facts.boot_id != self._before:
                    return [f"boot id {self._facts.boot_id}"]
            # One that still answers is on its way down: what it has open would only hold that up.
            await self._link.close()
            if time.monotonic() >= end:
                fix = f"its console; noc rescue {self._node.name}, where only its tunnel is dead"
                raise NotBack(f"{self._node.name} did not come back within {BACK_S:g} s", fix=fix)
            await asyncio.sleep(_POLL_S)

    async def health(self) -> Sequence[str]:
        """See its release in public and its heartbeat, and that nothing waits any more. Raises NotProven, StillDue."""
        assert self._facts is not None
        held = self._site.held(self._facts.current)
        end = time.monotonic() + HEALTHY_S
        while True:
            public, heard = await asyncio.gather(
                self._site.web.health(self._site.fleet.hostname(self._node)), self._site.watch.heard(self._node.name)
            )
            well = public.status == 200 and (held is None or shows(public, held.manifest))
            if well and heard == public.boot_id:
                break
            if time.monotonic() >= end:
                why = public.trouble or f"HTTPS answers {public.status}, its heartbeat is of {heard}"
                fix = f"noc health {self._node.name}"
                raise NotProven(f"{self._node.name} is not healthy after its reboot", why=why, fix=fix)
            await asyncio.sleep(_POLL_S)
        if self._facts.reboot:
            why = f"{', '.join(self._facts.reboot)} run in their old version still"
            raise StillDue(
                f"{self._node.name} started with its old system", why=why, fix=f"noc drift {self._node.name}"
            )
        return []
