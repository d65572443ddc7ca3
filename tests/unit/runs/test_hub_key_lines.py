"""The doctor's lines of nodes that a rotation of HQ's tunnel key waits for, or went on without."""

from noc.fleet.inventory import HubRecord, Inventory, Life, NodeRecord
from noc.fleet.model import Fleet
from noc.mesh.keys import generate
from noc.runs.doctor.care import Care
from noc.runs.doctor.hubkey import hub_key_lines
from noc.runs.paths import Paths
from runs_kit import NOW

OLD, NEW = generate()[1], generate()[1]


def lines(fleet: Fleet, paths: Paths, following: str | None, **nodes: NodeRecord) -> list[tuple[str, str]]:
    inventory = Inventory(hub=HubRecord(wireguard_key=OLD, wireguard_key_next=following), nodes=nodes)
    return [(line.subject, line.state) for line in hub_key_lines(Care(fleet, inventory, paths, NOW))]


def test_whoever_has_not_heard_of_the_next_key_is_named(fleet: Fleet, paths: Paths) -> None:
    told, untold = NodeRecord(life=Life.LIVE, hub_key_next=NEW), NodeRecord(life=Life.LIVE)
    assert lines(fleet, paths, NEW, virginia=told, frankfurt=untold) == [("frankfurt", "due")]


def test_whoever_was_left_out_is_wrong_until_it_is_rescued(fleet: Fleet, paths: Paths) -> None:
    assert lines(fleet, paths, None, virginia=NodeRecord(life=Life.LIVE, hub_key=OLD)) == [("virginia", "wrong")]


def test_a_fleet_at_rest_and_nodes_that_are_no_more_have_no_line(fleet: Fleet, paths: Paths) -> None:
    assert lines(fleet, paths, None, virginia=NodeRecord(life=Life.LIVE)) == []
    assert lines(fleet, paths, NEW, virginia=NodeRecord(life=Life.RETIRED)) == []
