from datetime import datetime, timedelta, timezone

import pytest

from noc.errors import NotFound, Usage
from noc.fleet.inventory import Inventory, Life, NodeRecord
from noc.fleet.model import Fleet
from noc.runs.errors import NothingToInstall, PlanRefused
from noc.runs.plan.plan import Options, Plan, check
from noc.runs.plan.planners import plan_deploy, plan_keygen, plan_provision, running_release
from runs_kit import FINGERPRINT, NEW, NOW, OLD, manifest

LIVE = NodeRecord(life=Life.LIVE, release=OLD)


def inventory(**records: NodeRecord) -> Inventory:
    return Inventory(nodes=records)


def test_a_rollout_takes_nodes_in_the_fleets_order_whatever_was_typed(fleet: Fleet) -> None:
    known = inventory(singapore=LIVE, virginia=LIVE)
    assert plan_deploy(fleet, known, manifest(), ["singapore", "virginia"], NOW).nodes == ("virginia", "singapore")


def test_all_means_the_nodes_that_run_the_service(fleet: Fleet) -> None:
    assert plan_deploy(fleet, inventory(frankfurt=LIVE), manifest(), ["all"], NOW).nodes == ("frankfurt",)


def test_a_named_node_that_was_never_provisioned_is_refused_with_the_command_that_mends_it(fleet: Fleet) -> None:
    with pytest.raises(Usage) as raised:
        plan_deploy(fleet, inventory(frankfurt=LIVE), manifest(), ["frankfurt", "virginia"], NOW)
    assert raised.value.fix == "noc provision virginia"


def test_an_unknown_node_is_not_found(fleet: Fleet) -> None:
    with pytest.raises(NotFound):
        plan_deploy(fleet, inventory(), manifest(), ["atlantis"], NOW)


def test_the_digest_names_the_content_and_survives_the_wire(fleet: Fleet) -> None:
    plan = plan_deploy(fleet, inventory(frankfurt=LIVE), manifest(), ["all"], NOW)
    assert check(plan.model_dump(mode="json"), fleet) == plan


@pytest.mark.parametrize("change", [{"nodes": ["virginia"]}, {"release": OLD}, {"digest": "0" * 64}, {"nodes": []}])
def test_a_plan_that_was_changed_after_it_was_made_is_refused(fleet: Fleet, change: dict[str, object]) -> None:
    plan = plan_deploy(fleet, inventory(frankfurt=LIVE), manifest(), ["all"], NOW)
    with pytest.raises(PlanRefused):
        check({**plan.model_dump(mode="json"), **change}, fleet)


def test_a_node_is_provisioned_with_the_release_that_most_of_the_fleet_runs(fleet: Fleet) -> None:
    known = inventory(virginia=LIVE, frankfurt=LIVE)
    plan = plan_provision(fleet, known, [manifest(NEW), manifest(OLD, "1.0.0", 1)], ["singapore"], NOW)
    assert plan.release == OLD


def test_the_first_node_is_provisioned_with_the_newest_build(fleet: Fleet) -> None:
    plan = plan_provision(fleet, inventory(), [manifest(OLD, "1.0.0", 1), manifest(NEW)], ["virginia"], NOW)
    assert plan.release == NEW


def test_without_any_release_nothing_can_be_provisioned(fleet: Fleet) -> None:
    with pytest.raises(NothingToInstall):
        plan_provision(fleet, inventory(), [], ["virginia"], NOW)


def test_an_option_for_another_node_is_a_mistake(fleet: Fleet) -> None:
    with pytest.raises(Usage):
        plan_provision(
            fleet, inventory(), [manifest()], ["virginia"], NOW, options=Options(host_key={"frankfurt": FINGERPRINT})
        )


def test_a_retired_node_is_not_provisioned(fleet: Fleet) -> None:
    with pytest.raises(Usage):
        plan_provision(fleet, inventory(virginia=NodeRecord(life=Life.RETIRED)), [manifest()], ["virginia"], NOW)


def test_a_release_that_the_store_lost_does_not_count(fleet: Fleet) -> None:
    assert running_release(inventory(virginia=LIVE), [manifest(NEW)]) == manifest(NEW)


def test_a_key_is_rotated_only_where_there_is_a_tunnel(fleet: Fleet) -> None:
    with pytest.raises(Usage):
        plan_keygen(fleet, inventory(), ["virginia"], NOW)


def test_a_plan_that_names_a_node_twice_is_refused(fleet: Fleet) -> None:
    plan = plan_deploy(fleet, inventory(frankfurt=LIVE), manifest(), ["frankfurt"], NOW)
    twice = plan.model_copy(update={"nodes": ("frankfurt", "frankfurt")}).sealed()
    with pytest.raises(PlanRefused):
        check(twice.model_dump(mode="json"), fleet)


def test_a_plan_that_brings_data_says_of_when() -> None:
    at = datetime(2026, 3, 1, 19, 0, tzinfo=timezone(timedelta(hours=1)))
    made = Plan(action="restore", nodes=("virginia",), options=Options(at=at), created=at)
    assert made.label() == "restore virginia with the data of 2026-03-01 18:00:00 UTC"
