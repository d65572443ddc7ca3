"""What HQ sees of a node where a tenant is to be placed."""

from typing import Any

import pytest

from noc.fleet.inventory import Life
from noc.fleet.load import load
from noc.placement.roster import Load, Seen
from noc.runs.paths import Paths
from noc.runs.site.book import Book
from noc.runs.site.watchdoor import Watched
from noc.runs.tenants.seen import open_nodes, seen_nodes
from runs_kit import NAMES, NOW, World, make_site
from tenant_kit import ROOMY


def seen(paths: Paths, world: World, expected: int = 0, **row: Any) -> Seen:
    """Virginia, as the watch shows it with these fields."""
    beat = {"at": NOW, "telemetry": ROOMY}
    shown = Watched.model_validate({"name": "virginia", "state": "up", "last_heartbeat": beat, **row})
    site = make_site(paths, load(paths.fleet), world)
    return seen_nodes(site, {"virginia": shown}, {"virginia": expected})["virginia"]


def test_a_node_that_pushes_says_how_full_it_is(placing: Paths, world: World) -> None:
    assert seen(placing, world) == Seen(live=True, load=Load(db_mb=10, ram_mb=100, sessions=3))


def test_who_is_expected_counts_as_a_session(placing: Paths, world: World) -> None:
    assert seen(placing, world, expected=4).load == Load(db_mb=10, ram_mb=100, sessions=7)


@pytest.mark.parametrize(
    "row",
    [
        {"state": "down"},
        {"state": "pending", "last_heartbeat": None},
        {"last_heartbeat": {"at": NOW}},
        {"last_heartbeat": {"at": NOW, "telemetry": {**ROOMY, "ram_mb": "much"}}},
        {"last_heartbeat": {"at": NOW, "telemetry": {"db_size_mb": 1}}},
    ],
    ids=str,
)
def test_of_a_node_that_was_not_heard_lately_or_says_too_little_nothing_is_known(
    placing: Paths, world: World, row: dict[str, Any]
) -> None:
    assert seen(placing, world, **row).load is None


@pytest.mark.parametrize("row", [{"maintenance": True}, {"deployment": "20260301T120000000-00aa"}], ids=str)
def test_a_node_in_maintenance_or_being_deployed_to_is_in_maintenance(
    placing: Paths, world: World, row: dict[str, Any]
) -> None:
    assert seen(placing, world, **row).maintenance


def test_a_node_with_an_open_incident_is_in_one(placing: Paths, world: World) -> None:
    assert seen(placing, world, incident=7).incident


def test_a_node_whose_life_has_ended_is_not_live(placing: Paths, world: World) -> None:
    Book(placing.fleet).learn("virginia", life=Life.RETIRED)
    assert not seen(placing, world).live


def test_open_are_those_that_are_live_and_not_left_out(placing: Paths, world: World) -> None:
    Book(placing.fleet).learn("virginia", life=Life.RETIRED)
    file = placing.fleet / "fleet.toml"
    file.write_text(file.read_text().replace("[placement]", '[placement]\nleft_out = ["frankfurt"]'))
    site = make_site(placing, load(placing.fleet), world)
    assert open_nodes(site) == set(NAMES) - {"virginia", "frankfurt"}
