"""The regions that are listed."""

from pathlib import Path

from noc.fleet.load import load
from noc.fleet.regions import regions

PLAN = Path(__file__).parents[3] / "fleet"


def test_eight_of_the_plans_regions_must_be_switched_on() -> None:
    known = regions()["aws"]
    wanted = [node.region for node in load(PLAN).nodes if node.region and known[node.region].opt_in]
    assert wanted == [
        "mx-central-1",
        "eu-south-2",
        "me-central-1",
        "il-central-1",
        "af-south-1",
        "ap-southeast-3",
        "ap-southeast-5",
        "ap-east-1",
    ]


def test_each_node_of_the_plan_is_in_its_regions_country() -> None:
    known = regions()["aws"]
    assert all(known[node.region].country == node.country for node in load(PLAN).nodes if node.region)
