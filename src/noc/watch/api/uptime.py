"""Availability of the nodes as the database knows it: which incidents count as down, and which only as unseen."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import Final

from sqlalchemy import Engine

from noc.watch.api.availability import Day, Span, daily, union, without
from noc.watch.store.outages import DAY_MS, Outage, first_heard, read_outages

UNSEEN: Final = "HQ"
"""The verdict on what HQ itself could not see: nobody knows how the nodes were, so it counts neither way."""

SERVING: Final = "tunnel"
"""The verdict on a node that serves the public and cannot push: it was up."""


def read_days(
    engine: Engine,
    nodes: Iterable[str],
    maintenance: Mapping[str, Sequence[Span]],
    *,
    now: int,
    zone: tzinfo,
    days: int,
) -> dict[str, list[Day]]:
    """The last days of nodes, by name, those that were ever heard; runs in a thread of its own.

    Args:
        maintenance: when maintenance of a node was announced, by its name.
        now: ms UTC.
        zone: whose midnights part the days.
        days: how many, today included.
    """
    outages = read_outages(engine, now - (days + 1) * DAY_MS)
    return {
        name: days_of(name, first, outages, maintenance.get(name, ()), now=now, zone=zone, days=days)
        for name, first in first_heard(engine, nodes).items()
    }


def days_of(
    node: str, first: int, outages: Sequence[Outage], maintenance: Iterable[Span], *, now: int, zone: tzinfo, days: int
) -> list[Day]:
    """One node's last days; `first` is when it was first heard (ms UTC), the rest as in `read_days`."""
    blind = union(_span(each, now) for each in outages if each.verdict == UNSEEN)
    down = [_span(each, now) for each in outages if each.node == node and each.verdict != SERVING]
    judged = without(union([(first, now)]), blind)
    return daily(judged, down, maintenance, now=now, zone=zone, days=days)


def _span(outage: Outage, now: int) -> Span:
    return outage.started, now if outage.ended is None else outage.ended
