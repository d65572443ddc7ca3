"""Which parts a balancer before the domain has, and what it takes to get there."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.cloud.dns.balancer import Balancer, Monitor, Part, Pool, wanted_parts
from noc.cloud.dns.balancing import ORDER, FoundPart, PartChange, plan_parts
from noc.cloud.errors import ForeignBalancer
from noc.fleet.inventory import Inventory, Life, NodeRecord
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.fleet.routing import Routing

PLAN = load(Path(__file__).parents[3] / "fleet")
NAMES = tuple(node.name for node in PLAN.nodes[:5])
LIVES = st.sampled_from([Life.LIVE] * len(Life) + list(Life))


def led(**routing: object) -> Fleet:
    return PLAN.model_copy(update={"routing": Routing.model_validate({"method": "latency", **routing})})


def inventory(
    lives: dict[str, Life], *, routed: Iterable[str], apex: str | None = None, bare: Iterable[str] = ()
) -> Inventory:
    addresses = {name: IPv4Address(f"192.0.2.{number}") for number, name in enumerate(NAMES, 1) if name not in bare}
    nodes = {name: NodeRecord(life=life, address=addresses.get(name)) for name, life in lives.items()}
    return Inventory(nodes=nodes, routed=tuple(routed), apex=apex, answers_apex=tuple(routed))


NUMBERS = count()
"""No two objects have one identifier."""
LIVE = dict.fromkeys(NAMES, Life.LIVE)
INVENTORIES = st.builds(
    inventory,
    st.fixed_dictionaries(dict.fromkeys(NAMES, LIVES)),
    routed=st.sets(st.sampled_from(NAMES), min_size=2),
    apex=st.none() | st.sampled_from(NAMES),
    bare=st.sets(st.sampled_from(NAMES), max_size=2),
)
FLEETS = st.builds(led, nodes=st.just(()) | st.lists(st.sampled_from(NAMES), min_size=2, unique=True).map(tuple))
POOLS = st.builds(Pool.at, st.sampled_from("abc"), st.sampled_from(["192.0.2.1", "192.0.2.2"]), st.just(1), st.just(2))
BALANCERS = st.builds(Balancer, st.just("x.org"), st.just(("a",)), st.just("a"), st.just("proximity"), st.just(30))
MONITORS = st.builds(Monitor, st.just("x.org"), st.sampled_from([30, 60]))
PARTS = st.lists(POOLS | BALANCERS | MONITORS, unique_by=lambda part: part.key)
THERE = st.lists(st.tuples(POOLS | BALANCERS | MONITORS, st.booleans()), max_size=6).map(
    lambda rows: [FoundPart(part, f"id-{n}", ours=True, altered=altered) for n, (part, altered) in enumerate(rows)]
)


def pools(parts: Iterable[Part]) -> list[str]:
    return [part.name for part in parts if isinstance(part, Pool)]


def after(there: Sequence[FoundPart], changes: Iterable[PartChange]) -> list[FoundPart]:
    """What the provider holds once changes were made."""
    made = list(changes)
    gone = {change.before.id for change in made if change.before}
    return [each for each in there if each.id not in gone] + [
        FoundPart(change.after, f"new-{next(NUMBERS)}", ours=True) for change in made if change.after
    ]


@given(FLEETS, INVENTORIES)
def test_nobody_is_led_to_a_node_that_is_not_chosen_live_and_proven(fleet: Fleet, known: Inventory) -> None:
    for name in pools(wanted_parts(fleet, known)):
        node = name.removeprefix(f"{fleet.name}_")
        record = known.record(node)
        assert (record.life, node in known.routed, record.address is None) == (Life.LIVE, True, False)
        assert node in (fleet.routing.nodes or NAMES)


@given(INVENTORIES)
def test_a_domain_that_leads_to_one_node_has_no_balancer(known: Inventory) -> None:
    assert wanted_parts(PLAN, known) == ()


@given(FLEETS, INVENTORIES)
def test_a_balancer_names_all_its_pools_and_falls_back_on_one_of_them(fleet: Fleet, known: Inventory) -> None:
    parts = wanted_parts(fleet, known)
    for balancer in (part for part in parts if isinstance(part, Balancer)):
        assert (list(balancer.pools), balancer.fallback in balancer.pools) == (pools(parts), True)


def test_the_fallback_is_the_node_that_was_chosen_for_the_domain() -> None:
    parts = wanted_parts(led(), inventory(LIVE, routed=NAMES, apex=NAMES[2]))
    (balancer,) = (part for part in parts if isinstance(part, Balancer))
    assert balancer.fallback == f"{PLAN.name}_{NAMES[2]}"


def test_a_pool_is_where_its_node_is() -> None:
    node = PLAN.nodes[0]
    _, pool, _ = wanted_parts(led(), inventory(LIVE, routed=[node.name]))
    assert pool == Pool(f"{PLAN.name}_{node.name}", "192.0.2.1", round(node.latitude, 4), round(node.longitude, 4))


@given(THERE, PARTS)
def test_once_a_plan_was_carried_out_nothing_is_left_to_do(there: list[FoundPart], wanted: list[Part]) -> None:
    assert plan_parts(after(there, plan_parts(there, wanted)), wanted) == ()


@given(THERE, PARTS)
def test_a_plan_leads_to_what_is_wanted_and_nothing_more(there: list[FoundPart], wanted: list[Part]) -> None:
    there_then = [each.part for each in after(there, plan_parts(there, wanted))]
    assert sorted(map(str, there_then)) == sorted(map(str, wanted))


@given(THERE, PARTS)
def test_what_others_lean_on_is_made_first_and_removed_last(there: list[FoundPart], wanted: list[Part]) -> None:
    ranks = [(change.kind == "delete", ORDER.index(change.part.key[0])) for change in plan_parts(there, wanted)]
    assert ranks == sorted(ranks, key=lambda rank: (rank[0], -rank[1] if rank[0] else rank[1]))


def whole(fleet: Fleet, known: Inventory) -> list[FoundPart]:
    """What the provider holds once it was brought to what a fleet needs."""
    return after([], plan_parts([], wanted_parts(fleet, known)))


@given(FLEETS, INVENTORIES, FLEETS, INVENTORIES, st.integers(0, 20))
def test_cut_off_anywhere_the_next_plan_ends_where_the_whole_would_have(
    before: Fleet, known: Inventory, now: Fleet, then: Inventory, made: int
) -> None:
    there, wanted = whole(before, known), wanted_parts(now, then)
    cut = after(there, plan_parts(there, wanted)[:made])
    ended = after(cut, plan_parts(cut, wanted))
    assert sorted(str(each.part) for each in ended) == sorted(map(str, wanted))


@given(FLEETS, INVENTORIES, FLEETS, INVENTORIES)
def test_at_no_moment_is_anybody_led_to_a_pool_that_is_not_there(
    before: Fleet, known: Inventory, now: Fleet, then: Inventory
) -> None:
    there = whole(before, known)
    changes = plan_parts(there, wanted_parts(now, then))
    for made in range(len(changes) + 1):
        moment = [each.part for each in after(there, changes[:made])]
        named = {name for part in moment if isinstance(part, Balancer) for name in (*part.pools, part.fallback)}
        assert named <= set(pools(moment))


@given(THERE)
def test_nothing_of_others_is_ever_changed(there: list[FoundPart]) -> None:
    others = [FoundPart(each.part, each.id, ours=False, altered=each.altered) for each in there]
    assert plan_parts(others, []) == ()


@pytest.mark.parametrize("part", [Pool("a", "192.0.2.1", 0, 0), Balancer("x.org", ("a",), "a", "proximity", 30)])
def test_a_name_that_others_have_taken_is_told(part: Part) -> None:
    with pytest.raises(ForeignBalancer, match=part.key[1]):
        plan_parts([FoundPart(part, "id", ours=False)], [part])


def test_a_monitor_of_others_is_in_nobodys_way() -> None:
    there = FoundPart(Monitor("x.org", 60), "id", ours=False)
    (change,) = plan_parts([there], [there.part])
    assert (change.kind, change.before) == ("create", None)


def test_a_change_says_what_was() -> None:
    now = Pool("a", "192.0.2.2", 0, 0)
    (moved,) = plan_parts([FoundPart(Pool("a", "192.0.2.1", 0, 0), "id", ours=True)], [now])
    (altered,) = plan_parts([FoundPart(now, "id", ours=True, altered=True)], [now])
    assert ("(was pool a 192.0.2.1" in str(moved), "by hand" in str(altered)) == (True, True)
