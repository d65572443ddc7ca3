"""The decision on a node: the rules it keeps whatever there is to decide, and what it says of itself."""

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from hashlib import sha256
from math import inf
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from noc.placement.assignment import place
from noc.placement.decision import Placed, Reason
from noc.placement.errors import NoPlace
from noc.placement.roster import Candidate, Load, Seen, roster
from noc.placement.wishes import Wishes
from unit.placement.placement_kit import FLEET, IDLE, NAMES, RESIDENCIES, rosters, tenants, trips, well

ANY = Wishes()
EUROPE = ["frankfurt", "london", "paris", "spain", "stockholm"]
TENANT = "5e" * 16
wishes = st.builds(
    Wishes,
    residency=st.none() | st.none() | st.sampled_from([*RESIDENCIES, "AQ"]),
    node=st.none() | st.none() | st.none() | st.sampled_from(NAMES),
    round_trips=trips,
)


def measured(**milliseconds: float) -> Wishes:
    """No wish but the nearest node, by one round trip each."""
    return Wishes(round_trips={node: (each,) for node, each in milliseconds.items()})


def decided(candidates: Collection[Candidate], tenant: str, asked: Wishes, home: str | None = None) -> Placed | NoPlace:
    try:
        return place(candidates, tenant, asked, home)
    except NoPlace as nowhere:
        return nowhere


def reasons(placed: Placed | NoPlace) -> dict[str, Reason]:
    return {each.node: each.reason for each in placed.considered}


def may_take(each: Candidate, asked: Wishes) -> bool:
    """The rule as the fleet's people say it, written once more for the tests."""
    load = each.seen.load
    return (
        each.seen.live
        and not (each.seen.maintenance or each.seen.incident or each.left_out)
        and load is not None
        and (load.db_mb < 2_048 and load.ram_mb < 400 and load.sessions < 500)
        and (asked.residency is None or asked.residency in each.residencies)
        and asked.node in {None, each.node}
    )


def may_keep(each: Candidate, asked: Wishes) -> bool:
    return each.seen.live and (asked.residency is None or asked.residency in each.residencies)


@given(rosters, tenants, wishes)
def test_a_new_tenant_comes_onto_a_node_that_may_take_them_or_nowhere(
    candidates: tuple[Candidate, ...], tenant: str, asked: Wishes
) -> None:
    able = {each.node for each in candidates if may_take(each, asked)}
    match decided(candidates, tenant, asked):
        case Placed() as placed:
            assert placed.node in able
        case _:
            assert able == set()


@given(rosters, tenants, wishes, st.sampled_from([*NAMES, "atlantis"]))
def test_a_placed_tenant_stays_while_their_node_may_keep_them(
    candidates: tuple[Candidate, ...], tenant: str, asked: Wishes, home: str
) -> None:
    keeps = any(each.node == home and may_keep(each, asked) for each in candidates)
    match decided(candidates, tenant, asked, home):
        case Placed(stays=True) as placed:
            assert (placed.node, keeps) == (home, True)
        case _:
            assert not keeps


@given(rosters, tenants, wishes, st.none() | st.sampled_from(NAMES), st.randoms(use_true_random=False))
def test_the_order_of_the_roster_does_not_matter(
    candidates: tuple[Candidate, ...], tenant: str, asked: Wishes, home: str | None, random: Random
) -> None:
    shuffled = random.sample(candidates, len(candidates))
    one, other = decided(candidates, tenant, asked, home), decided(shuffled, tenant, asked, home)
    assert one.as_dict() == other.as_dict()


@given(rosters, tenants, wishes, st.none() | st.sampled_from(NAMES))
def test_every_candidate_is_explained_once(
    candidates: tuple[Candidate, ...], tenant: str, asked: Wishes, home: str | None
) -> None:
    considered = decided(candidates, tenant, asked, home).considered
    assert sorted(each.node for each in considered) == sorted(NAMES)
    assert all(each.words for each in considered)


@given(rosters, tenants, wishes, st.none() | st.sampled_from(NAMES))
def test_exactly_one_candidate_is_the_tenants_and_none_where_there_is_no_place(
    candidates: tuple[Candidate, ...], tenant: str, asked: Wishes, home: str | None
) -> None:
    found = decided(candidates, tenant, asked, home)
    won = [node for node, reason in reasons(found).items() if reason in {Reason.STAYS, Reason.CHOSEN}]
    assert won == ([found.node] if isinstance(found, Placed) else [])


@given(rosters, tenants, wishes, st.sampled_from(NAMES))
def test_a_node_that_may_not_take_anybody_changes_nothing(
    candidates: tuple[Candidate, ...], tenant: str, asked: Wishes, added: str
) -> None:
    others = [each for each in candidates if each.node != added]
    assume(
        added not in asked.round_trips and not any(may_take(each, asked) for each in candidates if each not in others)
    )
    one, other = decided(others, tenant, asked), decided(candidates, tenant, asked)
    assert getattr(one, "node", None) == getattr(other, "node", None)


@given(
    tenants,
    st.dictionaries(st.sampled_from(EUROPE), st.integers(0, 499), min_size=1),
    st.sampled_from(sorted({*NAMES} - {*EUROPE})),
    st.none() | st.floats(175, 400),
)
def test_a_node_that_is_farther_changes_nothing(
    tenant: str, sessions: dict[str, int], far: str, away: float | None
) -> None:
    asked = measured(**dict.fromkeys(sessions, 30.0), **({far: away} if away else {}))
    seen = {name: Seen(live=True, load=Load(0, 0, used)) for name, used in sessions.items()}
    without, more = roster(FLEET, seen), roster(FLEET, seen | {far: Seen(live=True, load=IDLE)})
    assert place(more, tenant, asked).node == place(without, tenant, asked).node


@given(rosters, tenants, st.sampled_from(NAMES))
def test_a_node_that_leaves_moves_no_decision_but_its_own(
    candidates: tuple[Candidate, ...], tenant: str, gone: str
) -> None:
    before = decided(candidates, tenant, ANY)
    assume(isinstance(before, Placed) and before.node != gone)
    assert getattr(decided([each for each in candidates if each.node != gone], tenant, ANY), "node", None) == getattr(
        before, "node", None
    )


def test_tenants_spread_by_free_room() -> None:
    used = {"frankfurt": 125, "paris": 250, "stockholm": 375}
    seen = {name: Seen(live=True, load=Load(0, 0, sessions)) for name, sessions in used.items()}
    ids = [sha256(str(number).encode()).hexdigest()[:32] for number in range(3_000)]
    count = Counter(place(roster(FLEET, seen), tenant, ANY).node for tenant in ids)
    assert {node: count[node] for node in used} == {
        "frankfurt": pytest.approx(1_500, abs=120),
        "paris": pytest.approx(1_000, abs=120),
        "stockholm": pytest.approx(500, abs=120),
    }


def test_the_nearest_node_takes_the_tenant() -> None:
    near = measured(frankfurt=40.0, virginia=95.0, singapore=170.0)
    placed = place(well(), TENANT, near)
    assert (placed.node, placed.why) == ("frankfurt", "40 ms away, the nearest; 75 % free: 100 of 400 MiB of memory")


@pytest.mark.parametrize(
    ("able", "asked", "why"),
    [
        (("frankfurt",), ANY, "the only one that can"),
        (("frankfurt", "paris"), ANY, "drawn by free room among 2"),
        (("frankfurt",), measured(frankfurt=12.0), "12 ms away, the nearest"),
        (("frankfurt", "paris"), measured(frankfurt=12.0, paris=12.0), "12 ms away, drawn by free room among 2"),
    ],
)
def test_the_one_that_was_chosen_says_why(able: tuple[str, ...], asked: Wishes, why: str) -> None:
    assert place(well(*able), TENANT, asked).why.startswith(why)


def test_nodes_that_are_about_as_near_share_by_the_draw() -> None:
    near = measured(frankfurt=12.0, paris=20.0, virginia=95.0)
    drawn = {place(well(), f"{number:032x}", near).node for number in range(50)}
    assert drawn == {"frankfurt", "paris"}


def test_a_lie_about_a_far_node_does_not_lead_there() -> None:
    lies = measured(frankfurt=12.0, paris=16.0, virginia=95.0, sydney=1.0)
    placed = place(well(), TENANT, lies)
    assert placed.node in {"frankfurt", "paris"}
    assert [doubt.node for doubt in placed.doubts] == ["sydney"]


def test_who_lies_about_every_node_is_placed_as_if_nothing_had_been_measured() -> None:
    lies = measured(virginia=1.0, frankfurt=1.0, singapore=1.0, sydney=1.0)
    assert place(well(), TENANT, lies).node == place(well(), TENANT, ANY).node


def test_no_round_trip_leads_out_of_the_residency() -> None:
    near = measured(virginia=5.0, frankfurt=95.0).model_copy(update={"residency": "eu"})
    placed = place(well(), TENANT, near)
    assert (placed.node, reasons(placed)["virginia"]) == ("frankfurt", Reason.OUTSIDE)


def test_an_operator_may_ask_for_one_node() -> None:
    placed = place(well(), TENANT, Wishes(node="seoul"))
    assert (placed.node, reasons(placed)["frankfurt"]) == ("seoul", Reason.NOT_ASKED_FOR)


def test_a_node_that_fills_up_takes_no_more_and_keeps_whom_it_has() -> None:
    asked = Wishes(residency="KR")
    assert place(well(), TENANT, asked).node == "seoul"
    full = well(load=replace(IDLE, sessions=500))
    assert place(full, TENANT, asked, home="seoul").stays
    with pytest.raises(NoPlace, match="1 full"):
        place(full, "00" * 16, asked)


TROUBLE = {
    "not-live": (Seen(load=IDLE), Reason.NOT_LIVE),
    "maintenance": (Seen(live=True, maintenance=True, load=IDLE), Reason.IN_MAINTENANCE),
    "incident": (Seen(live=True, incident=True, load=IDLE), Reason.IN_INCIDENT),
    "silence": (Seen(live=True), Reason.UNHEARD),
    "a-full-database": (Seen(live=True, load=Load(2_048, 0, 0)), Reason.FULL),
    "a-full-memory": (Seen(live=True, load=Load(0, 400, 0)), Reason.FULL),
    "all-sessions": (Seen(live=True, load=Load(0, 0, 500)), Reason.FULL),
    "a-load-without-end": (Seen(live=True, load=Load(inf, 0, 0)), Reason.FULL),
    "everything-at-once": (Seen(maintenance=True, incident=True), Reason.NOT_LIVE),
}


@pytest.mark.parametrize(("seen", "reason"), TROUBLE.values(), ids=TROUBLE.keys())
def test_a_node_in_trouble_is_passed_over_for_a_reason(seen: Seen, reason: Reason) -> None:
    with pytest.raises(NoPlace) as caught:
        place(roster(FLEET, {"frankfurt": seen}), TENANT, Wishes(node="frankfurt"))
    assert reasons(caught.value)["frankfurt"] is reason


def test_a_node_that_the_fleet_file_leaves_out_takes_nobody() -> None:
    with pytest.raises(NoPlace) as caught:
        place(well(), TENANT, Wishes(node="saopaulo"))
    assert reasons(caught.value)["saopaulo"] is Reason.LEFT_OUT


def test_a_residency_without_a_node_is_answered_with_those_that_have_one() -> None:
    with pytest.raises(NoPlace) as caught:
        place(well("frankfurt", "seoul"), TENANT, Wishes(residency="AQ"))
    assert caught.value.why == "18 not live, 2 outside"
    assert caught.value.fix.startswith("there are nodes in AE, AU, ")


def test_a_roster_of_nobody_has_no_place() -> None:
    with pytest.raises(NoPlace, match="the fleet has no node"):
        place([], TENANT, ANY)


def test_a_tenant_whose_node_is_gone_is_placed_anew() -> None:
    placed = place(well("frankfurt"), TENANT, ANY, home="seoul")
    assert (placed.node, placed.stays) == ("frankfurt", False)


def test_a_tenant_whose_node_is_outside_of_a_new_residency_is_placed_anew() -> None:
    assert place(well(), TENANT, Wishes(residency="DE"), home="seoul").node == "frankfurt"


def test_what_could_have_been_stands_before_what_could_not() -> None:
    near = measured(frankfurt=12.0, stockholm=60.0, paris=90.0).model_copy(update={"residency": "eu"})
    assert list(reasons(place(well(), TENANT, near)).items())[:4] == [
        ("frankfurt", Reason.CHOSEN),
        ("stockholm", Reason.FARTHER),
        ("paris", Reason.FARTHER),
        ("spain", Reason.FARTHER),
    ]


def test_a_decision_is_told_as_data_with_every_reason() -> None:
    document = place(well("frankfurt"), TENANT, measured(frankfurt=12.0, atlantis=1.0)).as_dict()
    assert document["considered"][0] == {
        "node": "frankfurt",
        "reason": "chosen",
        "words": "12 ms away, the nearest; 75 % free: 100 of 400 MiB of memory",
        "round_trip_ms": 12.0,
        "free": 0.75,
    }
    assert document["doubts"] == ({"node": "atlantis", "why": "there is no such node"},)


def test_a_refusal_is_told_as_data_with_every_reason() -> None:
    with pytest.raises(NoPlace) as caught:
        place(well("frankfurt"), TENANT, Wishes(residency="SE"))
    told = caught.value.as_dict()["considered"]
    assert {each["node"]: each["reason"] for each in told}["frankfurt"] == "outside"
