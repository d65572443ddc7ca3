"""Freeze windows: the two forms of a moment, what is wrong with a window, and both changes of clock."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from noc.fleet.errors import FleetProblems
from noc.fleet.load import load
from noc.fleet.windows import Window, first_shown, last_shown, mistakes, read_wall

ZURICH = ZoneInfo("Europe/Zurich")


def test_a_weekly_time_counts_from_monday() -> None:
    assert read_wall("Fri 17:05") == timedelta(days=4, hours=17, minutes=5)


def test_a_date_is_a_wall_clocks_time() -> None:
    assert read_wall("2026-12-20 00:00") == datetime(2026, 12, 20)  # noqa: DTZ001 - a wall clock knows no zone


@pytest.mark.parametrize(
    "text",
    ["Fri 24:00", "Fri 17:60", "fri 17:00", "Friday 17:00", "Fri 7:00", "Fri", "", "2026-02-30 00:00",
     "2026-12-20T00:00", "2026-12-20", "0001-01-01 00:00", "9999-12-31 23:59", "Fri 17:00\n", "٢٠٢٦-12-20 00:00"],
)  # fmt: skip
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"moment|day|month"):
        read_wall(text)


WRONG = [
    (("Fri 25:00", "Mon 07:00", "Europe/Zurich"), "from", "is no time of a week and no day of the calendar"),
    (("Fri 17:00", "2026-02-30 07:00", "Europe/Zurich"), "until", "is no time of a week and no day of the calendar"),
    (("Fri 17:00", "2026-12-20 07:00", "Europe/Zurich"), "until", "begins in one form and ends in the other"),
    (("Fri 17:00", "Fri 17:00", "Europe/Zurich"), "until", "the window is empty"),
    (("2026-12-20 00:00", "2026-12-20 00:00", "Europe/Zurich"), "until", "the window is empty"),
    (("2026-12-20 00:00", "2026-12-19 23:59", "Europe/Zurich"), "until", "ends before it begins"),
    (("2026-03-29 02:10", "2026-03-29 02:50", "Europe/Zurich"), "until", "clocks in Europe/Zurich skip it"),
]


@pytest.mark.parametrize(("window", "key", "what"), WRONG)
def test_a_window_that_makes_no_sense_is_named_with_what_mends_it(
    window: tuple[str, str, str], key: str, what: str
) -> None:
    ((at, words, fix),) = mistakes(*window)
    assert (at, what in words, bool(fix)) == (key, True, True)


@pytest.mark.parametrize(
    "window",
    [
        ("Fri 17:00", "Mon 07:00", "Europe/Zurich"),
        ("Sun 23:00", "Sun 22:00", "UTC"),
        ("2026-12-20 00:00", "2027-01-04 07:00", "Europe/Zurich"),
        ("2026-03-29 02:10", "2026-03-29 03:01", "Europe/Zurich"),
    ],
)
def test_a_window_that_makes_sense_is_left_alone(window: tuple[str, str, str]) -> None:
    assert list(mistakes(*window)) == []


def test_each_mistake_of_a_fleet_file_is_named_at_its_line(fleet_file: Callable[..., Path]) -> None:
    directory = fleet_file()
    path = directory / "fleet.toml"
    lines = len(path.read_text().splitlines())
    path.write_text(
        path.read_text()
        + '[[freeze]]\nfrom = "Fri 17:00"\nuntil = "2026-12-20 00:00"\nzone = "Europe/Zuerich"\nreason = "weekend"\n'
    )
    with pytest.raises(FleetProblems) as caught:
        load(directory)
    assert [(problem.line - lines, problem.what) for problem in caught.value.problems] == [
        (3, "the window begins in one form and ends in the other"),
        (4, "timezone 'Europe/Zuerich' is not known here"),
    ]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_time_that_clocks_skip_is_the_instant_of_the_change() -> None:
    skipped = wall("2026-03-29 02:30")
    assert first_shown(skipped, ZURICH) == last_shown(skipped, ZURICH) == instant("2026-03-29 01:00")


def test_a_time_that_clocks_show_twice_begins_first_and_ends_last() -> None:
    twice = wall("2026-10-25 02:30")
    assert first_shown(twice, ZURICH) == instant("2026-10-25 00:30")
    assert last_shown(twice, ZURICH) == instant("2026-10-25 01:30")


def test_a_change_of_half_an_hour_is_found_to_the_second() -> None:
    assert first_shown(wall("2026-10-04 02:15"), ZoneInfo("Australia/Lord_Howe")) == instant("2026-10-03 15:30")


def test_a_weekly_window_runs_over_the_end_of_a_year() -> None:
    window = Window.read("Wed 20:00", "Fri 06:00", "Europe/Zurich")  # 2026-12-31 is a Thursday
    assert window.holding(instant("2026-12-31 23:30")) == instant("2027-01-01 05:00")


def test_a_window_that_begins_and_ends_in_a_skipped_hour_holds_not_at_all_that_week() -> None:
    window = Window.read("Sun 02:10", "Sun 02:50", "Europe/Zurich")
    assert window.holding(instant("2026-03-29 01:00")) is None
    assert window.holding(instant("2026-03-22 01:20")) == instant("2026-03-22 01:50")
