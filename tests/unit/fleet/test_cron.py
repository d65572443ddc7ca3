"""Cron: what its fields let through, and what clocks that change do to it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.cron import Cron

ZURICH = "Europe/Zurich"  # forward on 2026-03-29 at 02:00 to 03:00, back on 2026-10-25 at 03:00 to 02:00


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def fires(text: str, after: str, times: int, zone: str = "UTC") -> list[str]:
    cron, now, found = Cron.read(text, zone), at(after), []
    for _ in range(times):
        following = cron.following(now)
        assert following is not None
        found.append(f"{following:%a %m-%d %H:%M}")
        now = following
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("30 2 * * *", ["Thu 01-01 02:30", "Fri 01-02 02:30"]),
        ("*/20 0 * * *", ["Thu 01-01 00:20", "Thu 01-01 00:40"]),
        ("0 2 * * sun", ["Sun 01-04 02:00", "Sun 01-11 02:00"]),
        ("0 2 * * 7", ["Sun 01-04 02:00", "Sun 01-11 02:00"]),
        ("0 2 15 feb,mar *", ["Sun 02-15 02:00", "Sun 03-15 02:00"]),
        ("0 2 13 * fri", ["Fri 01-02 02:00", "Fri 01-09 02:00"]),
        ("15 9-17/4 * * mon-fri", ["Thu 01-01 09:15", "Thu 01-01 13:15"]),
    ],
)
def test_when_it_fires(text: str, found: list[str]) -> None:
    assert fires(text, "2026-01-01 00:00", 2) == found


def test_a_day_that_comes_every_four_years() -> None:
    assert fires("0 0 29 2 *", "2026-01-01 00:00", 1) == ["Tue 02-29 00:00"]


def test_a_day_that_never_comes() -> None:
    assert Cron.read("0 0 31 2 *", "UTC").following(at("2026-01-01 00:00")) is None


def test_a_time_that_clocks_skip_fires_at_the_change() -> None:
    assert fires("30 2 * * *", "2026-03-28 12:00", 2, ZURICH) == ["Sun 03-29 01:00", "Mon 03-30 00:30"]


def test_a_time_that_clocks_show_twice_fires_once() -> None:
    assert fires("30 2 * * *", "2026-10-24 12:00", 2, ZURICH) == ["Sun 10-25 00:30", "Mon 10-26 01:30"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "5-2 * * * *",
        "*/0 * * * *",
        "a * * * *",
    ],
)
def test_what_says_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"cron|between"):
        Cron.read(text, "UTC")


@given(
    st.integers(0, 59),
    st.integers(0, 23),
    st.sampled_from(["UTC", ZURICH, "Australia/Lord_Howe", "America/Sao_Paulo"]),
    st.datetimes(at("2020-01-01").replace(tzinfo=None), at("2035-01-01").replace(tzinfo=None)),
)
def test_a_daily_time_fires_once_a_day_and_is_found_from_both_sides(
    minute: int, hour: int, zone: str, now: datetime
) -> None:
    cron, moment = Cron.read(f"{minute} {hour} * * *", zone), now.replace(tzinfo=UTC)
    following = cron.following(moment)
    assert following is not None
    assert timedelta(0) < following - moment <= timedelta(hours=25)
    assert cron.last(following, timedelta(days=2)) == following
    assert cron.last(following - timedelta(seconds=1), timedelta(days=2)) < following  # type: ignore[operator]
