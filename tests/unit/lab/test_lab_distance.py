"""A line's pace: when frames leave it, and which are lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.lab.distance import QUEUE_S, Pace

frames = st.lists(st.tuples(st.floats(0, 0.05), st.integers(60, 65_550)), min_size=1, max_size=60)


def sent(pace: Pace, gaps: list[tuple[float, int]]) -> list[tuple[float, float | None, int]]:
    """When each frame came, when it leaves, and its size."""
    now, rows = 100.0, []
    for gap, size in gaps:
        now += gap
        rows.append((now, pace.leaves(now, size), size))
    return rows


def test_without_a_rate_every_frame_is_held_for_the_same_time() -> None:
    assert [leaves for _, leaves, _ in sent(Pace(0.5, None), [(0, 60), (0, 65_000)])] == [100.5, 100.5]


def test_a_frame_on_an_empty_line_takes_its_own_length_and_the_delay() -> None:
    assert Pace(0.02, 1e6).leaves(100, 10_000) == pytest.approx(100.03)


@given(frames)
def test_frames_leave_in_the_order_in_which_they_came(gaps: list[tuple[float, int]]) -> None:
    leaving = [leaves for _, leaves, _ in sent(Pace(0.02, 1e6), gaps) if leaves is not None]
    assert leaving == sorted(leaving)


@given(frames)
def test_no_more_bytes_leave_than_the_line_carries(gaps: list[tuple[float, int]]) -> None:
    through = [(leaves, size) for _, leaves, size in sent(Pace(0, 1e6), gaps) if leaves is not None]
    for first, (begin, _) in enumerate(through):
        for last in range(first + 1, len(through)):
            carried = sum(size for _, size in through[first + 1 : last + 1])
            assert carried <= (through[last][0] - begin) * 1e6 + 1


@given(frames)
def test_only_a_frame_that_would_wait_longer_than_the_queue_is_lost(gaps: list[tuple[float, int]]) -> None:
    busy_until = 0.0
    for now, leaves, size in sent(Pace(0, 1e6), gaps):
        if leaves is None:
            assert busy_until - now > QUEUE_S
        else:
            assert leaves - size / 1e6 - now <= QUEUE_S + 1e-6
            busy_until = leaves
