"""How many certificates a plan would cost, held against what the authority lets the domain have this week."""

from collections.abc import Sequence
from datetime import UTC, datetime

from noc.fleet.inventory import Life
from noc.runs.naming.allowance import Left, beyond, left
from noc.runs.naming.certificates import names_of
from noc.runs.naming.errors import AllowanceSpent
from noc.runs.site.escrow import escrow
from noc.runs.site.site import Site


def allowance(site: Site, now: datetime | None = None) -> Left:
    """What is left this week, by the certificates that HQ has seen."""
    acme, when = site.fleet.acme, now or datetime.now(UTC)
    return left(acme.authority, site.fleet.domain, escrow(site).issued(), when)


def check_allowance(site: Site, nodes: Sequence[str], now: datetime | None = None) -> None:
    """See that nodes that are to be provisioned can get their certificates.

    A node that is live has its own, and one whose copy has more than a third of its life left gets that back.

    Raises:
        AllowanceSpent: they cannot, not all of them.
    """
    when = now or datetime.now(UTC)
    needed = [name for node in nodes for name in _needed(site, node, when)]
    if why := beyond(needed, allowance(site, when)):
        fix = "name fewer nodes, or rehearse with the authority for that: acme.staging in fleet.toml"
        raise AllowanceSpent("the authority would not certify all of these now", why=why, fix=fix)


def _needed(site: Site, name: str, now: datetime) -> list[str]:
    if site.book.record(name).life is Life.LIVE:
        return []
    kept, authority = escrow(site), site.fleet.acme.authority
    if not kept.is_open:
        return list(names_of(site, site.fleet.node(name)))
    copies = {each: kept.copy(each, authority) for each in names_of(site, site.fleet.node(name))}
    return [each for each, copy in copies.items() if copy is None or not copy.worth_keeping(now)]
