"""What the fleet file says of HQ's own eyes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from noc.fleet.errors import FleetProblems, Problem
from noc.fleet.load import load

FleetFile = Callable[..., Path]


def with_table(fleet_file: FleetFile, table: str) -> Path:
    return fleet_file(("[ntfy]", f"{table}\n\n[ntfy]"))


def problem_of(directory: Path) -> Problem:
    with pytest.raises(FleetProblems) as caught:
        load(directory)
    (problem,) = caught.value.problems
    return problem


def test_a_file_that_says_nothing_asks_every_minute_and_knows_no_outside(fleet_file: FleetFile) -> None:
    fleet = load(fleet_file())
    assert (fleet.witness.interval, fleet.witness.not_public, fleet.outside.addresses) == (60, (), ())


def test_outside_addresses_are_taken_by_number_and_by_name(fleet_file: FleetFile) -> None:
    fleet = load(with_table(fleet_file, '[outside]\naddresses = ["9.9.9.9:443", "https://example.net/"]'))
    assert fleet.outside.addresses == ("9.9.9.9:443", "https://example.net/")


@pytest.mark.parametrize("address", ["example.net", "http://example.net/", "9.9.9.9", "[::1]:443"])
def test_an_outside_address_that_could_not_be_asked_is_answered_with_the_right_form(
    fleet_file: FleetFile, address: str
) -> None:
    problem = problem_of(with_table(fleet_file, f'[outside]\naddresses = ["{address}", "9.9.9.9:443"]'))
    assert problem.fix == "IP:PORT, such as 9.9.9.9:443, or an https:// address"


@pytest.mark.parametrize("addresses", ['["9.9.9.9:443"]', '["9.9.9.9:443", "9.9.9.9:443"]'])
def test_one_outside_address_alone_is_refused(fleet_file: FleetFile, addresses: str) -> None:
    assert "alone" in problem_of(with_table(fleet_file, f"[outside]\naddresses = {addresses}")).what


def test_only_nodes_can_be_left_unasked(fleet_file: FleetFile) -> None:
    problem = problem_of(with_table(fleet_file, '[witness]\nnot_public = ["virginia", "frankfort"]'))
    assert problem.what == "no node is called frankfort"


@pytest.mark.parametrize("table", ["[witness]\ninterval = 0", "[house]\ninterval = inf", "[dead_man]\ninterval = -1"])
def test_an_interval_that_never_or_always_comes_is_refused(fleet_file: FleetFile, table: str) -> None:
    assert "is not allowed" in problem_of(with_table(fleet_file, table)).what
