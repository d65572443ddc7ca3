"""Rates and counts: what a bucket allows, what an hour remembers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clavitor.counters import HourCounter
from clavitor.errors import HttpError
from clavitor.limits import MAX_BUCKETS, RateLimit, address_key


class Clock:
    """Time that stands still until it is told to pass."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def allowed(limit: RateLimit, key: str) -> bool:
    try:
        limit.take(key)
    except HttpError:
        return False
    return True


@given(
    burst=st.integers(1, 50),
    rate=st.floats(0.1, 50),
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=100),
)
def test_no_window_ever_sees_more_than_burst_and_rate_allow(burst: int, rate: float, gaps: list[float]) -> None:
    clock = Clock()
    limit = RateLimit(burst, rate, clock)
    taken = 0
    for gap in gaps:
        clock.now += gap
        taken += allowed(limit, "k")
    assert taken <= burst + (clock.now - 1000.0) * rate + 1e-6


def test_the_refusal_says_when_the_next_one_is_allowed() -> None:
    clock = Clock()
    limit = RateLimit(1, 0.1, clock)
    limit.take("k")
    with pytest.raises(HttpError) as refusal:
        limit.take("k")
    clock.now += refusal.value.retry_after or 0
    assert (refusal.value.status, allowed(limit, "k")) == (429, True)


def test_keys_do_not_share_a_bucket() -> None:
    limit = RateLimit(1, 0.1, Clock())
    assert (allowed(limit, "a"), allowed(limit, "b"), allowed(limit, "a")) == (True, True, False)


def test_the_number_of_buckets_is_bounded() -> None:
    limit = RateLimit(1, 0.1, Clock())
    for number in range(MAX_BUCKETS + 10):
        limit.take(str(number))
    assert len(limit._buckets) == MAX_BUCKETS


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_an_ipv6_home_counts_as_one_address(one: str, other: str, same: bool) -> None:
    assert (address_key(one) == address_key(other)) is same


@given(st.lists(st.floats(0, 600), max_size=60))
def test_the_hour_holds_what_its_minutes_saw(gaps: list[float]) -> None:
    clock = Clock()
    counter = HourCounter(clock)
    minutes = []
    for gap in gaps:
        clock.now += gap
        counter.add()
        minutes.append(int(clock.now // 60))
    newest = int(clock.now // 60)
    assert counter.total() == sum(newest - minute < 60 for minute in minutes)


def test_an_hour_without_requests_counts_none() -> None:
    clock = Clock()
    counter = HourCounter(clock)
    counter.add()
    clock.now += 3600
    assert counter.total() == 0
