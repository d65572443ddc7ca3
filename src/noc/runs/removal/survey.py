"""What letting nodes go would do to each, and what stands in the way; nothing is changed."""

import asyncio
from collections.abc import Sequence

from noc.cloud.dns.plan import Found
from noc.errors import NocError
from noc.fleet.inventory import Life, NodeRecord
from noc.fleet.model import Node
from noc.runs.backup.opening import open_repository, recipients
from noc.runs.launch.survey import holdings
from noc.runs.plan.plan import NodePlan, Options, Plan, Standing
from noc.runs.record.tame import tame
from noc.runs.site.cloud import owned
from noc.runs.site.names import has_zone, zone
from noc.runs.site.site import Site
from noc.runs.tenants.registry import Registry

ANSWER_S = 15.0


async def survey_remove(site: Site, plan: Plan) -> Plan:
    """Complete the outline: a row a node.

    Raises:
        NoDnsToken, DnsRefused, DnsUnreachable: the zone cannot be read.
        NoCloudCredentials: HQ has none, and a node is at a cloud.
    """
    records = await zone(site).records() if has_zone(site) else None
    rows = await asyncio.gather(
        *(_row(site, number, site.fleet.node(name), plan.options, records) for number, name in enumerate(plan.nodes, 1))
    )
    return plan.model_copy(update={"rows": tuple(rows)})


def holds_data(record: NodeRecord) -> bool:
    """Whether a machine of the node may hold a database: it has run a release, and has not forgotten its keys."""
    return record.release is not None and record.wireguard_key is not None


def at_cloud(node: Node) -> bool:
    """Whether its machine is a cloud's, and ends there."""
    return node.provider == "aws" and node.region is not None


async def _row(site: Site, number: int, node: Node, options: Options, records: Sequence[Found] | None) -> NodePlan:
    record, problems = site.book.record(node.name), list[str]()
    named = [str(each.record.content) for each in records or () if _is_its(site, node, each)]
    if records is None and record.life is Life.LIVE and not options.at_once:
        problems.append("HQ does not keep its name: take its record away, wait until that is forgotten, then --now")
    if (tenants := _tenants(site, node)) and not options.gone:
        fix = f"noc tenant list --node {node.name}; noc tenant forget"
        problems.append(f"it is the home of {tenants} tenant(s). Fix: {fix}")
    held = await asyncio.to_thread(lambda: holdings(owned(site, node, lambda _: None))) if at_cloud(node) else []
    ours = record.wireguard_key is not None and not at_cloud(node) and not options.gone
    due = holds_data(record) and not (at_cloud(node) and not held) and not options.gone
    if due or ours:
        problems += await _unreachable(site, node)
    if due and not options.without_backup:
        problems += _no_backup(site)
    known = record != NodeRecord(life=record.life) or record.life not in (Life.PLANNED, Life.RETIRED)
    differences = [
        *(f"its name no longer leads to {content}" for content in named),
        *held,
        *(["service, data and keys on its machine"] if ours else []),
        *(["what HQ knows of it"] if known else []),
    ]
    state: Standing = "blocked" if problems else "change" if differences else "unchanged"
    loss = f"{node.name}: no last backup is taken" if options.without_backup and due else ""
    return NodePlan(
        node=node.name,
        position=number,
        state=state,
        differences=tuple(differences),
        problems=tuple(problems),
        loss=loss,
    )


def _tenants(site: Site, node: Node) -> int:
    """How many tenants the directory leads to a node."""
    return Registry(site.paths.tenants).counts().get(node.name, 0) if site.paths.tenants.is_file() else 0


def _is_its(site: Site, node: Node, found: Found) -> bool:
    return found.ours and found.record.name == site.fleet.hostname(node)


def _no_backup(site: Site) -> list[str]:
    """Why no last backup can be taken; nothing where HQ has all that it takes."""
    try:
        open_repository(site.paths).check_room()
        recipients(site.paths)
    except NocError as error:
        return [f"{error}. Or --without-backup, if its data is not needed"]
    return []


async def _unreachable(site: Site, node: Node) -> list[str]:
    """Why it cannot be asked for a last backup, or be cleared; nothing where it answers."""
    link = site.link(node)
    try:
        async with asyncio.timeout(ANSWER_S):
            await link.ask(lambda activator: activator.facts())
    except (NocError, TimeoutError) as error:
        why = tame(str(error)) or f"no answer within {ANSWER_S:g} s"
        return [f"{why}. Fix: noc rescue {node.name}; --gone, if its machine is no more or was cleared already"]
    finally:
        await link.close()
    return []
