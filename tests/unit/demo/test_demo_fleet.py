"""The fleet that the demo plays: the same names, on loopback, with shortened times."""

from pathlib import Path

import pytest

from noc.demo.fleet import POLICY, Ports, demo_fleet, draw_tokens, write_fleet, write_inventory
from noc.fleet.inventory import Life, load_inventory
from noc.fleet.load import load
from noc.fleet.model import Fleet

PLAN = Path(__file__).parents[3] / "fleet"


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    write_fleet(tmp_path, demo_fleet(load(PLAN), Ports(push=40001, page=40002, ntfy=40003), POLICY))
    return load(tmp_path)


def test_it_is_a_fleet_file_without_problems(fleet: Fleet) -> None:
    assert [node.name for node in fleet.nodes] == [node.name for node in load(PLAN).nodes]


def test_every_node_has_a_loopback_address_of_its_own(fleet: Fleet) -> None:
    assert [str(node.tunnel) for node in fleet.nodes] == [f"127.84.0.{number}" for number in range(11, 31)]


def test_alerts_stay_on_this_machine(fleet: Fleet) -> None:
    assert fleet.ntfy.url == "http://127.0.0.1:40003"


def test_no_job_is_missed_where_no_timer_begins_one(fleet: Fleet) -> None:
    assert fleet.schedule == ()


def test_the_inventory_knows_tokens_by_their_hash_only(tmp_path: Path, fleet: Fleet) -> None:
    tokens = draw_tokens(fleet)
    write_inventory(tmp_path, tokens, Life.PROVISIONED)
    text = (tmp_path / "inventory.toml").read_text()
    assert len(set(tokens.values())) == 20
    assert not any(token in text for token in tokens.values())
    assert {record.life for record in load_inventory(tmp_path).nodes.values()} == {Life.PROVISIONED}
