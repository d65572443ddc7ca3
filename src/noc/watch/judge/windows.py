"""Maintenance: when a window holds, and for whom. What clocks do in its zone, both changes of the year included, is the
fleet file's own reading of a window.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from noc.fleet import windows
from noc.fleet.cron import Cron
from noc.fleet.windows import read_wall
from noc.watch.store.records import Window

STEPPED_MS: Final = 1_000
_WEEK = timedelta(days=7)


class Schedule(Protocol):
    """When something holds; instants are aware times."""

    def holding(self, now: datetime) -> datetime | None:
        """Until when it holds, in UTC; None where it does not hold now."""

    def following(self, now: datetime) -> datetime | None:
        """When it begins next, in UTC, later than now; None for never."""


@dataclass(frozen=True)
class Once:
    """From one instant to another."""

    start: datetime
    end: datetime

    def holding(self, now: datetime) -> datetime | None:
        """Until when it holds; None where it does not."""
        return self.end if self.start <= now < self.end else None

    def following(self, now: datetime) -> datetime | None:
        """Its start, while that lies ahead."""
        return self.start if self.start > now else None


@dataclass(frozen=True)
class Repeated:
    """For a time from each instant at which cron fires."""

    cron: Cron
    lasts: timedelta

    def holding(self, now: datetime) -> datetime | None:
        """Until when the last start before now holds; None where none does."""
        start = self.cron.last(now, self.lasts)
        return None if start is None else start + self.lasts

    def following(self, now: datetime) -> datetime | None:
        """When cron fires next."""
        return self.cron.following(now)


def schedule(window: Window) -> Schedule:
    """Read when a window holds.

    Raises:
        ValueError, KeyError: its `spec` says no time, it is as long as what it repeats, or its zone does not exist.
    """
    lasts = timedelta(minutes=window.minutes)
    if window.starts is not None:
        start = datetime.fromtimestamp(window.starts / 1000, UTC)
        return Once(start, start + lasts)
    if window.kind == "cron":
        return Repeated(Cron.read(window.spec, window.zone), lasts)
    start_wall = read_wall(window.spec)
    if isinstance(start_wall, timedelta) and lasts >= _WEEK:
        raise ValueError("a weekly window is shorter than a week")
    return windows.Window(start_wall, start_wall + lasts, ZoneInfo(window.zone))


@dataclass
class Planned:
    """A window with its reading.

    Attributes:
        names: whom it concerns.
        until: until when it holds (ms UTC); None while it does not.
    """

    window: Window
    names: frozenset[str]
    when: Schedule
    until: int | None = None


class Calendar:
    """All windows, and which of them hold. Times are ms UTC."""

    def __init__(self) -> None:
        """No window yet."""
        self.planned: dict[str, Planned] = {}
        self.change = inf
        self._looked = 0

    def add(self, window: Window, names: frozenset[str]) -> None:
        """Take a window, or the new names of one. Raises ValueError or KeyError, as `schedule` does."""
        known = self.planned.get(window.id)
        until = known.until if known is not None and known.window == window else None
        self.planned[window.id] = Planned(window, names, schedule(window), until)
        self.change = -inf

    def remove(self, name: str) -> Planned | None:
        """Forget a window."""
        self.change = -inf
        return self.planned.pop(name, None)

    def next_change(self, at: int) -> float:
        """When a look finds something new; minus infinity where clocks were set back since the last one."""
        return self.change if at > self._looked - STEPPED_MS else -inf

    def look(self, at: int) -> tuple[list[Planned], list[Planned], list[Planned]]:
        """What changed since the last look: windows that began, that ended, and that will never hold again."""
        now = datetime.fromtimestamp(at / 1000, UTC)
        began, ended, past, changes = [], [], [], []
        for each in self.planned.values():
            end, following = each.when.holding(now), each.when.following(now)
            before, each.until = each.until, None if end is None else _ms(end)
            if before is None and end is not None:
                began.append(each)
            elif before is not None and end is None:
                ended.append(each)
            if end is None and following is None:
                past.append(each)
            changes += [_ms(instant) for instant in (end, following) if instant is not None]
        self._looked, self.change = at, min(changes, default=inf)
        return began, ended, past

    def holding(self, name: str) -> frozenset[str]:
        """The ids of the windows that hold for a node, or for HQ."""
        return frozenset(key for key, each in self.planned.items() if each.until is not None and name in each.names)


def resolve(scope: Iterable[str], scopes: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Whom the words of a scope mean; a word that means nobody any more is passed over."""
    return frozenset().union(*(scopes.get(word, frozenset()) for word in scope))


def _ms(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)
