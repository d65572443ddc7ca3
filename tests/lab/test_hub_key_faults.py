"""The rotation of HQ's tunnel key is cut where it hurts most: HQ and nodes agree again, and the command goes on."""

from fleet_kit import NODES, Fleet, wait_for
from hub_key_kit import has_one_key, hub_key, pushed_twice_more

ROTATE = ("rotate", "hub")


def goes_on(fleet: Fleet, before: str) -> None:
    """The same command brings it to its end."""
    rows = fleet.hq.noc(*ROTATE)["nodes"]
    assert {row["node"]: row["verdict"] for row in rows} == dict.fromkeys(NODES, "rotated")
    key = hub_key(fleet)
    assert key != before
    wait_for(lambda: all(has_one_key(fleet, node, key) for node in NODES))


def test_a_runner_that_is_killed_in_the_middle_of_the_switch_leads_back(fleet: Fleet) -> None:
    before = hub_key(fleet)
    fleet.killed_at("switch", "started", command=ROTATE)
    wait_for(lambda: hub_key(fleet) == before)
    pushed_twice_more(fleet)
    goes_on(fleet, before)


def test_a_power_cut_of_hq_in_the_middle_of_the_switch_leads_back(fleet: Fleet) -> None:
    before = hub_key(fleet)
    fleet.dark_at("follow", "started", "virginia", command=ROTATE)
    assert hub_key(fleet) == before
    pushed_twice_more(fleet)
    goes_on(fleet, before)


def test_a_node_that_lost_its_power_before_it_kept_the_key_finds_hq_by_itself(fleet: Fleet) -> None:
    before = hub_key(fleet)
    fleet.killed_at("switch", "ok", command=ROTATE)
    fleet.lab.kill("virginia")
    fleet.lab.boot("virginia")
    assert hub_key(fleet) != before
    pushed_twice_more(fleet)
    goes_on(fleet, before)
