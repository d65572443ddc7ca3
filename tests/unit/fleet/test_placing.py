"""What the fleet file says of tenants' places: what is right, and each mistake at its line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from noc.fleet.errors import FleetProblems
from noc.fleet.load import load
from noc.fleet.placing import Limits, Placement

ROOT = Path(__file__).parents[3]
END = 'subdomain = "frankfurt"\n'
Written = Callable[..., Path]


def placement_of(fleet_file: Written, text: str) -> Placement:
    placement = load(fleet_file((END, f"{END}\n[placement]\n{text}"))).placement
    assert placement is not None
    return placement


def test_a_fleet_places_nobody_unless_its_file_says_so(fleet_file: Written) -> None:
    assert load(fleet_file()).placement is None


def test_an_empty_table_has_the_plans_limits_for_every_node(fleet_file: Written) -> None:
    placement = placement_of(fleet_file, "")
    assert placement.limits("virginia") == Limits(max_db_mb=2_048, max_ram_mb=400, max_sessions=500)


def test_a_node_has_its_own_limits_and_for_the_rest_those_of_all(fleet_file: Written) -> None:
    placement = placement_of(
        fleet_file, 'max_ram_mb = 300\n[[placement.limit]]\nnodes = ["virginia"]\nmax_sessions = 9\n'
    )
    assert placement.limits("virginia") == Limits(max_ram_mb=300, max_sessions=9)
    assert placement.limits("frankfurt") == Limits(max_ram_mb=300)


def test_a_country_is_a_residency_and_so_is_every_group_it_is_in(fleet_file: Written) -> None:
    placement = placement_of(fleet_file, '[placement.groups]\nnato = ["US", "DE"]\neu = ["DE", "FR"]\n')
    assert placement.residencies("DE") == ("DE", "eu", "nato")
    assert placement.residencies("JP") == ("JP",)


MISTAKES = [
    ('left_out = ["atlantis"]', "no node is called atlantis"),
    ('[[placement.limit]]\nnodes = ["atlantis"]', "no node is called atlantis"),
    ("[[placement.limit]]\nnodes = []", "placement.limit.1.nodes = [] is not allowed"),
    ("[[placement.limit]]\nmax_sessions = 1", "placement.limit.1.nodes is missing"),
    ('[[placement.limit]]\nnodes = ["virginia"]\n[[placement.limit]]\nnodes = ["virginia"]', "other limits already"),
    ('groups = { eu = ["Germany"] }', 'placement.groups.eu.1 = "Germany" is not allowed'),
    ('groups = { EU = ["DE"] }', 'placement.groups.EU.[key] = "EU" is not allowed'),
    ("groups = { eu = [] }", "group eu has no country"),
    ("max_sessions = 0", "placement.max_sessions = 0 is not allowed"),
    ("max_db_mb = 1.5", "placement.max_db_mb = 1.5 is not allowed"),
    ("fresh_for = 5", "placement.fresh_for = 5 is not allowed"),
    ("max_disk_mb = 5", "placement.max_disk_mb is not a key that is known here"),
]


@pytest.mark.parametrize(("text", "what"), MISTAKES)
def test_a_mistake_in_placement_is_told_once(fleet_file: Written, text: str, what: str) -> None:
    with pytest.raises(FleetProblems) as caught:
        placement_of(fleet_file, text)
    assert [what in problem.what for problem in caught.value.problems] == [True], caught.value


def test_a_country_that_is_none_is_answered_with_how_one_is_written(fleet_file: Written) -> None:
    with pytest.raises(FleetProblems) as caught:
        placement_of(fleet_file, 'groups = { eu = ["Germany"] }')
    assert [problem.fix for problem in caught.value.problems] == ['countries, such as eu = ["DE", "FR"]']


def test_what_the_page_shows_can_be_written_into_the_plans_fleet(tmp_path: Path) -> None:
    shown = (ROOT / "docs" / "placement.md").read_text().partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "fleet.toml").write_text(f"{(ROOT / 'fleet' / 'fleet.toml').read_text()}\n{shown}")
    placement = load(tmp_path).placement
    assert placement is not None
    assert (placement.limits("frankfurt").max_sessions, placement.residencies("FR")) == (2_000, ("FR", "eu"))
