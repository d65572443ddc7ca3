"""How many refusals of a kind a day may write down."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from noc.runs.admission.sparing import LINES, Sparing

MONDAY = date(2026, 3, 2)


def test_what_comes_again_on_a_day_gets_no_second_line() -> None:
    refused = Sparing()
    assert [refused.is_news("telegram 4711", MONDAY) for _ in range(3)] == [True, False, False]
    assert refused.closed(MONDAY + timedelta(days=1)) == 0
    assert refused.is_news("telegram 4711", MONDAY + timedelta(days=1))


@given(st.integers(min_value=0, max_value=3 * LINES))
def test_a_day_has_a_hundred_lines_and_the_number_of_the_rest(came: int) -> None:
    refused = Sparing()
    lines = sum(refused.is_news(str(number), MONDAY) for number in range(came))
    assert lines == min(came, LINES)
    assert refused.closed(MONDAY) == 0
    assert refused.closed(MONDAY + timedelta(days=1)) == came - lines
    assert refused.closed(MONDAY + timedelta(days=1)) == 0
