"""The provider's load balancer before the domain, as runs plan it and make it; where there is none, nobody is asked."""

from collections.abc import Sequence

from noc.cloud.dns.balancer import Balancer, routed, wanted_parts
from noc.cloud.dns.balancing import PartChange, plan_parts
from noc.cloud.dns.plan import Change
from noc.cloud.dns.records import wanted
from noc.fleet.cost import routing_cost
from noc.fleet.inventory import Inventory
from noc.fleet.prices import known_prices
from noc.runs.naming.shown import SHOWN_WITHIN_S, missing, not_shown
from noc.runs.site.names import authority, balancing
from noc.runs.site.site import Site


def is_balanced(site: Site) -> bool:
    """Whether the domain has a balancer, or is to have one."""
    return site.fleet.routing.by_latency or bool(site.book.inventory.routed)


async def plan_balance(site: Site, inventory: Inventory | None = None) -> tuple[PartChange, ...]:
    """What it takes to bring the balancer to what the fleet needs.

    Args:
        site: the fleet.
        inventory: as it will be; what is known now where None.

    Raises:
        NoDnsToken, CredentialExposed, DnsRefused, DnsUnreachable: the provider cannot be asked.
        ForeignBalancer: what is needed is somebody else's.
    """
    if not is_balanced(site):
        return ()
    there = await balancing(site).parts()
    return plan_parts(there, wanted_parts(site.fleet, inventory or site.book.inventory))


def in_words(site: Site, changes: Sequence[PartChange]) -> tuple[str, ...]:
    """Every change in words, in order; the balancer's own with what it costs from then on."""
    return tuple(f"{change}{_priced(site, change)}" for change in changes)


async def make_balance(site: Site, changes: Sequence[PartChange]) -> None:
    """Make the changes, see the name servers answer so, and write down to whom the domain is led now.

    Raises:
        DnsRefused, DnsUnreachable, BalancingOff: as Balancing does.
        NameMissing: the name servers do not answer so yet.
    """
    await balancing(site).apply(changes)
    left = routed(site.fleet, site.book.inventory)
    site.book.learn_apex(routed=tuple(node.name for node in left))
    if left:
        addresses = {str(site.book.record(node.name).address) for node in left}
        if not await authority(site).leads(site.fleet.domain, addresses, SHOWN_WITHIN_S):
            raise missing([site.fleet.domain])
        return
    needed = [each for each in wanted(site.fleet, site.book.inventory) if each.name == site.fleet.domain]
    if await not_shown(site, [Change("create", None, each) for each in needed]):
        raise missing([site.fleet.domain])


def _priced(site: Site, change: PartChange) -> str:
    if not isinstance(change.after, Balancer):
        return ""
    return f"; {routing_cost(site.fleet, len(change.after.pools), known_prices(site.paths.fleet))}"
