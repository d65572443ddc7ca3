"""Which channels an alert goes to, and when: every alert reaches at least one, at once or in the hours of its route."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from noc.fleet.model import Fleet
from noc.fleet.telling import DAYS, DEFAULT_CHANNEL, Route
from noc.fleet.windows import first_shown, last_shown
from noc.watch.clock import now as clock
from noc.watch.store.outbox import Dues, Router
from noc.watch.store.records import AlertKind, Incident

log = logging.getLogger(__name__)

LOOK_AHEAD_DAYS: Final = 15
_DAY: Final = timedelta(days=1)


def channel_names(fleet: Fleet) -> tuple[str, ...]:
    """Every channel of a fleet, the default one first."""
    return (DEFAULT_CHANNEL, *(channel.name for channel in fleet.channel))


def router(fleet: Callable[[], Fleet]) -> Router:
    """The router of a fleet as it is at the moment; whatever is wrong with its routes, the default channel is told."""

    def route(incident: Incident, kind: AlertKind, before: Dues) -> Dues:
        try:
            return routed(fleet(), incident, kind, before, clock().wall)
        except Exception:  # a route that cannot be read must lose no alert, nor the transaction that it stands in
            log.exception("no route for alert %s of incident %d", kind, incident.id)
            return {DEFAULT_CHANNEL: None}

    return route


def routed(fleet: Fleet, incident: Incident, kind: AlertKind, before: Dues, now: int) -> Dues:
    """Where an alert goes.

    What ends or settles an incident follows it to the channels that heard of it, and overtakes nothing that waits
    there. Everything else takes every route that names its severity, and the default channel where none does.

    Args:
        before: where earlier alerts of the incident went.
        now: ms UTC.

    Returns:
        At least one channel, with the time (ms UTC) before which nothing is sent there; None for at once.
    """
    if kind in {"acknowledged", "closed"}:
        known = set(channel_names(fleet))
        heard = {name: due if due and due > now else None for name, due in before.items() if name in known}
        if heard:
            return heard
    severity = "SEV1" if kind == "escalated" else incident.severity
    dues: dict[str, int | None] = {}
    for route in fleet.route:
        if severity in route.severities:
            for name, due in _taken(route, route.zone or fleet.timezone, now):
                earlier = dues.get(name, due)
                dues[name] = None if due is None or earlier is None else min(due, earlier)
    return dues or {DEFAULT_CHANNEL: None}


def _taken(route: Route, zone: str, now: int) -> Iterator[tuple[str, int | None]]:
    due = opening(route, ZoneInfo(zone), now)
    if due is not None and route.otherwise != "wait":
        yield route.otherwise, None
    else:
        yield from ((name, due) for name in route.channels)


def opening(route: Route, zone: ZoneInfo, now: int) -> int | None:
    """When the hours of a route begin next (ms UTC); None while they last."""
    here = datetime.fromtimestamp(now / 1000, UTC)
    spans = list(_spans(route, zone, here))
    if any(start <= here < end for start, end in spans):
        return None
    later = [start for start, end in spans if here < start < end]
    return round(min(later).timestamp() * 1000) if later else None


def _spans(route: Route, zone: ZoneInfo, here: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Start and end, in UTC, of the hours that begin from yesterday on; clocks that change move them along."""
    start, _, end = route.hours.partition("-")
    today = here.astimezone(zone).date()
    for day in (today + _DAY * number for number in range(-1, LOOK_AHEAD_DAYS)):
        if DAYS[day.weekday()] in route.days:
            last = day if start < end != "24:00" else day + _DAY
            yield first_shown(_wall(day, start), zone), last_shown(_wall(last, end), zone)


def _wall(day: date, clock_time: str) -> datetime:
    return datetime.combine(day, time.fromisoformat("00:00" if clock_time == "24:00" else clock_time))
