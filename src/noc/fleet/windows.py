"""The times of a freeze window: weekly (`Fri 17:00`) or once (`2026-12-20 00:00`), as clocks in its zone show them.

Clocks are set forward and back. A window begins when its clocks first show its start or have skipped it, and ends when
they last show its end or have skipped it: an hour that they show twice is wholly inside a window that touches it.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FORMS = 'write it weekly as "Fri 17:00", or once as "2026-12-20 00:00"'

_WEEKLY = re.compile(rf"({'|'.join(DAYS)}) ([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_ONCE = re.compile(r"2\d{3}-\d{2}-\d{2} \d{2}:\d{2}", re.ASCII)
_WEEK = timedelta(days=7)

Wall = datetime | timedelta
"""What clocks show: once as a date and time without a zone, weekly as the time since Monday 00:00."""


def read_wall(text: str) -> Wall:
    """What a fleet file calls a moment.

    Raises:
        ValueError: the text has neither form, or names a day that no calendar has.
    """
    if weekly := _WEEKLY.fullmatch(text):
        day, hour, minute = weekly.groups()
        return timedelta(days=DAYS.index(day), hours=int(hour), minutes=int(minute))
    if _ONCE.fullmatch(text):
        return datetime.fromisoformat(text)
    raise ValueError(f"{text!r} is no moment")


@dataclass(frozen=True)
class Window:
    """A window that was read; `start` and `end` are of one form."""

    start: Wall
    end: Wall
    zone: ZoneInfo

    @classmethod
    def read(cls, start: str, end: str, zone: str) -> Self:
        """Read the three texts of a `[[freeze]]`; `mistakes` says what can be wrong with them.

        Raises:
            ValueError, KeyError: a moment or the zone does not exist.
        """
        return cls(read_wall(start), read_wall(end), ZoneInfo(zone))

    def holding(self, now: datetime) -> datetime | None:
        """When the window ends, in UTC, where it holds at an instant; None where it does not.

        Args:
            now: an aware time.
        """
        spans = ((first_shown(start, self.zone), last_shown(end, self.zone)) for start, end in self._around(now))
        return next((end for start, end in spans if start <= now < end), None)

    def following(self, now: datetime) -> datetime | None:
        """When the window begins next, in UTC, later than an instant; None where it never does again.

        Args:
            now: an aware time.
        """
        if isinstance(self.start, datetime):
            starts = [self.start]
        else:
            monday = self._monday(now)
            starts = [monday + week * _WEEK + self.start for week in range(3)]
        instants = (first_shown(start, self.zone) for start in starts)
        return next((instant for instant in instants if instant > now), None)

    def _monday(self, now: datetime) -> datetime:
        """The start of the week before the one that clocks show at an instant, as they show it."""
        local = now.astimezone(self.zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
        return local - timedelta(days=local.weekday()) - _WEEK

    def _around(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Start and end, as clocks show them, of each occurrence that could hold at an instant."""
        if isinstance(self.start, datetime) and isinstance(self.end, datetime):
            yield self.start, self.end
        elif isinstance(self.start, timedelta) and isinstance(self.end, timedelta):
            before = self._monday(now)
            for week in (before, before + _WEEK):
                start = week + self.start
                yield start, start + (self.end - self.start) % _WEEK


def first_shown(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant, in UTC, at which clocks in a zone show a time, or the one at which they skip it."""
    return _shown(wall, zone)[0]


def last_shown(wall: datetime, zone: ZoneInfo) -> datetime:
    """The last instant, in UTC, at which clocks in a zone begin to show a time, or the one at which they skip it."""
    return _shown(wall, zone)[1]


def _shown(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    early, late = sorted(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if early.astimezone(zone).replace(tzinfo=None) == wall:
        return early, late
    # PEP 495: for a time that is skipped the two folds lie on both sides of the change.
    before = early.astimezone(zone).utcoffset()
    seconds = range(int(early.timestamp()), int(late.timestamp()) + 1)
    changed = bisect_left(seconds, True, key=lambda at: datetime.fromtimestamp(at, zone).utcoffset() != before)
    instant = datetime.fromtimestamp(seconds[changed], UTC)
    return instant, instant


def mistakes(start: str, end: str, zone: str) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a window, each with the key of `[[freeze]]` that it concerns and what mends it.

    A zone that is not known is named elsewhere, as for every other key that takes one.
    """
    walls = {}
    for key, text in (("from", start), ("until", end)):
        try:
            walls[key] = read_wall(text)
        except ValueError:
            yield key, f"{key} = {text!r} is no time of a week and no day of the calendar", FORMS
    if len(walls) == 2:
        yield from _contradictions(walls["from"], walls["until"], zone)


def _contradictions(start: Wall, end: Wall, zone: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(start, timedelta) and isinstance(end, timedelta):
        if start == end:
            yield "until", "the window is empty: it ends when it begins", "name the time at which runs may begin again"
    elif isinstance(start, datetime) and isinstance(end, datetime):
        yield from _emptiness(start, end, zone)
    else:
        yield "until", "the window begins in one form and ends in the other", "write both weekly, or both as dates"


def _emptiness(start: datetime, end: datetime, zone: str) -> Iterator[tuple[str, str, str]]:
    if end < start:
        yield "until", "the window ends before it begins", "exchange from and until"
    elif end == start:
        yield "until", "the window is empty: it ends when it begins", "name the time at which runs may begin again"
    elif known_zone(zone) and last_shown(end, ZoneInfo(zone)) <= first_shown(start, ZoneInfo(zone)):
        yield "until", f"the window is empty: clocks in {zone} skip it", "name a time that clocks there show"


def known_zone(zone: str) -> bool:
    """Whether this machine knows an IANA time zone of that name."""
    try:
        ZoneInfo(zone)
    except (OSError, ValueError, KeyError):
        return False
    return True
