"""A drill: its faults side by side where that is honest, each followed to its end, and the table of what came of it."""

import asyncio
from dataclasses import replace
from typing import Protocol

from noc.errors import NocError
from noc.runs.drill.assignment import waves
from noc.runs.drill.badrelease import BadReleaseDrill
from noc.runs.drill.bounds import bounds
from noc.runs.drill.hqdown import HqDrill
from noc.runs.drill.measured import Measured
from noc.runs.drill.node import NodeDrill
from noc.runs.plan.plan import PlannedFault
from noc.runs.record.events import State, Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import Step, walk
from noc.runs.site.site import Site

MEASURED = "measured"
"""The step of the record with a row of the table: what `Measured.as_dict` tells."""


class Drill(Protocol):
    """One fault, from its beginning to its end."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """What is done and looked at, in order."""
        ...

    def measured(self) -> Measured:
        """The row of the table, by what was seen so far."""
        ...

    async def close(self) -> None:
        """Let go of what is held."""
        ...


async def drill(run: Run, site: Site) -> list[Verdict]:
    """Make the plan's faults, wave by wave; a fault that cannot be made ends the drill after its wave.

    Returns:
        One verdict a fault: `kill held`, `cut missed`, `clock left out`, `reboot not done`.
    """
    verdicts = [_left_out(run, site, each) for each in run.plan.faults if each.left_out]
    for wave in waves([each for each in run.plan.faults if not each.left_out]):
        if any(not verdict.good for verdict in verdicts):
            verdicts += [_untouched(each) for each in wave]
            continue
        verdicts += await asyncio.gather(*(_one(run, site, each) for each in wave))
    return verdicts


async def _one(run: Run, site: Site, planned: PlannedFault) -> Verdict:
    work, failed = _work(run, site, planned), ""
    try:
        await walk(run, planned.node, work.steps)
    except NocError as error:
        failed = str(error)
    finally:
        await work.close()
    row = work.measured()
    return _verdict(run, replace(row, why=failed) if failed else row)


def _work(run: Run, site: Site, planned: PlannedFault) -> Drill:
    if planned.fault == "hq-down":
        return HqDrill(run, site, planned)
    if planned.fault == "bad-release":
        return BadReleaseDrill(run, site, planned)
    return NodeDrill(run, site, planned)


def _verdict(run: Run, row: Measured) -> Verdict:
    document = row.as_dict()
    run.record(MEASURED, State.OK if row.word == "held" else State.FAILED, row.node, **document, say=row.word)
    word = f"{row.fault} {row.word}"
    return Verdict(node=row.node, before="", now="", verdict=word, good=row.word == "held", why=document["why"])


def _left_out(run: Run, site: Site, planned: PlannedFault) -> Verdict:
    promised = bounds(planned.fault, site.fleet, planned.hold_s)
    row = Measured(planned.fault, planned.node, None, None, None, promised, planned.left_out, done=False)
    run.record(MEASURED, State.SKIPPED, planned.node, **row.as_dict(), say=row.word)
    word = f"{planned.fault} {row.word}"
    return Verdict(node=planned.node, before="", now="", verdict=word, good=True, why=planned.left_out)


def _untouched(planned: PlannedFault) -> Verdict:
    return Verdict(node=planned.node, before="", now="", verdict=f"{planned.fault} untouched")
