"""What HQ knows of a node, as it is counted: who is left out, in which places it lies, how full it is."""

from math import nan

import pytest

from noc.fleet.placing import OtherLimits
from noc.placement.roster import Load, Measure, Seen, roster
from unit.placement.placement_kit import FLEET, TERMS


def test_every_node_of_the_fleet_is_a_candidate_in_the_fleets_order() -> None:
    assert [each.node for each in roster(FLEET, {})] == [node.name for node in FLEET.nodes]


def test_a_node_of_which_nothing_was_seen_is_not_live() -> None:
    assert not any(each.seen.live for each in roster(FLEET, {}))


def test_who_is_left_out_stands_in_the_fleet_file() -> None:
    assert [each.node for each in roster(FLEET, {}) if each.left_out] == list(TERMS.left_out)


def test_a_node_lies_in_its_country_and_the_groups_of_that() -> None:
    (frankfurt,) = (each for each in roster(FLEET, {}) if each.node == "frankfurt")
    assert frankfurt.residencies == ("DE", "dach", "eu")


def test_a_nodes_own_limit_counts_for_it() -> None:
    terms = TERMS.model_copy(update={"limit": (OtherLimits(nodes=("frankfurt",), max_sessions=20),)})
    seen = {name: Seen(live=True, load=Load(0, 0, 10)) for name in ("frankfurt", "virginia")}
    candidates = roster(FLEET.model_copy(update={"placement": terms}), seen)
    free = {each.node: each.tightest.free for each in candidates if each.measures}
    assert free == {"virginia": 0.98, "frankfurt": 0.5}


@pytest.mark.parametrize(
    ("load", "tightest"),
    [
        (Load(2_000, 200, 250), "2000 of 2048 MiB of database"),
        (Load(1_024, 399, 250), "399 of 400 MiB of memory"),
        (Load(1_024, 200, 499), "499 of 500 sessions"),
    ],
)
def test_what_there_is_least_left_of_is_the_tightest(load: Load, tightest: str) -> None:
    candidates = roster(FLEET, {"frankfurt": Seen(live=True, load=load)})
    assert [str(each.tightest) for each in candidates if each.measures] == [tightest]


@pytest.mark.parametrize(
    ("used", "free"), [(0, 1), (250, 0.5), (500, 0), (501, 0), (10**9, 0), (-5, 1), (nan, 0), (float("inf"), 0)]
)
def test_free_is_a_share_whatever_a_node_reports(used: float, free: float) -> None:
    assert Measure("sessions", used, 500).free == free
