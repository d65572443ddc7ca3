"""Times that repeat as cron(5) writes them: minute, hour, day of the month, month, day of the week.

Fields hold `*`, numbers, ranges `1-5`, lists `1,3`, and steps `*/15`; 0 and 7 are Sunday, and names of three letters
stand for months and days. Where both days are given, either fires, as in cron. Clocks are those of a zone: a time that
they skip fires at the change, one that they show twice fires once, the first time.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo

from noc.fleet.windows import first_shown

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_PART: Final = re.compile(r"(?:(\*)|([a-z]{3}|\d{1,2})(?:-([a-z]{3}|\d{1,2}))?)(?:/(\d{1,2}))?", re.ASCII)
_FAR_DAYS: Final = 4 * 366 + 2  # the 29th of February comes within that, but for 2100


def _number(text: str, field: str) -> int:
    names: tuple[str, ...] = {"month": _MONTHS, "weekday": _DAYS}.get(field, ())
    if text in names:
        return names.index(text) + (field == "month")
    return int(text)


def _part(text: str, field: str, least: int, most: int) -> Iterator[int]:
    found = _PART.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no {field} of cron")
    every, first, last, step = found.groups()
    start = least if every else _number(first, field)
    end = most if every or (step and not last) else _number(last or first, field)
    if not least <= start <= end <= most or step == "0":
        raise ValueError(f"{text!r} is no {field} between {least} and {most}")
    yield from range(start, end + 1, int(step or 1))


@dataclass(frozen=True)
class Cron:
    """Five fields, read: the numbers that each lets through."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    zone: ZoneInfo

    @classmethod
    def read(cls, text: str, zone: str) -> Self:
        """Read `30 2 * * sun`.

        Raises:
            ValueError, KeyError: it has not five fields, one of them says nothing, or the zone does not exist.
        """
        texts = text.lower().split()
        if len(texts) != len(_FIELDS):
            raise ValueError(f"{text!r} has not the five fields of cron")
        sets = [
            sorted({number for part in field.split(",") for number in _part(part, name, least, most)})
            for field, (name, least, most) in zip(texts, _FIELDS, strict=True)
        ]
        minutes, hours, days, months, weekdays = sets
        either = not texts[2].startswith("*") and not texts[4].startswith("*")
        weekday_set = frozenset(number % 7 for number in weekdays)
        return cls(
            tuple(minutes), tuple(hours), frozenset(days), frozenset(months), weekday_set, either, ZoneInfo(zone)
        )

    def following(self, now: datetime) -> datetime | None:
        """When it fires next, in UTC, later than an aware time; None where that is not within four years."""
        day = now.astimezone(self.zone).date() - timedelta(days=1)
        for _ in range(_FAR_DAYS):
            for wall in self._walls(day):
                if (instant := first_shown(wall, self.zone)) > now:
                    return instant
            day += timedelta(days=1)
        return None

    def last(self, now: datetime, within: timedelta) -> datetime | None:
        """When it last fired, in UTC, not later than an aware time; None where that was not within so long before."""
        day = now.astimezone(self.zone).date()
        for _ in range(within.days + 3):
            for wall in reversed(list(self._walls(day))):
                if (instant := first_shown(wall, self.zone)) <= now:
                    return instant if instant > now - within else None
            day -= timedelta(days=1)
        return None

    def shows(self, at: datetime) -> bool:
        """Whether its clocks show one of its times at an aware time: not where they skip to it."""
        wall = at.astimezone(self.zone)
        return wall.minute in self.minutes and wall.hour in self.hours and self._fits(wall.date())

    def _fits(self, day: date) -> bool:
        on_date, on_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        fits = (on_date or on_weekday) if self.either_day else (on_date and on_weekday)
        return fits and day.month in self.months

    def _walls(self, day: date) -> Iterator[datetime]:
        if self._fits(day):
            for hour in self.hours:
                for minute in self.minutes:
                    yield datetime.combine(day, time(hour, minute))
