"""Availability of the nodes as the database knows it: which incidents count as down, and which only as unseen."""

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import tzinfo
from typing import Final

from sqlalchemy import Engine

from noc.watch.api.availability import Day, Span, daily, union, without
from noc.watch.store.maintained import Maintained, read_maintained
from noc.watch.store.outages import DAY_MS, Outage, first_heard, read_outages

UNSEEN: Final = "HQ"
"""The verdict on what HQ itself could not see: nobody knows how the nodes were, so it counts neither way."""

SERVING: Final = "tunnel"
"""The verdict on a node that serves the public and cannot push: it was up."""

WHOLE_FLEET: Final = "@fleet"


def read_days(
    engine: Engine, nodes: Iterable[str], scopes: Mapping[str, Set[str]], *, now: int, zone: tzinfo, days: int
) -> dict[str, list[Day]]:
    """The last days of nodes, by name, those that were ever heard; runs in a thread of its own.

    Args:
        scopes: a word that maintenance may be for → names of nodes.
        now: ms UTC.
        zone: whose midnights part the days.
        days: how many, today included.
    """
    since = now - (days + 1) * DAY_MS
    outages, maintained = read_outages(engine, since), read_maintained(engine, since)
    return {
        name: days_of(name, first, outages, excused(name, maintained, scopes, now), now=now, zone=zone, days=days)
        for name, first in first_heard(engine, nodes).items()
    }


def days_of(
    node: str, first: int, outages: Sequence[Outage], maintenance: Iterable[Span], *, now: int, zone: tzinfo, days: int
) -> list[Day]:
    """One node's last days; `first` is when it was first heard (ms UTC), the rest as in `read_days`."""
    blind = union(_span(each, now) for each in outages if is_unseen(each) and each.node in {node, WHOLE_FLEET})
    down = [_span(each, now) for each in outages if each.node == node and each.verdict != SERVING]
    judged = without(union([(first, now)]), blind)
    return daily(judged, down, maintenance, now=now, zone=zone, days=days)


def is_unseen(outage: Outage) -> bool:
    """Whether it says more of HQ than of what it names."""
    return outage.verdict == UNSEEN


def excused(node: str, maintained: Iterable[Maintained], scopes: Mapping[str, Set[str]], now: int) -> list[Span]:
    """When maintenance held for a node."""
    return [
        (each.since, now if each.until is None else each.until)
        for each in maintained
        if any(node in scopes.get(word, ()) for word in each.scope)
    ]


def _span(outage: Outage, now: int) -> Span:
    return outage.started, now if outage.ended is None else outage.ended
