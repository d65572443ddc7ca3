"""Rollups: what is added batch by batch, over restarts and failures, is what the pushes come to."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noc.watch.errors import StoreTrouble
from noc.watch.store.database import Store
from noc.watch.store.engine import Where
from noc.watch.store.history import MOST_POINTS, series
from noc.watch.store.records import Beat
from noc.watch.store.rollups import MOST_FIELDS
from rollup_kit import from_scratch, stored

NOON = 1_700_049_600_000 - 7_200_000  # a day's, an hour's and a minute's edge are near
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest) -> Iterator[Where]:
    """A database of each kind for all tests: hypothesis makes none anew for each example."""
    if request.param == "postgresql":
        yield request.getfixturevalue("postgres").database("noc")
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder) / "watch.db"


@pytest.fixture
def store(where: Where) -> Iterator[Store]:
    store = Store(where)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM rollups")
    yield store
    store.close()


numbers = st.floats(-1e15, 1e15) | st.integers(-(10**15), 10**15)
telemetry = st.none() | st.dictionaries(st.sampled_from(["ram_mb", "disk_pct", "x"]), numbers | st.none() | st.text())
beats = st.builds(
    Beat,
    node=st.sampled_from(["virginia", "frankfurt"]),
    at=st.integers(NOON - 2 * MINUTE, NOON + 2 * MINUTE) | st.integers(NOON - DAY, NOON + DAY),
    up=st.booleans(),
    telemetry=telemetry,
)
steps = st.lists(st.sampled_from(["restart", "failure"]) | st.lists(beats, max_size=6), max_size=12)


@settings(max_examples=40, deadline=None)
@given(steps)
def test_rollups_are_those_of_all_pushes_however_they_were_batched_and_whatever_came_between(
    where: Where, steps: list[Any]
) -> None:
    store = Store(where)
    written: list[Beat] = []
    try:
        with store.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM rollups")
        for step in steps:
            if step == "restart":
                store.close()
                store = Store(where)
            elif step == "failure":
                with pytest.raises(StoreTrouble):
                    store.write([*(beat for beat in written[:3]), Beat("virginia", NOON, msg=None)])  # type: ignore[arg-type]
            else:
                store.write(step)
                written += step
    finally:
        store.close()
    assert stored(where) == from_scratch(written)


def test_a_pusher_that_thinks_of_new_names_all_the_time_fills_no_bucket(where: Where, store: Store) -> None:
    store.write(
        [Beat("virginia", NOON, telemetry={f"x{number}-{name}": 1 for name in range(9)}) for number in range(30)]
    )
    assert {len(fields) for _, _, fields in stored(where).values()} == {MOST_FIELDS}


def test_a_series_has_the_least_the_most_and_the_mean_of_each_bucket(store: Store) -> None:
    store.write(
        [Beat("virginia", NOON + at, telemetry={"ram_mb": ram}) for at, ram in ((0, 40), (30_000, 50), (MINUTE, 7))]
    )
    found = series(store.engine, "virginia", ["ram_mb", "disk_pct"], NOON, NOON + HOUR)
    assert found.grain == 60
    assert [
        (point.at - NOON, point.least, point.most, point.mean, point.count) for point in found.points["ram_mb"]
    ] == [
        (0, 40, 50, 45.0, 2),
        (MINUTE, 7, 7, 7.0, 1),
    ]
    assert found.points["disk_pct"] == []


@pytest.mark.parametrize(("span", "grain"), [(HOUR, 60), (DAY, 60), (30 * DAY, 3_600), (365 * DAY, 86_400)])
def test_a_series_comes_in_few_enough_points_for_a_chart(store: Store, span: int, grain: int) -> None:
    store.write(
        [Beat("virginia", NOON - span, telemetry={"ram_mb": 1}), Beat("virginia", NOON, telemetry={"ram_mb": 1})]
    )
    found = series(store.engine, "virginia", ["ram_mb"], NOON - span, NOON)
    assert found.grain == grain
    assert span / 1000 / grain <= MOST_POINTS
    assert found.points["ram_mb"]


def test_a_time_of_which_only_coarse_rollups_are_left_is_shown_in_those(store: Store) -> None:
    store.write(
        [Beat("virginia", NOON, telemetry={"ram_mb": 1}), Beat("virginia", NOON + 90 * DAY, telemetry={"ram_mb": 1})]
    )
    with store.engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM rollups WHERE grain = 60 AND at < {NOON + DAY}")
    assert series(store.engine, "virginia", ["ram_mb"], NOON, NOON + HOUR).grain == 3_600


def test_a_day_that_begins_before_the_first_push_hides_no_minute_of_it(store: Store) -> None:
    store.write([Beat("virginia", NOON, telemetry={"ram_mb": 1})])
    assert series(store.engine, "virginia", ["ram_mb"], NOON - HOUR, NOON + HOUR).grain == 60


def test_a_grain_that_was_asked_for_is_given(store: Store) -> None:
    store.write([Beat("virginia", NOON, telemetry={"ram_mb": 1})])
    assert series(store.engine, "virginia", ["ram_mb"], NOON, NOON + HOUR, grain=86_400).grain == 86_400
