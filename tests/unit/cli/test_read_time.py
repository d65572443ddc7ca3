"""Times as people type them for a backup: in the past, on the fleet's clock where they have no zone of their own."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.cli.times import read_time
from noc.errors import Usage

ZURICH = ZoneInfo("Europe/Zurich")
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=ZURICH)


def utc(text: str, now: datetime = NOW) -> str:
    return f"{read_time(text, now).astimezone(UTC):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-03-02 08:30"),
        ("2h ago", "2026-03-02 06:30"),
        ("3d ago", "2026-02-27 08:30"),
        ("today 08:00", "2026-03-02 07:00"),
        ("yesterday 18:00", "2026-03-01 17:00"),
        ("2026-03-01T18:00+01:00", "2026-03-01 17:00"),
        ("2026-03-01T18:00:00Z", "2026-03-01 18:00"),
        (" 2026-03-01 18:00-05:00 ", "2026-03-01 23:00"),
    ],
)
def test_a_time_is_read(text: str, expected: str) -> None:
    assert utc(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026-03-01 18:00",
        "2026-03-01",
        "yesterday",
        "yesterday 25:00",
        "2 ago",
        "h ago",
        "2h",
        "9999999h ago",
    ],
)
def test_what_is_no_one_time_is_refused(text: str) -> None:
    with pytest.raises(Usage):
        read_time(text, NOW)


@pytest.mark.parametrize("text", ["today 23:00", "2026-03-02T10:00+01:00", "2030-01-01T00:00Z"])
def test_no_backup_is_of_a_time_to_come(text: str) -> None:
    with pytest.raises(Usage, match="lies ahead"):
        read_time(text, NOW)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("yesterday 02:30", datetime(2026, 3, 30, 9, tzinfo=ZURICH)),
        ("today 02:30", datetime(2026, 10, 25, 9, tzinfo=ZURICH)),
    ],
)
def test_a_time_that_a_clock_showed_twice_or_never_is_asked_for_with_its_zone(text: str, day: datetime) -> None:
    with pytest.raises(Usage, match="no one time"):
        read_time(text, day)


def test_yesterday_is_the_day_before_also_where_a_day_had_23_hours() -> None:
    assert utc("yesterday 12:00", datetime(2026, 3, 30, 0, 30, tzinfo=ZURICH)) == "2026-03-29 10:00"


@given(st.timedeltas(timedelta(), timedelta(days=9000)), st.timezones())
def test_any_moment_is_read_as_it_was_written(before: timedelta, zone: ZoneInfo) -> None:
    exact = (NOW - before).astimezone(zone)
    assert read_time(exact.isoformat(), NOW) == exact


@given(st.integers(1, 10_000), st.sampled_from("mhd"))
def test_a_span_ago_is_so_long_ago_whatever_clocks_did_in_between(count: int, unit: str) -> None:
    expected = timedelta(**{{"m": "minutes", "h": "hours", "d": "days"}[unit]: count})
    try:
        found = read_time(f"{count}{unit} ago", NOW)
    except Usage:
        assert expected > timedelta(days=3650)
    else:
        assert NOW.astimezone(UTC) - found.astimezone(UTC) == expected
