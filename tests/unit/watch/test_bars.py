"""Beat bars: slots of time, not of pushes."""

from hypothesis import given
from hypothesis import strategies as st

from noc.watch.pages.bars import SLOTS, Bars

SLOT = 120_000
NOW = 1_700_000_040_000 // SLOT * SLOT + SLOT - 1


def filled(minutes: range, *, skip: range = range(0)) -> Bars:
    """A push every 30 s, minutes before now; some minutes left out."""
    bars = Bars(30)
    for minute in minutes:
        if minute not in skip:
            bars.fill([("a", NOW - minute * 60_000, True), ("a", NOW - minute * 60_000 - 30_000, True)])
    return bars


def test_a_steady_node_has_only_full_bars() -> None:
    assert filled(range(140, -1, -1)).slots("a", NOW) == ["full"] * SLOTS


def test_a_time_without_any_push_is_a_gap_where_it_was() -> None:
    slots = filled(range(140, -1, -1), skip=range(20, 30)).slots("a", NOW)
    assert slots.count("gap") == 5
    assert slots[-15:-10] == ["gap"] * 5


def test_before_a_node_was_first_heard_nothing_is_drawn() -> None:
    assert filled(range(9, -1, -1)).slots("a", NOW)[: SLOTS - 6] == ["none"] * (SLOTS - 6)


def test_a_death_is_drawn_as_one() -> None:
    bars = filled(range(20, -1, -1))
    bars.count("a", NOW, up=False)
    assert bars.slots("a", NOW)[-1] == "death"


def test_the_slot_that_has_just_begun_is_no_gap() -> None:
    bars = filled(range(140, -1, -1))
    assert bars.slots("a", NOW + 2)[-1] == "none"


@given(st.lists(st.integers(NOW - 10 * 3_600_000, NOW), max_size=200))
def test_there_are_always_sixty_bars_and_little_is_kept(times: list[int]) -> None:
    bars = Bars(30)
    for at in sorted(times):
        bars.count("a", at, up=True)
    assert len(bars.slots("a", NOW)) == SLOTS
    assert len(bars._counts["a"]) <= SLOTS
