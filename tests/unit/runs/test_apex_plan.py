"""Who may answer for the domain itself, and who else a plan for that is about."""

from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest

from noc.errors import NotFound, Usage
from noc.fleet.inventory import Inventory, Life, NodeRecord
from noc.fleet.model import Fleet
from noc.runs.admission.risk import risk
from noc.runs.plan.planners import plan_apex

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LIVE = NodeRecord(life=Life.LIVE, address=IPv4Address("192.0.2.7"))


def inventory(*answering: str, **nodes: NodeRecord) -> Inventory:
    return Inventory(nodes={"virginia": LIVE, "frankfurt": LIVE, **nodes}, answers_apex=answering)


def test_who_answers_until_then_is_part_of_the_plan(fleet: Fleet) -> None:
    assert plan_apex(fleet, inventory("virginia"), ["frankfurt"], NOW).nodes == ("frankfurt", "virginia")


def test_the_node_that_answers_already_is_named_once(fleet: Fleet) -> None:
    assert plan_apex(fleet, inventory("virginia"), ["virginia"], NOW).nodes == ("virginia",)


def test_leading_the_domain_elsewhere_is_a_medium_risk(fleet: Fleet) -> None:
    known = inventory()
    assert risk(plan_apex(fleet, known, ["virginia"], NOW), known) == "medium"


@pytest.mark.parametrize("names", [["virginia", "frankfurt"], ["all"], ["singapore"]])
def test_one_live_node_answers(fleet: Fleet, names: list[str]) -> None:
    with pytest.raises(Usage):
        plan_apex(fleet, inventory(), names, NOW)


def test_a_node_without_an_address_of_its_own_to_prove_it_at_does_not(fleet: Fleet) -> None:
    with pytest.raises(Usage, match="IPv4"):
        plan_apex(fleet, inventory(virginia=NodeRecord(life=Life.LIVE)), ["virginia"], NOW)


def test_a_node_that_the_fleet_has_not_is_named(fleet: Fleet) -> None:
    with pytest.raises(NotFound):
        plan_apex(fleet, inventory(), ["atlantis"], NOW)
