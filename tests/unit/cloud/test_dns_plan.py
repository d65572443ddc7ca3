"""Which records the fleet needs, and what it takes to get there."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.cloud.dns.plan import DnsPlan, Found, plan
from noc.cloud.dns.records import Record, wanted
from noc.cloud.errors import ForeignRecord
from noc.fleet.inventory import Inventory, Life, NodeRecord
from noc.fleet.load import load

PLAN = load(Path(__file__).parents[3] / "fleet")
NAMES = ("a.example.com", "b.example.com", "c.example.com")
ADDRESSES = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
RECORDS = st.builds(
    Record, st.sampled_from(NAMES), st.just("A"), st.sampled_from(ADDRESSES), st.sampled_from([60, 300])
)


def found(record: Record, *, ours: bool = True) -> Found:
    return Found(record, f"id-{record.name}-{record.content}-{record.ttl}", ours)


def applied(there: Sequence[Found], made: DnsPlan) -> list[Found]:
    """The zone after a plan."""
    gone = {change.before.id for change in made.changes if change.before}
    return [each for each in there if each.id not in gone] + [
        found(change.after) for change in made.changes if change.after
    ]


def a_record(name: str, content: str = "192.0.2.1") -> Record:
    return Record(name, "A", content, 300)


def inventory(**records: NodeRecord) -> Inventory:
    return Inventory(nodes=dict(records))


def names(of: Inventory) -> set[str]:
    return {record.name for record in wanted(PLAN, of)}


LAUNCHED = NodeRecord(life=Life.LAUNCHED, address=IPv4Address("192.0.2.7"))


def test_a_node_has_its_name_as_soon_as_it_has_an_address() -> None:
    assert "frankfurt.clavitor.com" in names(inventory(frankfurt=LAUNCHED))


def test_a_planned_node_has_none() -> None:
    assert names(Inventory()) == {"noc.clavitor.com", "soc.clavitor.com"}


def test_a_retired_node_has_none() -> None:
    assert "frankfurt.clavitor.com" not in names(
        inventory(frankfurt=LAUNCHED.model_copy(update={"life": Life.RETIRED}))
    )


def test_the_domain_itself_is_at_the_node_that_was_proven_for_it() -> None:
    there = inventory(frankfurt=LAUNCHED).model_copy(update={"apex": "frankfurt"})
    assert Record("clavitor.com", "A", "192.0.2.7", PLAN.dns.ttl) in wanted(PLAN, there)


def test_nothing_is_proxied() -> None:
    assert not any(record.proxied for record in wanted(PLAN, inventory(frankfurt=LAUNCHED)))


def test_a_node_with_ipv6_alone_stands_behind_the_proxy() -> None:
    odd = PLAN.node("frankfurt").model_copy(update={"public": "ipv6"})
    fleet = PLAN.model_copy(update={"nodes": (odd,)})
    record = LAUNCHED.model_copy(update={"address6": IPv6Address("2001:db8::7")})
    (own,) = [each for each in wanted(fleet, inventory(frankfurt=record)) if each.name.startswith("frankfurt")]
    assert (own.type, own.proxied, own.ttl) == ("AAAA", True, 1)


def test_a_moved_node_s_record_is_changed_and_not_made_twice() -> None:
    made = plan([found(a_record("a.example.com"))], [a_record("a.example.com", "192.0.2.2")])
    said = "update A a.example.com 192.0.2.2 for 300 s (was 192.0.2.1 for 300 s)"
    assert [str(change) for change in made.changes] == [said]


def test_a_record_that_is_needed_no_more_goes() -> None:
    assert [change.kind for change in plan([found(a_record("a.example.com"))], []).changes] == ["delete"]


def test_a_record_that_is_not_ours_stays() -> None:
    assert plan([found(a_record("www.example.com"), ours=False)], []) == DnsPlan((), 0, 1)


def test_a_name_that_somebody_else_uses_is_refused() -> None:
    with pytest.raises(ForeignRecord, match=r"a\.example\.com"):
        plan([found(a_record("a.example.com"), ours=False)], [a_record("a.example.com")])


def test_a_doubled_record_of_ours_is_removed_once() -> None:
    twice = [found(a_record("a.example.com")), found(a_record("a.example.com", "192.0.2.9"))]
    assert [change.kind for change in plan(twice, [a_record("a.example.com")]).changes] == ["delete"]


@given(st.lists(RECORDS, max_size=6, unique_by=lambda each: each.key), st.lists(RECORDS, max_size=6, unique=True))
def test_a_plan_leads_to_what_is_wanted_and_then_to_nothing(needed: list[Record], there: list[Record]) -> None:
    zone = [found(record) for record in there]
    after = applied(zone, plan(zone, needed))
    assert ({each.record for each in after}, plan(after, needed).changes) == (set(needed), ())


@given(st.lists(RECORDS, max_size=6, unique=True), st.lists(RECORDS, max_size=6, unique_by=lambda each: each.key))
def test_no_plan_touches_a_foreign_record(foreign: list[Record], needed: list[Record]) -> None:
    zone = [found(record, ours=False) for record in foreign]
    try:
        made = plan(zone, needed)
    except ForeignRecord:
        return
    assert not [change for change in made.changes if change.before is not None and not change.before.ours]
