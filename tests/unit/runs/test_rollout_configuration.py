"""Configurations on their way to nodes, alone and with a release, over machines behind the seam; see runs_kit."""

import pytest

from noc.fleet.model import Fleet
from noc.runs.paths import Paths
from noc.runs.plan.plan import NodePlan, Rules
from noc.runs.plan.planners import plan_deploy
from noc.runs.record.run import Run
from noc.runs.rollout.deployment import deploy
from noc.runs.site.configuration import node_bundle
from noc.runs.site.site import Site
from runs_kit import NAMES, NEW, NOW, OLD, World, begin_run, make_site, manifest

RULES = {"soak": 0.01, "canary_soak": 0.01}


@pytest.fixture
def site(paths: Paths, fleet: Fleet, world: World) -> Site:
    return make_site(paths, fleet, world)


def a_run(paths: Paths, site: Site, *, release: bool = False, rows: tuple[NodePlan, ...] = (), **rules: object) -> Run:
    chosen, inventory = Rules.model_validate({**RULES, **rules}), site.book.inventory
    new = manifest() if release else None
    plan = plan_deploy(site.fleet, inventory, new, ["all"], NOW, configuration=True, rules=chosen)
    return begin_run(paths, plan.model_copy(update={"rows": rows}).sealed())


def config_of(site: Site, name: str) -> str:
    return node_bundle(site, site.fleet.node(name)).sha256


async def words(run: Run, site: Site) -> list[str]:
    return [verdict.verdict for verdict in await deploy(run, site)]


async def test_a_configuration_goes_the_way_of_a_release(paths: Paths, site: Site, world: World) -> None:
    run = a_run(paths, site)
    assert await words(run, site) == ["confirmed"] * 3
    assert {name: machine.config for name, machine in world.machines.items()} == {
        name: config_of(site, name) for name in NAMES
    }
    assert {machine.current for machine in world.machines.values()} == {OLD}
    assert {machine.orders[0].release for machine in world.machines.values()} == {None}


async def test_both_go_together(paths: Paths, site: Site, world: World) -> None:
    await deploy(a_run(paths, site, release=True), site)
    order = world.machines["virginia"].orders[0]
    assert (order.release, order.config) == (NEW, config_of(site, "virginia"))


async def test_it_is_confirmed_over_a_new_connection_under_our_fence(paths: Paths, site: Site, world: World) -> None:
    await deploy(a_run(paths, site), site)
    done = [
        what for name, what in world.log if name == "virginia" and what in ("start", "dial tunnel", "fence", "confirm")
    ]
    assert done == ["dial tunnel", "fence", "start", "dial tunnel", "fence", "confirm"]


async def test_what_has_it_is_left_alone(paths: Paths, site: Site, world: World) -> None:
    for name, machine in world.machines.items():
        machine.config = config_of(site, name)
    assert await words(a_run(paths, site), site) == ["unchanged"] * 3
    assert not world.order("stage-config", "arm", "start")


async def test_what_has_drifted_from_it_gets_it_again(paths: Paths, site: Site, world: World) -> None:
    for name, machine in world.machines.items():
        machine.config = config_of(site, name)
    world.machines["frankfurt"].differing = ("/etc/caddy/Caddyfile",)
    assert await words(a_run(paths, site), site) == ["unchanged", "confirmed", "unchanged"]


async def test_a_fleet_gets_its_configuration_from_before_back(paths: Paths, site: Site, world: World) -> None:
    for machine in world.machines.values():
        machine.config = "c" * 64
    world.machines["singapore"].flaw = "turned"
    assert await words(a_run(paths, site, on_failure="rollback-fleet"), site) == ["turned-back"] * 2 + ["rolled-back"]
    assert {machine.config for machine in world.machines.values()} == {"c" * 64}
    assert world.machines["virginia"].orders[-1].release is None


async def test_what_is_rendered_otherwise_than_it_was_planned_is_not_sent(
    paths: Paths, site: Site, world: World
) -> None:
    rows = tuple(
        NodePlan(node=name, position=number, state="change", config=config_of(site, name))
        for number, name in enumerate(NAMES, 1)
    )
    world.words = "something else"
    run = a_run(paths, site, rows=rows)
    assert await words(run, site) == ["blocked"] * 3
    assert not world.order("stage-config", "start")
