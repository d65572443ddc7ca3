"""`[routing]`: what the fleet file may say of where the domain leads, and which nodes that makes of it."""

from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from noc.fleet.errors import FleetProblems, Problem
from noc.fleet.inventory import Inventory, Life, NodeRecord, load_inventory, save_inventory
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.fleet.routing import MOST_ROUTED, Routing

FleetFile = Callable[..., Path]
PLAN = load(Path(__file__).parents[3] / "fleet")
LIVE = NodeRecord(life=Life.LIVE, address=IPv4Address("192.0.2.7"))


def problem_of(directory: Path) -> Problem:
    with pytest.raises(FleetProblems) as caught:
        load(directory)
    (problem,) = caught.value.problems
    return problem


def routed(table: str) -> tuple[str, str]:
    """A change of the fleet file."""
    return "[ntfy]", f"[routing]\n{table}\n\n[ntfy]"


def led(*names: str) -> Fleet:
    return PLAN.model_copy(update={"routing": Routing(method="latency", nodes=names)})


def test_a_file_that_says_nothing_leads_the_domain_to_one_node(fleet_file: FleetFile) -> None:
    assert load(fleet_file()).routing == Routing(method="single")


def test_another_provider_that_could_is_not_made(fleet_file: FleetFile) -> None:
    problem = problem_of(fleet_file(routed('method = "latency"\nprovider = "route53"')))
    assert "latency records of Route 53 are not made" in problem.fix


def test_a_name_server_of_its_own_answers_everybody_alike(fleet_file: FleetFile) -> None:
    dns = '[dns]\nprovider = "rfc2136"\nserver = "192.0.2.53:53"\n'
    problem = problem_of(fleet_file(("[ntfy]", f'{dns}[routing]\nmethod = "latency"\n\n[ntfy]')))
    assert ("rfc2136" in problem.what, 'method = "single"' in problem.fix) == (True, True)


def test_a_name_server_of_its_own_leads_to_one_node(fleet_file: FleetFile) -> None:
    dns = '[dns]\nprovider = "rfc2136"\nserver = "192.0.2.53:53"\n'
    assert load(fleet_file(("[ntfy]", f'{dns}[routing]\nmethod = "single"\n\n[ntfy]'))).routing.by_latency is False


@pytest.mark.parametrize(
    ("names", "what"),
    [('["atlantis"]', "no node is called atlantis"), ('["frankfurt", "frankfurt"]', "frankfurt is named twice")],
)
def test_nodes_that_cannot_be_led_to_are_named_with_their_line(fleet_file: FleetFile, names: str, what: str) -> None:
    directory = fleet_file(routed(f'method = "latency"\nnodes = {names}'))
    problem = problem_of(directory)
    line = (directory / "fleet.toml").read_text().splitlines()[problem.line - 1]
    assert (problem.what, line.startswith("nodes")) == (what, True)


def test_a_node_without_an_address_to_prove_it_at_cannot_be_led_to(fleet_file: FleetFile) -> None:
    table = routed('method = "latency"\nnodes = ["frankfurt"]')
    named = ('name = "frankfurt"', 'name = "frankfurt"\npublic = "ipv6"')
    assert "no IPv4 address" in problem_of(fleet_file(table, named)).what


def test_more_nodes_than_the_provider_leads_to_have_to_be_chosen_from(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "fleet" / "fleet.toml").read_text()
    one_more = (
        '\n[[nodes]]\nname = "atlantis"\nnumber = 99\ncity = "Atlantis"\ncountry = "PT"\nlatitude = 37\n'
        'longitude = -25\nprovider = "hostkey"\nplatform = "debian"\ntunnel = "10.84.0.99"\nsubdomain = "atlantis"\n'
    )
    (tmp_path / "fleet.toml").write_text(f'{text}{one_more}\n[routing]\nmethod = "latency"\n')
    assert f"to {MOST_ROUTED} nodes at most" in problem_of(tmp_path).what


@pytest.mark.parametrize("table", ["interval = 14", "interval = 3601", "ttl = 29", 'method = "nearest"'])
def test_what_the_provider_would_refuse_is_refused_here(fleet_file: FleetFile, table: str) -> None:
    problem_of(fleet_file(routed(table)))


def test_the_nodes_that_are_named_and_live_are_wanted() -> None:
    known = Inventory(nodes={"virginia": LIVE, "frankfurt": LIVE})
    assert [node.name for node in known.routable(led("virginia", "singapore"))] == ["virginia"]


def test_where_none_are_named_every_live_one_is_wanted() -> None:
    known = Inventory(nodes={"virginia": LIVE, "frankfurt": LIVE, "singapore": NodeRecord(life=Life.PROVISIONED)})
    assert {node.name for node in known.routable(led())} == {"virginia", "frankfurt"}


def test_a_domain_that_leads_to_one_node_wants_no_other() -> None:
    assert Inventory(nodes={"virginia": LIVE}).routable(PLAN) == ()


def test_an_inventory_without_a_balancer_is_written_as_ever(tmp_path: Path) -> None:
    save_inventory(tmp_path, Inventory(nodes={"virginia": LIVE}))
    assert "routed" not in (tmp_path / "inventory.toml").read_text()


def test_to_whom_a_balancer_may_lead_is_kept(tmp_path: Path) -> None:
    save_inventory(tmp_path, Inventory(routed=("virginia", "frankfurt")))
    assert load_inventory(tmp_path).routed == ("virginia", "frankfurt")
