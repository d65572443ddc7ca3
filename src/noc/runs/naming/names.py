"""The zone brought to what the fleet needs: one batch, then the zone's own name servers are asked."""

import asyncio
from collections.abc import Iterable, Sequence

from noc.cloud.dns.plan import Change, plan
from noc.cloud.dns.records import wanted
from noc.fleet.model import Node
from noc.runs.naming.errors import NameMissing, ZoneMoved
from noc.runs.naming.survey import owners_of, words
from noc.runs.record.events import State, Verdict
from noc.runs.record.run import Run
from noc.runs.record.steps import ticking
from noc.runs.site.names import authority, has_zone, zone
from noc.runs.site.site import Site

SHOWN_WITHIN_S = 60.0
STEP = "record"


async def apply_names(run: Run, site: Site) -> list[Verdict]:
    """Change the records that the plan names, all in one batch, and see that the name servers answer so.

    Returns:
        One verdict a node: `named`, `unchanged`, or `not shown` where its name servers do not answer as wanted.

    Raises:
        ZoneMoved: the zone is not what it was when the plan was made.
        NameMissing: a name that belongs to no node is not shown.
        NoDnsToken, DnsRefused, DnsUnreachable, ForeignRecord: as the zone does.
    """
    there = zone(site)
    made = plan(await there.records(), wanted(site.fleet, site.book.inventory))
    if words(made) != run.plan.records:
        raise ZoneMoved(f"the zone {site.fleet.domain} has moved since the plan was made", fix="give the command again")
    run.check()
    owners = {name: node.name for name, node in owners_of(site.fleet).items()}
    for change in made.changes:
        run.record(STEP, State.STARTED, owners.get(change.name), say=str(change))
    await there.apply(made.changes)
    async with ticking(lambda said: run.record(STEP, State.PROGRESS, say=said)):
        hidden = await not_shown(site, made.changes)
    for change in made.changes:
        state = State.FAILED if change in hidden else State.OK
        run.record(STEP, state, owners.get(change.name), say=str(change))
    if common := sorted({change.name for change in hidden} - owners.keys()):
        raise missing(common)
    return [_verdict(name, _of(name, owners, made.changes), hidden) for name in run.plan.nodes]


async def not_shown(site: Site, changes: Sequence[Change], within_s: float = SHOWN_WITHIN_S) -> tuple[Change, ...]:
    """Those changes that the zone's own name servers do not show in time."""
    servers = authority(site)
    shown = await asyncio.gather(*(servers.shows(change, within_s) for change in changes))
    return tuple(change for change, seen in zip(changes, shown, strict=True) if not seen)


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


def missing(names: Iterable[str]) -> NameMissing:
    """The name servers do not answer as wanted for these."""
    why = f"not within {SHOWN_WITHIN_S:g} s"
    return NameMissing(f"the name servers do not show {', '.join(names)} yet", why=why, fix="noc dns plan")


def _of(node: str, owners: dict[str, str], changes: Iterable[Change]) -> list[Change]:
    return [change for change in changes if owners.get(change.name) == node]


def _verdict(node: str, changes: Sequence[Change], hidden: Sequence[Change]) -> Verdict:
    before = ", ".join(change.before.record.content for change in changes if change.before)
    now = ", ".join(change.after.content for change in changes if change.after)
    if any(change in hidden for change in changes):
        why = "the name servers do not show it yet: noc dns plan"
        return Verdict(node=node, before=before, now=now, verdict="not shown", why=why)
    return Verdict(node=node, before=before, now=now, verdict="named" if changes else "unchanged", good=True)
