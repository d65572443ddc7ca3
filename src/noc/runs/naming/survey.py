"""What the zone would need, as a plan: every record by name, and to whom it belongs."""

from collections.abc import Iterable, Mapping

from noc.cloud.dns.plan import DnsPlan, foreign_names, plan
from noc.cloud.dns.records import wanted
from noc.cloud.errors import ForeignRecord
from noc.fleet.model import Fleet, Node
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
    """
    fleet, needed = site.fleet, wanted(site.fleet, site.book.inventory)
    there = await zone(site).records()
    strange = foreign_names(there, needed)
    owners = owners_of(fleet)
    if common := sorted(set(strange) - owners.keys()):
        raise ForeignRecord(FOREIGN.format(", ".join(common)), fix="then give the command again")
    made = plan(there, needed) if not strange else DnsPlan((), 0, 0)
    rows = [_row(number, fleet.node(name), made, strange, fleet) for number, name in enumerate(outline.nodes, 1)]
    return outline.model_copy(update={"records": words(made), "rows": tuple(rows)})


def words(made: DnsPlan) -> tuple[str, ...]:
    """Every change in words, in order: what a plan of the zone is compared by."""
    return tuple(map(str, made.changes))


def owners_of(fleet: Fleet) -> Mapping[str, Node]:
    """The nodes by their public names."""
    return {fleet.hostname(node): node for node in fleet.nodes}


def _row(number: int, node: Node, made: DnsPlan, strange: Iterable[str], fleet: Fleet) -> NodePlan:
    own = fleet.hostname(node)
    changes = tuple(str(change) for change in made.changes if change.name == own)
    problems = (FOREIGN.format(own),) if own in strange else ()
    state: Standing = "blocked" if problems else "change" if changes else "unchanged"
    return NodePlan(node=node.name, position=number, state=state, differences=changes, problems=problems)
