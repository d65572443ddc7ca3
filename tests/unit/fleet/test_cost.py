"""What the fleet costs: sums over the plan's own fleet file and the price list that comes with the program."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.cost import FleetCost, fleet_cost, without
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.fleet.prices import HOURS_A_MONTH, Price, price_list
from noc.fleet.routing import Routing
from noc.fleet.thrift import ways

PLAN = load(Path(__file__).parents[3] / "fleet")
TODAY = date(2026, 11, 26)
AFTER = date(2028, 1, 1)

Bill = Callable[..., FleetCost]


def bill(fleet: Fleet = PLAN, today: date = TODAY) -> FleetCost:
    return fleet_cost(fleet, price_list(), today)


def changed(**budget: float) -> Fleet:
    return PLAN.model_copy(update={"budget": PLAN.budget.model_copy(update=budget)})


def with_addresses(kind: str) -> Fleet:
    return PLAN.model_copy(update={"nodes": tuple(each.model_copy(update={"public": kind}) for each in PLAN.nodes)})


def test_the_bill_is_the_true_one_and_not_the_plan_s() -> None:
    assert 150 < bill(today=AFTER).usd < 170


def test_a_node_pays_for_its_public_address() -> None:
    assert bill().nodes[0].part("address") == pytest.approx(0.005 * HOURS_A_MONTH)


def test_a_node_with_ipv6_alone_pays_for_no_address() -> None:
    assert bill(with_addresses("ipv6")).part("address") == 0


def test_an_accepted_node_is_left_out_of_the_sum() -> None:
    assert len(bill().running) == 19


def test_an_acceptance_that_is_over_counts_again() -> None:
    assert len(bill(today=AFTER).running) == 20


def test_the_sum_of_the_parts_is_the_bill() -> None:
    found = bill()
    parts = sum(found.part(what) for what in ("instance", "disk", "address", "egress"))
    assert found.usd == pytest.approx(parts - found.free_egress_usd)


def test_every_region_of_the_plan_has_its_prices() -> None:
    assert bill(today=AFTER).unknown == ()


def test_a_price_that_nobody_knows_is_no_zero() -> None:
    odd = PLAN.nodes[0].model_copy(update={"instance_type": "x9.huge"})
    found = bill(PLAN.model_copy(update={"nodes": (odd, *PLAN.nodes[1:])}))
    assert found.unknown == (odd.name,)


def test_every_row_names_a_source_that_is_explained() -> None:
    prices = price_list()
    assert {row.source for row in prices.rows} <= prices.sources.keys()


def test_a_later_row_takes_the_place_of_ours() -> None:
    row = Price("aws", "us-east-1", "instance", "t4g.nano", 1.0, "api", "2026-11-01")
    found = price_list().updated([row], {"api": "the provider's price list"})
    assert found.find("aws", "us-east-1", "instance", "t4g.nano") == row


def test_there_are_ways_under_the_plan_s_ceiling() -> None:
    assert any(way.fits(100) for way in ways(bill(), price_list(), 100))


def test_a_commitment_alone_does_not_reach_the_ceiling() -> None:
    found = {way.name: way for way in ways(bill(), price_list(), 100)}
    assert not found["savings plan, 3 years, all up front"].fits(100)


def test_nothing_has_to_change_under_a_ceiling_that_is_kept() -> None:
    assert ways(bill(), price_list(), 1_000) == ()


@given(st.floats(20, 400))
def test_fewer_nodes_always_fit_the_ceiling_they_were_counted_for(ceiling: float) -> None:
    fewer = [way for way in ways(bill(), price_list(), ceiling) if way.name.endswith("without the dearest")]
    assert all(way.fits(ceiling) for way in fewer)


@given(st.sets(st.sampled_from([node.name for node in PLAN.nodes])))
def test_leaving_nodes_out_never_costs_more(names: set[str]) -> None:
    whole = bill(changed(egress_gb=0), AFTER)
    assert without(whole, names, "left").usd <= whole.usd


@given(st.floats(0, 10_000))
def test_free_traffic_never_takes_off_more_than_traffic_costs(gb: float) -> None:
    found = bill(changed(egress_gb=gb))
    assert 0 <= found.free_egress_usd <= found.part("egress") + 1e-9


def routed(*names: str) -> Fleet:
    return PLAN.model_copy(update={"routing": Routing(method="latency", nodes=names)})


def test_a_domain_that_leads_to_one_node_costs_nothing() -> None:
    assert bill().routing is None


def test_a_domain_that_leads_to_several_costs_what_the_table_says() -> None:
    found = bill(routed("virginia", "frankfurt", "singapore"))
    assert found.usd - bill().usd == pytest.approx(20)
    assert str(found.routing) == "$20.00 a month at list prices for 3 endpoints"


def test_where_no_node_is_named_every_one_that_runs_is_paid_for() -> None:
    found = bill(routed())
    assert found.routing is not None
    assert found.routing.endpoints == len(found.running)


def test_leading_the_domain_to_one_node_is_a_way_to_less() -> None:
    found = bill(routed("virginia", "frankfurt"))
    (way,) = [way for way in ways(found, price_list(), 1) if way.name == "the domain led to one node"]
    assert way.most == pytest.approx(bill().usd)


def test_the_price_of_a_balancer_has_a_source() -> None:
    prices = price_list()
    assert prices.balancer("cloudflare").source in prices.sources
