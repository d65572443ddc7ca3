"""What the fleet file says of nodes that have lost their tunnel."""

from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from noc.fleet.errors import FleetProblems, Problem
from noc.fleet.load import load

FleetFile = Callable[..., Path]


def problem_of(directory: Path) -> Problem:
    with pytest.raises(FleetProblems) as caught:
        load(directory)
    (problem,) = caught.value.problems
    return problem


def test_a_file_that_says_nothing_lets_nobody_in(fleet_file: FleetFile) -> None:
    fleet = load(fleet_file())
    assert (fleet.hub.fallback, fleet.hub.rescue) == (None, ())


def test_hq_has_another_name_and_addresses_that_may_come_in(fleet_file: FleetFile) -> None:
    more = 'fallback = "hq.example.com"\nrescue = ["192.0.2.1"]\n'
    hub = load(fleet_file(("[tunnel]", f"{more}\n[tunnel]"))).hub
    assert (hub.fallback, hub.rescue) == ("hq.example.com", (IPv4Address("192.0.2.1"),))


@pytest.mark.parametrize(
    "times", ["rescue_after = 600", "fallback_after = 8000", "fallback_after = 5\nrescue_after = 5"]
)
def test_the_other_way_to_hq_is_tried_before_anybody_is_let_in(fleet_file: FleetFile, times: str) -> None:
    problem = problem_of(fleet_file(("[ntfy]", f"[rescue]\n{times}\n\n[ntfy]")))
    assert "is no later than fallback_after" in problem.what


def test_an_address_instead_of_a_name_is_answered_with_the_right_form(fleet_file: FleetFile) -> None:
    problem = problem_of(fleet_file(("[tunnel]", 'fallback = "192.0.2.1"\n\n[tunnel]')))
    assert problem.fix == "a name in lower case that leads to HQ, such as noc.clavitor.com"
