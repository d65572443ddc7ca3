"""Nodes that are lost together: one incident speaks for them, and none of them is forgotten."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from judge_kit import RULES, Stage, seconds
from noc.watch.judge.groups import FLEET
from noc.watch.judge.scene import Scene

NAMES = tuple(f"node{number:02}" for number in range(10))
EUROPE = NAMES[:4]


def fleet(**groups: tuple[str, ...]) -> Stage:
    """Ten live nodes that push at ten instants of the same 30 s."""
    named = {FLEET: frozenset(NAMES)} | {f"@region/{name}": frozenset(names) for name, names in groups.items()}
    scopes = {"all": frozenset(NAMES)} | {name: frozenset({name}) for name in NAMES}
    stage = Stage(Scene(dict.fromkeys(NAMES, True), RULES, groups=named, scopes=scopes))
    return pushes(stage, NAMES, rounds=2)


def pushes(stage: Stage, names: tuple[str, ...], *, rounds: int) -> Stage:
    for _ in range(rounds):
        for name in NAMES:
            stage.wait(3)
            if name in names:
                stage.push(name)
    return stage


def test_a_fleet_that_vanishes_is_one_announcement() -> None:
    assert fleet().wait(200).told() == [("opened", FLEET)]


def test_its_incident_begins_with_the_first_node_whose_deadline_passes() -> None:
    stage = fleet().wait(200)
    first = min(each.started for each in stage.incidents().values() if each.node != FLEET)
    assert stage.incident(1).node == FLEET
    assert stage.incident(1).started == first


def test_each_lost_node_has_its_own_incident_with_an_exact_start() -> None:
    stage = fleet().wait(200)
    starts = {each.node: seconds(each.started) for each in stage.incidents().values() if each.node != FLEET}
    assert starts == {name: 30 + 3 * (number + 1) + 60.5 for number, name in enumerate(NAMES)}


def test_lost_nodes_are_children_of_the_one_incident() -> None:
    stage = fleet().wait(200)
    assert {each.parent for each in stage.incidents().values() if each.node != FLEET} == {1}


def test_the_one_incident_grows_to_sev1_and_its_children_do_so_in_silence() -> None:
    stage = fleet().wait(500)
    assert stage.told() == [("opened", FLEET), ("escalated", FLEET)]
    assert {each.severity for each in stage.incidents().values()} == {"SEV1"}


def test_a_fleet_that_comes_back_is_one_recovery() -> None:
    stage = pushes(fleet().wait(100), NAMES, rounds=2)
    assert stage.told() == [("opened", FLEET), ("closed", FLEET)]
    assert all(each.ended for each in stage.incidents().values())


def test_a_node_that_stays_lost_is_announced_when_the_others_are_back() -> None:
    stage = pushes(fleet().wait(100), NAMES[1:], rounds=3)
    assert stage.told() == [("opened", FLEET), ("closed", FLEET), ("opened", NAMES[0])]


def test_a_node_that_stays_lost_grows_to_sev1_at_its_own_time() -> None:
    stage = pushes(fleet().wait(100), NAMES[1:], rounds=20)
    lost = next(each for each in stage.incidents().values() if each.node == NAMES[0])
    assert stage.told()[-1] == ("escalated", NAMES[0])
    assert seconds(lost.escalated) == seconds(lost.started) + 300


def test_the_incident_holds_until_half_of_the_nodes_are_back() -> None:
    stage = pushes(fleet().wait(100), NAMES[:5], rounds=2)
    assert ("closed", FLEET) not in stage.told()
    assert ("closed", FLEET) in pushes(stage, NAMES[:6], rounds=2).told()


def test_half_of_a_fleet_is_announced_one_by_one() -> None:
    stage = pushes(fleet(), NAMES[5:], rounds=4)
    assert sorted(stage.told()) == [("opened", name) for name in NAMES[:5]]


def test_two_nodes_are_never_a_group() -> None:
    two = dict.fromkeys(NAMES[:2], True)
    stage = Stage(Scene(two, RULES, groups={FLEET: frozenset(two)})).push(*two).wait(100)
    assert sorted(stage.told()) == [("opened", name) for name in NAMES[:2]]


def test_nodes_that_were_lost_long_before_do_not_count() -> None:
    stage = pushes(fleet(), NAMES[4:], rounds=10)
    pushes(stage, NAMES[8:], rounds=5)
    opened = [node for kind, node in stage.told() if kind == "opened"]
    assert opened == [*NAMES[:4], FLEET]


def test_a_region_that_vanishes_is_one_announcement() -> None:
    stage = pushes(fleet(europe=EUROPE), NAMES[4:], rounds=4)
    assert stage.told() == [("opened", "@region/europe")]


def test_a_reported_death_is_nobodys_child() -> None:
    stage = fleet()
    for name in NAMES:
        stage.die(name)
    assert stage.told() == [("opened", name) for name in NAMES]


def test_an_hq_that_reaches_nothing_outside_is_one_announcement() -> None:
    stage = fleet().outside(ok=False).outside(ok=False).wait(200)
    assert stage.told() == [("opened", FLEET)]
    assert stage.incident(1).verdict == "HQ"


def test_one_failed_probe_counts_where_a_node_is_silent() -> None:
    assert fleet().wait(31).outside(ok=False).told() == [("opened", FLEET)]


def test_one_failed_probe_alone_is_nothing() -> None:
    assert fleet().outside(ok=False).told() == []


def test_an_hq_that_reaches_the_outside_again_ends_its_incident() -> None:
    stage = fleet().outside(ok=False).outside(ok=False).outside(ok=True)
    assert stage.told() == [("opened", FLEET), ("closed", FLEET)]


def test_an_hq_that_nobody_asks_any_more_does_not_stay_cut_off() -> None:
    stage = pushes(fleet().outside(ok=False).outside(ok=False), NAMES, rounds=7)
    assert stage.told() == [("opened", FLEET), ("closed", FLEET)]


def test_nodes_whose_public_addresses_fail_together_are_one_announcement() -> None:
    stage = fleet()
    for _ in range(2):
        for name in NAMES:
            stage.look(name, "name")
    assert stage.told() == [("opened", FLEET)]


def test_a_fleet_in_maintenance_announces_nothing_when_it_vanishes() -> None:
    assert fleet().silence("all", minutes=10).wait(500).told() == []


def test_a_fleet_that_is_still_lost_after_its_maintenance_is_one_announcement() -> None:
    assert fleet().silence("all", minutes=3).wait(185).told() == [("opened", FLEET)]


def test_a_child_whose_parent_ends_in_its_maintenance_is_announced_after_that() -> None:
    stage = pushes(fleet().wait(100).silence(NAMES[0], minutes=5), NAMES[1:], rounds=4)
    assert stage.told() == [("opened", FLEET), ("closed", FLEET)]
    assert ("opened", NAMES[0]) in pushes(stage, NAMES[1:], rounds=8).told()


def test_a_fleet_that_vanishes_again_soon_is_the_same_incident() -> None:
    stage = pushes(fleet().wait(100), NAMES, rounds=2).wait(100)
    assert [each.flaps for each in stage.incidents().values() if each.node == FLEET] == [1]


lost = st.lists(st.sets(st.sampled_from(NAMES)), min_size=1, max_size=12)


@given(lost)
def test_no_lost_node_is_ever_unspoken_for(rounds: list[set[str]]) -> None:
    stage = fleet(europe=EUROPE)
    for silent in rounds:
        pushes(stage, tuple(name for name in NAMES if name not in silent), rounds=1)
        open_ones = {each.id: each for each in stage.incidents().values() if each.ended is None}
        for each in open_ones.values():
            assert each.parent is None or open_ones[each.parent].parent is None
    told = stage.told()
    for name in {node for _, node in told}:
        mine = [kind for kind, node in told if node == name and kind in {"opened", "closed"}]
        assert mine[0] == "opened"
        assert all(one != other for one, other in itertools.pairwise(mine))
