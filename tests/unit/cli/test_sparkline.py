from hypothesis import given
from hypothesis import strategies as st

from noc.cli.sparkline import BLOCKS, PARTS, plot, slots, sparkline

values = st.lists(st.none() | st.floats(-1e9, 1e9), min_size=1, max_size=60)


def test_a_rising_line_rises_from_the_lowest_to_the_highest_block() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == BLOCKS


def test_a_gap_is_a_gap() -> None:
    assert sparkline([0, None, 7]) == "▁ █"


def test_what_does_not_change_is_a_low_line() -> None:
    assert sparkline([5, 5, 5]) == "▁▁▁"


def test_points_of_one_slot_are_averaged_and_those_outside_left_out() -> None:
    points = [(-1, 99.0), (0, 1.0), (4, 3.0), (10, 8.0), (20, 99.0)]
    assert slots(points, 0, 20, 2) == [2.0, 8.0]


def test_a_slot_without_a_point_is_none() -> None:
    assert slots([(0, 1.0)], 0, 100, 4) == [1.0, None, None, None]


def test_a_plot_has_its_least_at_the_bottom_and_its_most_at_the_top() -> None:
    assert plot([0, 1], 2) == [" █", "▁█"]


@given(values)
def test_a_line_is_as_long_as_its_values_and_names_the_extremes(given: list[float | None]) -> None:
    line, known = sparkline(given), [value for value in given if value is not None]
    assert len(line) == len(given)
    assert [mark == " " for mark in line] == [value is None for value in given]
    if len(set(known)) > 1 and max(known) - min(known) > 1e-3:
        assert (line[given.index(min(known))], line[given.index(max(known))]) == ("▁", "█")


@given(values, st.integers(1, 12))
def test_a_column_of_a_plot_never_floats(given: list[float | None], height: int) -> None:
    lines = plot(given, height)
    assert (len(lines), {len(line) for line in lines}) == (height, {len(given)})
    for column in zip(*lines, strict=True):
        filled = [PARTS.index(mark) for mark in column]
        assert filled == sorted(filled)
