"""Round trips are held against the speed of light: honest ones stand, impossible ones fall, and the rest is bounded."""

from dataclasses import dataclass
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.great_circle import round_trip_ms
from noc.placement.plausible import LONGEST_MS, nearness
from unit.placement.placement_kit import FLEET, NAMES

PLACES = {node.name: node for node in FLEET.nodes}


@dataclass(frozen=True)
class Spot:
    """Where somebody sits."""

    latitude: float
    longitude: float


spots = st.builds(Spot, st.floats(-90, 90), st.floats(-180, 180))
detours = st.dictionaries(st.sampled_from(NAMES), st.tuples(st.floats(1, 4), st.floats(0.1, 80)), max_size=8)
times = st.floats(1, 120) | st.floats(1, 120) | st.floats(1, 120) | st.floats()
reports = st.dictionaries(st.sampled_from([*NAMES, "atlantis"]), st.lists(times, max_size=3), max_size=8)


@given(spots, detours)
def test_whoever_measures_honestly_is_believed_wherever_they_are(
    spot: Spot, detours: dict[str, tuple[float, float]]
) -> None:
    honest = {node: [times * round_trip_ms(spot, PLACES[node]) + more] for node, (times, more) in detours.items()}
    assert nearness(PLACES, honest).doubts == ()


@given(reports)
def test_no_two_round_trips_that_are_believed_contradict_each_other(reported: dict[str, list[float]]) -> None:
    trips = nearness(PLACES, reported).trips
    assert all(
        trips[one] + trips[other] >= round_trip_ms(PLACES[one], PLACES[other])
        for one in trips
        for other in trips
        if one != other
    )


@given(reports)
def test_each_node_that_was_reported_is_believed_or_doubted(reported: dict[str, list[float]]) -> None:
    found = nearness(PLACES, reported)
    assert sorted([*found.trips, *(doubt.node for doubt in found.doubts)]) == sorted(reported)


@given(reports)
def test_the_order_of_a_report_says_nothing(reported: dict[str, list[float]]) -> None:
    assert nearness(PLACES, dict(reversed(reported.items()))) == nearness(PLACES, reported)


HONEST = {"frankfurt": [12.0], "paris": [16.0], "virginia": [95.0], "singapore": [165.0]}


@pytest.mark.parametrize("node", ["hongkong", "sydney", "seoul", "saopaulo"])
def test_one_lie_among_honest_round_trips_falls_alone(node: str) -> None:
    found = nearness(PLACES, {**HONEST, node: [1.0]})
    assert ([doubt.node for doubt in found.doubts], sorted(found.trips)) == ([node], sorted(HONEST))


def test_who_claims_to_be_everywhere_at_once_is_believed_nowhere() -> None:
    assert nearness(PLACES, {name: [1.0] for name in ("virginia", "frankfurt", "singapore", "sydney")}).trips == {}


def test_of_two_that_contradict_each_other_neither_is_believed() -> None:
    found = nearness(PLACES, {"frankfurt": [3.0], "sydney": [3.0]})
    assert [doubt.node for doubt in found.doubts] == ["frankfurt", "sydney"]


@pytest.mark.parametrize(("share", "believed"), [(0.49, 0), (0.51, 2)])
def test_the_speed_of_light_is_the_line(share: float, believed: int) -> None:
    light = round_trip_ms(PLACES["frankfurt"], PLACES["sydney"])
    assert len(nearness(PLACES, {"frankfurt": [share * light], "sydney": [share * light]}).trips) == believed


def test_a_doubt_says_what_light_would_take() -> None:
    (doubt, _) = nearness(PLACES, {"frankfurt": [3.0], "sydney": [4.0]}).doubts
    light = round_trip_ms(PLACES["frankfurt"], PLACES["sydney"])
    assert doubt.why.endswith(f"faster than light in glass, which takes {light:.0f} ms between the two")


def test_one_slow_sample_moves_nothing() -> None:
    assert nearness(PLACES, {"frankfurt": [12.0, 900.0, 11.0]}).trips == {"frankfurt": 12.0}


NONSENSE = {
    "none": [],
    "zero": [0.0],
    "negative": [-1.0],
    "not-a-number": [nan],
    "infinite": [inf],
    "too-long": [LONGEST_MS + 1],
    "one-bad-among-good": [12.0, 11.0, -1.0],
}


@pytest.mark.parametrize("samples", NONSENSE.values(), ids=NONSENSE.keys())
def test_what_is_no_round_trip_is_doubted_and_hurts_no_other(samples: list[float]) -> None:
    found = nearness(PLACES, {"frankfurt": samples, "paris": [16.0]})
    assert ([doubt.node for doubt in found.doubts], found.trips) == (["frankfurt"], {"paris": 16.0})


def test_a_node_that_is_not_there_is_doubted() -> None:
    (doubt,) = nearness(PLACES, {"atlantis": [1.0]}).doubts
    assert (doubt.node, doubt.why) == ("atlantis", "there is no such node")
