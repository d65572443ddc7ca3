"""The fleet file of as many nodes as one HQ runs: read, addressed, rendered, and where it ends."""

from pathlib import Path

import pytest

from large_fleet import region_of, write_large
from noc.fleet.errors import FleetProblems, Problem
from noc.fleet.inventory import Inventory, NodeRecord, load_inventory, save_inventory
from noc.fleet.load import load
from noc.fleet.render import peers_conf, render
from noc.fleet.shares import MOST_NODES
from noc.mesh.config import hub_config, spoke_config
from runs_kit import HUB_KEY, NOW


def problems(directory: Path) -> tuple[Problem, ...]:
    with pytest.raises(FleetProblems) as raised:
        load(directory)
    return tuple(raised.value.problems)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_large(tmp_path_factory.mktemp("large") / "fleet")


def test_the_last_of_all_nodes_has_its_address_in_the_tunnel_and_on_the_hub(directory: Path) -> None:
    fleet = load(directory)
    assert f"Address = {fleet.nodes[-1].tunnel}/32" in spoke_config(fleet, fleet.nodes[-1], HUB_KEY)
    assert (str(fleet.nodes[-1].tunnel), len(fleet.nodes)) == ("10.84.7.218", MOST_NODES)
    assert "Address = 10.84.0.1/20" in hub_config(fleet, "/key")


def test_every_node_is_a_peer_of_the_hub_and_has_its_nix_module(directory: Path) -> None:
    fleet = load(directory)
    known = Inventory(nodes={node.name: NodeRecord(wireguard_key=HUB_KEY) for node in fleet.nodes})
    assert peers_conf(fleet, known).count("AllowedIPs = 10.84.") == MOST_NODES
    assert sum(path.startswith("nixos/nodes/") for path in render(fleet, known)) == MOST_NODES


def test_what_was_learnt_of_all_nodes_can_be_read_again(directory: Path, tmp_path: Path) -> None:
    everything = NodeRecord.model_validate(
        {
            "life": "live",
            "address": "198.51.100.7",
            "wireguard_key": HUB_KEY,
            "push_token_sha256": "a" * 64,
            "release": "b" * 64,
            "owed": "c" * 64,
            "hub": "192.0.2.1",
            "ssh_key": "ssh-ed25519 " + "A" * 68,
            "host_ca": "ssh-ed25519 " + "B" * 68,
            "rotated": {"wg": NOW, "push-token": NOW},
        }
    )
    known = Inventory(nodes={node.name: everything for node in load(directory).nodes})
    save_inventory(tmp_path, known)
    assert load_inventory(tmp_path) == known


def test_a_node_belongs_to_the_region_of_its_tag(directory: Path) -> None:
    fleet = load(directory)
    assert [fleet.region(node) for node in fleet.nodes[:20]] == [region_of(number) for number in range(1, 21)]


def test_a_node_without_such_a_tag_belongs_to_its_providers_region_or_its_country(directory: Path) -> None:
    node = load(directory).nodes[0]
    fleet = load(directory).model_copy(update={"judging": load(directory).judging.model_copy(update={"regions": ()})})
    assert fleet.region(node) == node.region
    assert fleet.region(node.model_copy(update={"region": None})) == node.country


def test_a_number_beyond_the_last_is_refused(tmp_path: Path) -> None:
    directory = write_large(tmp_path / "fleet", 2)
    text = (directory / "fleet.toml").read_text().replace("number = 2\n", f"number = {MOST_NODES + 1}\n")
    (directory / "fleet.toml").write_text(text)
    assert [problem.what for problem in problems(directory)] == ["nodes.2.number = 2001 is not allowed"]


def test_a_network_that_is_too_small_for_the_nodes_is_named_with_one_that_is_not(tmp_path: Path) -> None:
    directory = write_large(tmp_path / "fleet", 246, bits=24)
    (first, *_) = [problem for problem in problems(directory) if "room" in problem.what]
    assert (first.what, first.fix) == ("network 10.84.0.0/24 has room for 245 nodes of 246", "take 10.84.0.0/23")
