"""Availability by day: a second is up, down, maintenance or not judged, whatever the clocks do at midnight."""

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.watch.api.availability import Day, Span, common, daily, length, overall, union, without

HOUR = 3_600_000
ZURICH = ZoneInfo("Europe/Zurich")
ZONES = [UTC, ZURICH, ZoneInfo("America/Sao_Paulo"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Atlantic/Azores")]


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


NOW = at("2026-11-26T12:00:00Z")
ALWAYS: list[Span] = [(0, 2**60)]


def one_day(day: list[Day], of: str) -> Day:
    return next(each for each in day if each.date == date.fromisoformat(of))


def test_a_node_without_an_incident_was_up_all_day() -> None:
    days = daily(ALWAYS, [], [], now=NOW, zone=UTC, days=90)
    assert (len(days), {day.availability for day in days}) == (90, {1.0})


def test_six_hours_of_incident_are_a_quarter_of_the_day() -> None:
    days = daily(ALWAYS, [(at("2026-11-24T06:00Z"), at("2026-11-24T12:00Z"))], [], now=NOW, zone=UTC, days=3)
    assert [day.availability for day in days] == [0.75, 1, 1]


def test_an_incident_over_midnight_counts_on_both_days() -> None:
    days = daily(ALWAYS, [(at("2026-11-24T23:00Z"), at("2026-11-25T02:00Z"))], [], now=NOW, zone=UTC, days=3)
    assert [day.down_ms // HOUR for day in days] == [1, 2, 0]


def test_an_open_incident_counts_until_now_and_today_is_as_long_as_it_has_gone() -> None:
    today = daily(ALWAYS, [(at("2026-11-26T09:00Z"), 2**60)], [], now=NOW, zone=UTC, days=1)[0]
    assert (today.judged_ms, today.down_ms, today.availability) == (12 * HOUR, 3 * HOUR, 0.75)


def test_maintenance_is_neither_up_nor_down() -> None:
    span = at("2026-11-25T00:00Z"), at("2026-11-25T12:00Z")
    day = daily(ALWAYS, [span], [span], now=NOW, zone=UTC, days=2)[0]
    assert (day.availability, day.judged_ms, day.maintenance_ms) == (1, 12 * HOUR, 12 * HOUR)


def test_a_day_before_the_node_was_judged_is_not_known() -> None:
    days = daily([(at("2026-11-25T18:00Z"), NOW)], [], [], now=NOW, zone=UTC, days=3)
    assert [day.availability for day in days] == [None, 1, 1]
    assert days[1].judged_ms == 6 * HOUR


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_day_is_as_long_as_its_clocks_make_it(day: str, hours: int) -> None:
    days = daily(ALWAYS, [], [], now=NOW, zone=ZURICH, days=300)
    assert one_day(days, day).judged_ms == hours * HOUR


def test_a_long_day_weighs_more_than_a_short_one() -> None:
    days = [Day(date(2026, 1, 1), 100, 100, 0), Day(date(2026, 1, 2), 300, 0, 0), Day(date(2026, 1, 3), 0, 0, 50)]
    assert overall(days) == 0.75


def test_nothing_judged_is_not_known_rather_than_perfect() -> None:
    assert overall([Day(date(2026, 1, 1), 0, 0, 0)]) is None


instants = st.integers(at("2026-02-01T00:00Z"), at("2026-12-01T00:00Z"))
spans = st.lists(st.tuples(instants, instants).map(lambda pair: (min(pair), max(pair))), max_size=6)


@given(judged=spans, down=spans, maintenance=spans, now=instants, zone=st.sampled_from(ZONES))
def test_days_are_contiguous_and_add_up(
    judged: list[Span], down: list[Span], maintenance: list[Span], now: int, zone: ZoneInfo
) -> None:
    days = daily(judged, down, maintenance, now=now, zone=zone, days=330)
    past = union([(start, min(end, now)) for start, end in judged])
    excused = union(maintenance)
    assert sum(day.judged_ms + day.maintenance_ms for day in days) == length(past)
    assert sum(day.maintenance_ms for day in days) == length(common(past, excused))
    assert sum(day.down_ms for day in days) == length(common(without(past, excused), union(down)))
    assert all(0 <= day.down_ms <= day.judged_ms for day in days)
    assert all(0 <= day.availability <= 1 for day in days if day.availability is not None)


@given(one=spans, other=spans)
def test_what_is_in_both_and_what_is_in_one_alone_make_it_whole(one: list[Span], other: list[Span]) -> None:
    mine, theirs = union(one), union(other)
    assert union([*common(mine, theirs), *without(mine, theirs)]) == mine
    assert common(without(mine, theirs), theirs) == []


@given(spans)
def test_a_union_is_in_order_and_its_spans_do_not_touch(given: list[Span]) -> None:
    joined = union(given)
    assert all(first[1] < second[0] for first, second in pairwise(joined))
