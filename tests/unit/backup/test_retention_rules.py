"""Which backups stay: rules over any times, and over a fleet's ordinary nights."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from noc.backup.retention import NEWEST, reasons
from noc.fleet.backing import Backup

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
times = st.lists(st.integers(0, 3_000).map(lambda hours: NOW - timedelta(hours=hours)), max_size=60)
counts = st.integers(0, 20)
terms = st.builds(Backup, hourly=counts, daily=counts, weekly=counts)


def kept(found: Sequence[datetime], by: Backup) -> list[datetime]:
    return sorted(reasons(found, by), reverse=True)


@given(times, terms)
def test_the_newest_always_stays(found: list[datetime], by: Backup) -> None:
    assert not found or reasons(found, by)[max(found)] == NEWEST


@given(times, terms)
def test_what_stays_was_there(found: list[datetime], by: Backup) -> None:
    assert set(reasons(found, by)) <= set(found)


@given(times, terms)
def test_no_more_stay_than_were_asked_for(found: list[datetime], by: Backup) -> None:
    assert len(reasons(found, by)) <= by.hourly + by.daily + by.weekly + 1


@given(times, terms)
def test_a_second_look_lets_nothing_more_go(found: list[datetime], by: Backup) -> None:
    once = kept(found, by)
    assert kept(once, by) == once


@given(times, terms, counts)
def test_who_keeps_more_loses_nothing(found: list[datetime], by: Backup, more: int) -> None:
    wider = Backup(hourly=by.hourly + more, daily=by.daily + more, weekly=by.weekly + more)
    assert set(reasons(found, by)) <= set(reasons(found, wider))


@given(times, terms)
def test_each_of_the_newest_days_that_have_one_keeps_one(found: list[datetime], by: Backup) -> None:
    days = sorted({at.date() for at in found}, reverse=True)[: by.daily]
    assert set(days) <= {at.date() for at in reasons(found, by)}


def test_a_year_of_nights_leaves_nights_and_weeks() -> None:
    nights = [NOW - timedelta(days=night) for night in range(365)]
    left = kept(nights, Backup(hourly=0, daily=14, weekly=8))
    assert left[:14] == nights[:14]
    assert len(left) == 14 + 5  # three of the eight weeks end within the fourteen days
    assert NOW - left[-1] < timedelta(weeks=8)


def test_a_summer_without_backups_lets_none_of_the_old_ones_go() -> None:
    before = [NOW - timedelta(days=90 + night) for night in range(5)]
    assert kept([NOW, *before], Backup(hourly=0, daily=14, weekly=0)) == [NOW, *before]
