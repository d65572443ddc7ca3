"""What the zone would need, as a plan: every record by name, and to whom it belongs."""

from collections.abc import Iterable, Iterator, Mapping

from noc.cloud.dns.balancer import pool_name
from noc.cloud.dns.balancing import PartChange
from noc.cloud.dns.plan import DnsPlan, foreign_names, plan
from noc.cloud.dns.records import wanted
from noc.cloud.errors import ForeignRecord
from noc.fleet.inventory import Inventory
from noc.fleet.model import Fleet, Node
from noc.runs.naming.balance import in_words, is_balanced, plan_balance
from noc.runs.plan.plan import NodePlan, Plan, Standing
from noc.runs.site.names import zone
from noc.runs.site.site import Site

FOREIGN = "a record without the fleet's mark stands at {}: remove it at the DNS provider"


async def survey_names(site: Site, outline: Plan) -> Plan:
    """Complete the outline of a plan by what the zone holds.

    Args:
        site: the fleet.
        outline: the plan; its nodes get a row each.

    Returns:
        The plan with every change in words, and whose it is; not sealed.

    Raises:
        NoDnsToken, CredentialExposed, DnsRefused, DnsUnreachable: the zone cannot be read.
        ForeignRecord: a name that belongs to no node is somebody else's.
        ForeignBalancer: a balancer's part is.
    """
    fleet, needed = site.fleet, wanted(site.fleet, site.book.inventory)
    there = await zone(site).records()
    strange = foreign_names(there, needed)
    owners = owners_of(fleet)
    if common := sorted(set(strange) - owners.keys()):
        raise ForeignRecord(FOREIGN.format(", ".join(common)), fix="then give the command again")
    made = plan(there, needed) if not strange else DnsPlan((), 0, 0)
    shares = await plan_balance(site)
    changes = {node.name: _changes_of(fleet, node, made, shares) for node in fleet.nodes}
    blocked = {node.name for name, node in owners.items() if name in strange}
    rows = [
        _row(site, fleet.node(name), number, changes[name], is_blocked=name in blocked)
        for number, name in enumerate(outline.nodes, 1)
    ]
    return outline.model_copy(update={"records": (*words(made), *in_words(site, shares)), "rows": tuple(rows)})


async def survey_apex(site: Site, outline: Plan) -> Plan:
    """Complete the outline of a plan that leads the domain elsewhere by what it changes at the provider, prices told.

    That is taken for granted which the run proves first: that each node answers for the domain. Where the domain has no
    balancer and is to have none, the run itself reads the zone, and the plan stays as it is.

    Raises:
        As `survey_names`.
    """
    if not is_balanced(site):
        return outline
    fleet, then = site.fleet, led(site, outline.nodes[0])
    needed = [each for each in wanted(fleet, then) if each.name == fleet.domain]
    there = [each for each in await zone(site).records() if each.record.name == fleet.domain]
    shares = await plan_balance(site, then)
    return outline.model_copy(update={"records": (*words(plan(there, needed)), *in_words(site, shares))})


def led(site: Site, apex: str) -> Inventory:
    """What will be known once the domain leads to a node, and to the others that `[routing]` wants."""
    routable = tuple(node.name for node in site.book.inventory.routable(site.fleet))
    return site.book.inventory.model_copy(update={"apex": apex, "routed": routable})


def words(made: DnsPlan) -> tuple[str, ...]:
    """Every change in words, in order: what a plan of the zone is compared by."""
    return tuple(map(str, made.changes))


def owners_of(fleet: Fleet) -> Mapping[str, Node]:
    """The nodes by their public names."""
    return {fleet.hostname(node): node for node in fleet.nodes}


def _changes_of(fleet: Fleet, node: Node, made: DnsPlan, shares: Iterable[PartChange]) -> tuple[str, ...]:
    """What changes for one node, in words: its name's records, and its pool."""
    own, pool = fleet.hostname(node), ("pool", pool_name(fleet, node))
    records = (str(change) for change in made.changes if change.name == own)
    return (*records, *(str(change) for change in shares if change.part.key == pool))


def _row(site: Site, node: Node, number: int, changes: tuple[str, ...], *, is_blocked: bool) -> NodePlan:
    state: Standing = "blocked" if is_blocked else "change" if changes else "unchanged"
    return NodePlan(
        node=node.name,
        position=number,
        state=state,
        differences=changes,
        problems=(FOREIGN.format(site.fleet.hostname(node)),) if is_blocked else (),
        notes=tuple(_unrouted(site, node)),
    )


def _unrouted(site: Site, node: Node) -> Iterator[str]:
    """Why the domain is not led to a node to which `[routing]` wants it led."""
    fleet, inventory = site.fleet, site.book.inventory
    if node in inventory.routable(fleet):
        if node.name not in inventory.routed:
            first = inventory.apex or node.name
            yield f"{fleet.domain} is not led to it before it is proven to answer for that: noc dns apex {first}"
    elif fleet.routing.by_latency and node.name in fleet.routing.nodes:
        yield f"{fleet.domain} is not led to it, since it is not live"
