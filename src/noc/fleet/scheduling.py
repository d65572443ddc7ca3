"""`[[schedule]]`: what HQ does by itself, and when."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from noc.fleet.cron import Cron
from noc.fleet.part import Part

Job = Literal["backup", "hub-backup", "certificates", "prices", "os-update", "briefing", "audit-head"]
"""Backups of all nodes; HQ's own, to the second place; a look at every certificate; the provider's prices read anew;
the weekly update of the nodes' systems; the day's briefing; the audit's last entry, noted in the second place."""
Missed = Literal["catch-up", "skip"]

_DAY: Final = timedelta(days=1)
_YEARS: Final = 2
"""Clocks change by rules that repeat each year."""


class Schedule(Part):
    """One job.

    Attributes:
        job: what is done.
        cron: when, as cron(5) writes it, on clocks of `zone` (the fleet's where left out).
        missed: what becomes of a time at which HQ was off: done once HQ is back, or left out.
        within: minutes that it may take; longer is a failure.
    """

    job: Job
    cron: Annotated[str, Field(max_length=100)]
    zone: str | None = None
    missed: Missed = "catch-up"
    within: Annotated[int, Field(ge=1, le=1_440)] = 60

    def times(self, timezone: str) -> Cron:
        """Its times, on its own clocks or on those of the fleet's timezone."""
        return Cron.read(self.cron, self.zone or timezone)


def next_time(times: Cron, now: datetime) -> datetime | None:
    """When a job begins next, in UTC, later than an aware time; None for never.

    As systemd has it (systemd.time(7)): a time that clocks skip is left out on that day, one that they show twice comes
    the first time.
    """
    following = times.following(now)
    while following is not None and not times.shows(following):
        following = times.following(following)
    return following


def skipped(times: Cron, year: int) -> Iterator[datetime]:
    """The changes of clocks (UTC) by which a day has no run that would have had one, in a year and the one after."""
    for change in _forward(times.zone, year):
        midnight = change.astimezone(times.zone).replace(hour=0, minute=0)
        before = midnight.astimezone(UTC) - timedelta(minutes=1)
        meant, comes = (
            found is not None and found.astimezone(times.zone).date() == midnight.date()
            for found in (times.following(before), next_time(times, before))
        )
        if meant and not comes:
            yield change


def _forward(zone: ZoneInfo, year: int) -> Iterator[datetime]:
    """The instants (UTC, to the minute) at which clocks of a zone are set forward."""
    at, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + _YEARS, 1, 1, tzinfo=UTC)
    while at < end:
        if _offset(at + _DAY, zone) > _offset(at, zone):
            early, late = 0, 1_440
            while late - early > 1:
                middle = (early + late) // 2
                is_later = _offset(at + timedelta(minutes=middle), zone) > _offset(at, zone)
                early, late = (early, middle) if is_later else (middle, late)
            yield at + timedelta(minutes=late)
        at += _DAY


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None, "a zone has an offset at any time"
    return offset
