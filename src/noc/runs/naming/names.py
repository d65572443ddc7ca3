"""The zone brought to what the fleet needs: one batch, then the zone's own name servers are asked."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from noc.cloud.dns.balancer import pool_name
from noc.cloud.dns.balancing import PartChange
from noc.cloud.dns.plan import Change, plan
from noc.cloud.dns.records import wanted
from noc.fleet.model import Fleet, Node
from noc.runs.naming.balance import in_words, is_balanced, make_balance, plan_balance
from noc.runs.naming.errors import NameMissing, ZoneMoved
from noc.runs.naming.shown import missing, not_shown
from noc.runs.naming.survey import owners_of, words
from noc.runs.record.events import State, Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import ticking
from noc.runs.site.names import authority, has_zone, zone
from noc.runs.site.site import Site

STEP, BALANCE = "record", "balance"


async def apply_names(run: Run, site: Site) -> list[Verdict]:
    """Change the records that the plan names, all in one batch, and see that the name servers answer so.

    What the plan says of the provider's load balancer follows once the records stand.

    Returns:
        One verdict a node: `named`, `routed` where only its place behind the balancer changed, `unchanged`, or `not
        shown` where its name servers do not answer as wanted.

    Raises:
        ZoneMoved: the zone is not what it was when the plan was made.
        NameMissing: a name that belongs to no node is not shown.
        NoDnsToken, DnsRefused, DnsUnreachable, ForeignRecord: as the zone does.
        ForeignBalancer, BalancingOff: as its provider does.
    """
    there = zone(site)
    made, shares = plan(await there.records(), wanted(site.fleet, site.book.inventory)), await plan_balance(site)
    if (*words(made), *in_words(site, shares)) != run.plan.records:
        raise ZoneMoved(f"the zone {site.fleet.domain} has moved since the plan was made", fix="give the command again")
    run.check()
    owners = {name: node.name for name, node in owners_of(site.fleet).items()}
    for change in made.changes:
        run.record(STEP, State.STARTED, owners.get(change.name), say=str(change))
    await there.apply(made.changes)
    async with ticking(lambda said: run.record(STEP, State.PROGRESS, say=said)):
        hidden = await not_shown(site, seen_by_all(site, made.changes))
    for change in made.changes:
        state = State.FAILED if change in hidden else State.OK
        run.record(STEP, state, owners.get(change.name), say=str(change))
    if common := sorted({change.name for change in hidden} - owners.keys()):
        raise missing(common)
    if is_balanced(site):
        await _balance(run, site, shares)
    moved = _nodes_of(site.fleet, shares)
    return [_verdict(name, _of(name, owners, made.changes), hidden, moved.get(name)) for name in run.plan.nodes]


def seen_by_all(site: Site, changes: Sequence[Change]) -> tuple[Change, ...]:
    """The changes that name servers show: what a balancer stands before is answered by that."""
    hidden = site.fleet.domain if site.book.inventory.routed else None
    return tuple(change for change in changes if change.name != hidden)


async def _balance(run: Run, site: Site, changes: Sequence[PartChange]) -> None:
    said = in_words(site, changes)
    for each in said:
        run.record(BALANCE, State.STARTED, say=each)
    async with ticking(lambda words: run.record(BALANCE, State.PROGRESS, say=words)):
        try:
            await make_balance(site, changes)
        finally:
            site.book.commit(run, run.plan.label())
    for each in said:
        run.record(BALANCE, State.OK, say=each)


def _nodes_of(fleet: Fleet, changes: Iterable[PartChange]) -> Mapping[str, PartChange]:
    """The changes of nodes' own pools, by the node."""
    pools = {pool_name(fleet, node): node.name for node in fleet.nodes}
    return {pools[change.part.key[1]]: change for change in changes if change.part.key[1] in pools}


async def check_named(site: Site, node: Node) -> None:
    """See that the zone's own name servers let a node's name lead to it.

    Nothing is asked where HQ does not keep the fleet's names.

    Raises:
        NameMissing: they do not, or do not answer.
    """
    if not has_zone(site):
        return
    name, servers = site.fleet.hostname(node), authority(site)
    needed = [record for record in wanted(site.fleet, site.book.inventory) if record.name == name]
    seen = await asyncio.gather(*(servers.shows(Change("create", None, each), 0) for each in needed))
    if not needed or not all(seen):
        there = f"it should lead to {', '.join(record.content for record in needed) or 'an address'}"
        raise NameMissing(f"the name servers do not show {name}", why=there, fix="noc dns apply, then go on")


def _of(node: str, owners: dict[str, str], changes: Iterable[Change]) -> list[Change]:
    return [change for change in changes if owners.get(change.name) == node]


def _verdict(node: str, changes: Sequence[Change], hidden: Sequence[Change], pool: PartChange | None) -> Verdict:
    before = ", ".join(change.before.record.content for change in changes if change.before)
    now = ", ".join(change.after.content for change in changes if change.after)
    if any(change in hidden for change in changes):
        why = "the name servers do not show it yet: noc dns plan"
        return Verdict(node=node, before=before, now=now, verdict="not shown", why=why)
    if pool is not None and not changes:
        return Verdict(node=node, before=_led(pool.before), now=_led(pool.after), verdict="routed", good=True)
    return Verdict(node=node, before=before, now=now, verdict="named" if changes else "unchanged", good=True)


def _led(pool: object) -> str:
    return "routed" if pool else ""
