"""Charts and sparklines: gaps stay open, axes have round numbers, and nothing is drawn outside of the picture."""

import re
from math import floor, log10
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from noc.watch.pages import charts, trails
from noc.watch.pages.charts import Axis, amount, chart, nice, scale, strokes, thinned
from noc.watch.store.history import Point

MINUTE = 60_000
DAY = 86_400_000
NOW = 1_772_366_400_000  # 2026-03-01 12:00 UTC
AXIS = Axis("1h", NOW - 60 * MINUTE, NOW, ZoneInfo("Europe/Zurich"))


def minutes(*numbers: int, value: float = 40.0) -> list[Point]:
    return [Point(AXIS.since + number * MINUTE, value, value + 1, value + 0.5, 2) for number in numbers]


def test_a_time_without_a_push_is_a_gap_in_the_line() -> None:
    drawn = chart("ram_mb", "Memory", "MiB", minutes(*range(1, 20), *range(30, 50)), AXIS, grain=60)
    assert drawn is not None
    assert drawn.line.count("M") == 2
    assert drawn.said == "Memory: 40.5 MiB at the end, from 40 MiB to 41 MiB, 1 gap"


def test_one_late_bucket_is_no_gap() -> None:
    assert len(list(strokes(minutes(1, 2, 3, 4), 1.5 * MINUTE))) == 1


def test_nothing_known_is_no_chart() -> None:
    assert chart("ram_mb", "Memory", "MiB", [], AXIS, grain=60) is None


def test_a_lone_point_can_be_seen() -> None:
    drawn = chart("ram_mb", "Memory", "MiB", minutes(30), AXIS, grain=60)
    assert drawn is not None
    assert drawn.line.endswith("h1")


def test_marks_stand_at_full_hours_of_the_fleets_clock() -> None:
    day = Axis("24h", NOW - DAY, NOW, ZoneInfo("Asia/Kolkata"))
    assert [tick.text for tick in day.ticks()] == ["20:00", "00:00", "04:00", "08:00", "12:00", "16:00"]


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=200))
def test_whatever_a_node_says_stays_inside_of_the_picture(values: list[float]) -> None:
    points = [Point(AXIS.since + n * MINUTE // 4, v, v, v, 1) for n, v in enumerate(values)]
    drawn = chart("ram_mb", "Memory", "MiB", points, AXIS, grain=15)
    assert drawn is not None
    numbers = [float(number) for number in re.findall(r"[ML][\d.]+ (-?[\d.]+)", drawn.line)]
    assert all(charts.TOP - 0.1 <= number <= charts.HEIGHT - charts.BOTTOM + 0.1 for number in numbers)


@given(st.lists(st.integers(0, 59), min_size=1, max_size=60, unique=True).map(sorted), st.floats(0, 100))
def test_thinning_keeps_extremes_counts_and_order(numbers: list[int], value: float) -> None:
    year = Axis("1y", NOW - 365 * DAY, NOW, ZoneInfo("UTC"))
    points = [Point(year.since + n * DAY, value - n, value + n, value, n + 1) for n in numbers]
    few = list(thinned(points, year, 86_400))
    assert (min(p.least for p in few), max(p.most for p in few)) == (
        min(p.least for p in points),
        max(p.most for p in points),
    )
    assert sum(p.count for p in few) == sum(p.count for p in points)
    assert [p.at for p in few] == sorted(p.at for p in few)


@given(st.floats(1e-6, 1e9))
def test_a_step_is_the_next_round_number(step: float) -> None:
    rounded = nice(step)
    assert step * 0.999 <= rounded <= step * 2.51
    assert round(rounded / 10 ** floor(log10(rounded) + 1e-9), 6) in {1, 2, 2.5, 5}


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_an_axis_holds_its_values_between_marks(one: float, other: float) -> None:
    least, most = sorted((one, other))
    low, high, marks = scale(least, most, percent=False)
    assert low <= least <= most <= high * (1 + 1e-9)
    assert marks[0] == low
    assert 2 <= len(marks) <= 8


def test_amounts_are_short() -> None:
    assert [amount(value, "") for value in (0, 0.25, 17, 1190, 12_400)] == ["0", "0.25", "17", "1190", "12.4k"]
    assert amount(14.2, "MiB") == "14.2 MiB"


def test_a_sparkline_has_corners_only_and_is_lifted_over_a_gap() -> None:
    values: list[float | None] = [1.0] * 10 + [None] * 5 + [2.0] * 15
    assert trails.path(values, 2.0) == "M0 7h1H18M30 1h1H58"


@given(
    st.lists(st.none() | st.floats(0, 1e12), min_size=trails.SLOTS, max_size=trails.SLOTS),
    st.sampled_from([0.0, 100.0]),
)
def test_a_sparkline_stays_in_its_cell(values: list[float | None], top: float) -> None:
    heights = [int(text) for text in re.findall(r"[ML]\d+ (-?\d+)", trails.path(values, top))]
    assert all(0 <= height <= trails.HEIGHT for height in heights)
