"""Rescues: nodes whose tunnel is dead, several at once; one that cannot be helped does not hold the others."""

import asyncio
from datetime import UTC, datetime

from noc.errors import NocError
from noc.fleet.model import Node
from noc.hosts.errors import HostError
from noc.runs.admission.clock import lasting
from noc.runs.plan.plan import NodePlan, Plan
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import walk
from noc.runs.rescue.doors import has_door
from noc.runs.rescue.node import DIAL_S, NodeRescue, last_sign, lock_opens_in
from noc.runs.site.site import Site

DEAD, CARRIES = "no tunnel", "tunnel"


async def survey_rescue(site: Site, plan: Plan) -> Plan:
    """Complete the outline: which tunnels are dead, when each node's own lock opens, and what HQ will open for it.

    Returns:
        The plan with a row a node; `unchanged` where the tunnel carries, `blocked` where no address is known.
    """
    nodes = [site.fleet.node(name) for name in plan.nodes]
    rows = await asyncio.gather(*(_row(site, node, place) for place, node in enumerate(nodes, 1)))
    return plan.model_copy(update={"rows": tuple(rows)})


async def _row(site: Site, node: Node, position: int) -> NodePlan:
    if await carries(site, node):
        return NodePlan(node=node.name, position=position, state="unchanged", notes=("its tunnel carries",))
    address = site.book.record(node.name).address
    if address is None:
        problem = "its public address is not known"
        return NodePlan(node=node.name, position=position, state="blocked", problems=(problem,))
    now, fleet = datetime.now(UTC), site.fleet
    last = await last_sign(site, node)
    left_s = lock_opens_in(last, fleet.rescue.rescue_after, now)
    heard = f"last heard {lasting((now - last).total_seconds())} ago" if last else "never heard by this hub"
    notes = [f"{heard}; its own lock opens in {lasting(left_s)}, as far as HQ knows"]
    if fleet.hub.address not in fleet.hub.rescue:
        notes.append(f"hub.rescue does not name {fleet.hub.address}: it may not let this HQ in")
    if not has_door(site, node):
        notes.append(f"no cloud's rule is HQ's to open: 22 of {address} must be open to HQ outside of the node")
    return NodePlan(node=node.name, position=position, state="change", notes=tuple(notes))


async def carries(site: Site, node: Node) -> bool:
    """Whether a node can be reached through the tunnel, by the key that is known of it."""
    try:
        shell = await site.through_tunnel(node, timeout_s=DIAL_S)
    except HostError:
        return False
    await shell.close()
    return True


async def rescue(run: Run, site: Site) -> list[Verdict]:
    """Bring the plan's nodes back into the tunnel.

    Returns:
        One verdict a node: `rescued`, `unchanged` where the tunnel carried, `not rescued` with the reason.
    """
    verdicts = list(await asyncio.gather(*(_one(run, site, site.fleet.node(name)) for name in run.plan.nodes)))
    site.book.commit(run, run.plan.label())
    return verdicts


async def _one(run: Run, site: Site, node: Node) -> Verdict:
    if run.plan.row(node.name).state == "unchanged":
        site.book.learn(node.name, hub_key=None)
        return Verdict(node=node.name, before=CARRIES, now=CARRIES, verdict="unchanged", good=True)
    work, why = NodeRescue(run, site, node), ""
    try:
        await walk(run, node.name, work.steps)
    except NocError as error:
        why = str(error)
    try:
        await work.close()
    except NocError as error:
        why = f"{why}; {error}" if why else str(error)
    now, good = CARRIES if work.carried else DEAD, work.carried and not why
    return Verdict(
        node=node.name, before=DEAD, now=now, verdict="rescued" if good else "not rescued", good=good, why=why
    )
