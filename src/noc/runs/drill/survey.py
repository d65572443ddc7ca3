"""What a drill needs to be true before it begins: nodes that are well, and machines that can bear the fault."""

import asyncio

from noc.errors import NocError
from noc.runs.drill.faults import obstacle
from noc.runs.drill.lab import in_lab
from noc.runs.drill.plans import ALL
from noc.runs.plan.plan import NodePlan, Plan, PlannedFault
from noc.runs.record.tame import tame
from noc.runs.site.site import Site

ANSWER_S = 15.0
_OPEN = 200


async def survey_drill(site: Site, plan: Plan) -> Plan:
    """Complete the outline: a row a node, faults that are not possible left out with the reason.

    A node that is not well already keeps the drill from beginning: nobody could tell what it was that was noticed. So
    does a fault that was asked for by name and is not possible there.

    Raises:
        WatchAbsent: the watch does not answer.
    """
    watched = await site.watch.nodes()
    open_of = {row["node"] for row in await site.watch.incidents(_OPEN) if row["ended_at"] is None}
    faults = await asyncio.gather(*(_possible(site, fault) for fault in plan.faults))
    rows = []
    for number, name in enumerate(plan.nodes, 1):
        own = [fault for fault in faults if fault.node == name]
        problems = [each.left_out for each in own if each.left_out and plan.options.drill != ALL]
        if name in open_of or name not in watched or watched[name].state != "up":
            problems.append("it is not well already: noc incidents")
        rows.append(_row(number, name, own, problems))
    return plan.model_copy(update={"faults": tuple(faults), "rows": tuple(rows), "lab": in_lab()})


async def _possible(site: Site, fault: PlannedFault) -> PlannedFault:
    """The fault, left out where its machine cannot bear it, or cannot be asked."""
    if fault.left_out or (check := obstacle(fault.fault)) is None:
        return fault
    test, words = check
    link = site.link(site.fleet.node(fault.node))
    try:
        async with asyncio.timeout(ANSWER_S):
            done = await (await link.shell()).run("sh", "-c", test, check=False)
    except (NocError, TimeoutError) as error:
        words = tame(str(error)) or f"no answer within {ANSWER_S:g} s"
    else:
        if done.status == 0:
            return fault
    finally:
        await link.close()
    return fault.model_copy(update={"left_out": f"not possible on {fault.node}: {words}"})


def _row(number: int, name: str, faults: list[PlannedFault], problems: list[str]) -> NodePlan:
    return NodePlan(
        node=name,
        position=number,
        state="blocked" if problems else "change" if any(not each.left_out for each in faults) else "unchanged",
        differences=tuple(_words(each) for each in faults if not each.left_out),
        notes=tuple(each.left_out for each in faults if each.left_out and not problems),
        problems=tuple(problems),
    )


def _words(fault: PlannedFault) -> str:
    return f"{fault.fault} for {fault.hold_s:g} s" if fault.hold_s else fault.fault
