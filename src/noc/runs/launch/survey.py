"""What a plan for machines would do to each node: asked of the cloud before anything is begun, changed by nothing."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from noc.cloud.ec2.owned import Owned
from noc.cloud.ec2.regions import ON, standings
from noc.fleet.cost import fleet_cost
from noc.fleet.inventory import Life, NodeRecord
from noc.fleet.model import Node
from noc.fleet.prices import known_prices
from noc.runs.launch.adopt import addresses
from noc.runs.launch.finding import Finding
from noc.runs.launch.gather import AT_ONCE, look_at
from noc.runs.launch.judge import judge_node
from noc.runs.plan.plan import NodePlan, Plan, Standing
from noc.runs.site.cloud import account, owned
from noc.runs.site.site import Site


async def survey_launch(site: Site, plan: Plan) -> Plan:
    """A row a node: what would be made and what it costs a month, or what stands in the way."""
    now, nodes = datetime.now(UTC), [site.fleet.node(name) for name in plan.nodes]
    there = account(site)
    regions = await look_at(there, nodes, site.fleet, now)
    on = [node for node in nodes if regions[node.name].is_on]
    instances = await _each(on, lambda node: owned(site, node, lambda _: None).instance())
    cost = fleet_cost(site.fleet, known_prices(site.paths.fleet), now.date())
    monthly = {each.name: each.usd for each in cost.nodes}
    rows = []
    for node in nodes:
        there_already = bool(instances.get(node.name))
        findings = [*judge_node(node, regions[node.name], has_machine=there_already)]
        rows.append(launch_row(node, site.book.record(node.name), findings, there_already))
    priced = [_priced(row, monthly[row.node]) for row in rows]
    return _with(plan, priced)


def launch_row(node: Node, record: NodeRecord, findings: Sequence[Finding], has_machine: bool) -> NodePlan:
    """What launching would do to a node. Pure.

    Args:
        node: the node.
        record: what is known of it.
        findings: of its region.
        has_machine: whether the cloud holds one with its tags.
    """
    if has_machine:
        return _row(node, "unchanged" if record.address or record.address6 else "change", ["address written down"])
    problems = [f"{each.seen}. Fix: {each.fix}" for each in findings if each.stops]
    if record.life in (Life.PROVISIONED, Life.LIVE):
        problems.append(f"it is {record.life} already, as another machine. Fix: noc terminate {node.name} first")
    if problems:
        return _row(node, "blocked", problems=problems)
    address = () if node.public == "ipv6" else ("elastic address",)
    image = next(each.seen for each in findings if each.check == "image")
    return _row(node, "change", [f"{node.instance_type} in {node.region} from {image}", *address, "security group"])


def _priced(row: NodePlan, usd: float) -> NodePlan:
    if row.state != "change" or len(row.differences) < 2:
        return row
    return row.model_copy(update={"differences": (*row.differences, f"${usd:.2f} a month")})


async def survey_terminate(site: Site, plan: Plan) -> Plan:
    """A row a node: what would be given back; a live node is in the way of its own end unless that is insisted on."""
    nodes = [site.fleet.node(name) for name in plan.nodes]
    found = await _each(nodes, lambda node: holdings(owned(site, node, lambda _: None)))
    return _with(
        plan,
        [
            terminate_row(node, site.book.record(node.name), found[node.name], insisted=plan.options.force)
            for node in nodes
        ],
    )


def holdings(there: Owned) -> list[str]:
    """All that the cloud holds for a node, in words."""
    instance = there.instance()
    machine = [f"machine {instance['InstanceId']} with its disk"] if instance else []
    addresses = [f"address {each['PublicIp']}" for each in there.addresses()]
    return [*machine, *addresses, *(f"security group {each['GroupId']}" for each in there.groups())]


def terminate_row(node: Node, record: NodeRecord, held: Sequence[str], *, insisted: bool) -> NodePlan:
    """What terminating would do to a node. Pure."""
    if record.life is Life.LIVE and not insisted:
        problem = f"it is live. Fix: noc terminate {node.name} --force, if its end is really meant"
        return _row(node, "blocked", held, [problem])
    known = record != NodeRecord(life=record.life) or record.life not in (Life.PLANNED, Life.RETIRED)
    return _row(node, "change" if held or known else "unchanged", [*held, *(["what HQ knows of it"] if known else [])])


async def survey_adopt(site: Site, plan: Plan) -> Plan:
    """A row a node: the address that would be written down."""
    found = await addresses(site, plan)
    rows = []
    for name in plan.nodes:
        node, record, address = site.fleet.node(name), site.book.record(name), found.get(name)
        if address is None:
            rows.append(_row(node, "blocked", problems=["no address is given, and no machine carries its tags"]))
        elif record.life in (Life.PROVISIONED, Life.LIVE) and address != record.address:
            rows.append(_row(node, "blocked", problems=[f"it is {record.life} at {record.address}"]))
        else:
            key = plan.options.host_key.get(name, record.host_key)
            same = (address, key) == (record.address, record.host_key)
            rows.append(_row(node, "unchanged" if same else "change", [] if same else [f"address {address}"]))
    return _with(plan, rows)


async def survey_opt_in(site: Site, plan: Plan) -> Plan:
    """A row a node: whether its region has to be switched on."""
    known = await asyncio.to_thread(standings, account(site))
    nodes = [site.fleet.node(name) for name in plan.nodes]
    rows = [
        _row(node, "unchanged")
        if known.get(node.region or "") in ON
        else _row(node, "change", [f"{node.region} switched on"])
        for node in nodes
    ]
    return _with(plan, rows)


async def _each(nodes: Sequence[Node], question: Callable[[Node], Any]) -> dict[str, Any]:
    """A question about every node, several asked at once."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(node: Node) -> Any:  # noqa: ANN401 - the question's
        async with at_once:
            return await asyncio.to_thread(question, node)

    answers = await asyncio.gather(*map(one, nodes))
    return {node.name: answer for node, answer in zip(nodes, answers, strict=True)}


def _row(node: Node, state: Standing, differences: Sequence[str] = (), problems: Sequence[str] = ()) -> NodePlan:
    shown = () if state == "unchanged" else tuple(differences)
    return NodePlan(node=node.name, position=1, state=state, differences=shown, problems=tuple(problems))


def _with(plan: Plan, rows: Sequence[NodePlan]) -> Plan:
    placed = tuple(row.model_copy(update={"position": number}) for number, row in enumerate(rows, 1))
    return plan.model_copy(update={"rows": placed})
