"""Which of a node's backups stay. Pure."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from noc.fleet.backing import Backup

NEWEST: Final = "the newest"


def reasons(times: Sequence[datetime], terms: Backup) -> dict[datetime, str]:
    """Why each backup stays.

    Of each of the newest so many hours, days and weeks that have a backup at all, the newest stays; and the newest of
    all, always. Counting only those that have one is what keeps old backups where none were made for a while.

    Args:
        times: when they were taken, in any order.
        terms: how many.

    Returns:
        Time → why in words, for those that stay; all others go.
    """
    newest_first = sorted(set(times), reverse=True)
    found: dict[datetime, str] = {}
    for word, most, period in (
        ("hour", terms.hourly, _hour),
        ("day", terms.daily, _day),
        ("week", terms.weekly, _week),
    ):
        for at in _newest_of_each(newest_first, period)[:most]:
            found.setdefault(at, f"the newest of its {word}")
    if newest_first:
        found[newest_first[0]] = NEWEST
    return found


def _newest_of_each(newest_first: Sequence[datetime], period: Callable[[datetime], tuple[int, ...]]) -> list[datetime]:
    first: dict[tuple[int, ...], datetime] = {}
    for at in newest_first:
        first.setdefault(period(at.astimezone(UTC)), at)
    return list(first.values())


def _hour(at: datetime) -> tuple[int, ...]:
    return at.year, at.month, at.day, at.hour


def _day(at: datetime) -> tuple[int, ...]:
    return at.year, at.month, at.day


def _week(at: datetime) -> tuple[int, ...]:
    return tuple(at.isocalendar())[:2]
