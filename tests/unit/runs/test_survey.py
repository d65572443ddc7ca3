"""Asking all nodes before anything is done: over machines behind the seam of Shell and Activator; see runs_kit."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from noc.fleet.model import Fleet
from noc.hosts.activation import NodeFacts
from noc.runs.paths import Paths
from noc.runs.plan.estimate import History
from noc.runs.plan.plan import Plan, Rules
from noc.runs.plan.planners import plan_deploy, plan_keygen, plan_provision
from noc.runs.rollout import survey as surveys
from noc.runs.rollout.survey import survey
from noc.runs.site.site import Site
from runs_kit import NAMES, NEW, NOW, OLD, FakeActivator, World, make_site, manifest


@pytest.fixture
async def site(paths: Paths, fleet: Fleet, world: World) -> AsyncIterator[Site]:
    made = make_site(paths, fleet, world)
    yield made
    await made.links.close()


def outline(site: Site, batch: int = 1) -> Plan:
    return plan_deploy(site.fleet, site.book.inventory, manifest(), ["all"], NOW, rules=Rules(batch=batch))


async def surveyed(site: Site, plan: Plan | None = None, history: History | None = None) -> Plan:
    return await survey(site, plan or outline(site), lambda: history or History(), fence=0, now=NOW)


async def test_every_node_has_a_row_in_the_plans_order(site: Site) -> None:
    plan = await surveyed(site)
    assert [(row.node, row.position, row.state, row.running, row.target) for row in plan.rows] == [
        (name, position, "change", OLD, NEW) for position, name in enumerate(NAMES, 1)
    ]


async def test_the_problems_of_all_nodes_are_found_before_anything_is_sent(site: Site, world: World) -> None:
    world.machines["virginia"].flaw = "full"
    world.machines["singapore"].fence = 5
    plan = await surveyed(site)
    assert [row.state for row in plan.rows] == ["blocked", "change", "blocked"]
    assert not world.order("stage", "fence", "arm", "go")


async def test_a_node_that_cannot_be_reached_is_named_and_holds_no_other_up(site: Site, world: World) -> None:
    world.machines["virginia"].flaw = "unreachable"
    plan = await surveyed(site)
    assert [row.state for row in plan.rows] == ["down", "change", "change"]
    assert plan.rows[0].problems == ("no answer",)
    assert [row.wave for row in plan.rows] == [0, 0, 1]


async def test_a_node_that_never_answers_has_a_deadline(
    site: Site, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = FakeActivator.facts

    async def facts(self: FakeActivator) -> NodeFacts:
        if self.machine.name == "frankfurt":
            await asyncio.Event().wait()
        return await silent(self)

    monkeypatch.setattr(FakeActivator, "facts", facts)
    monkeypatch.setattr(surveys, "ANSWER_S", 0.05)
    plan = await surveyed(site)
    assert [row.state for row in plan.rows] == ["change", "down", "change"]


async def test_a_machine_that_shows_another_key_is_blocked_not_down(site: Site, world: World) -> None:
    world.machines["frankfurt"].installed.clear()
    plan = await surveyed(site)
    assert plan.rows[1].state == "blocked"
    assert "shows no certificate" in plan.rows[1].problems[0]


async def test_a_node_with_the_release_that_is_sick_is_no_unchanged_one(site: Site, world: World) -> None:
    machine = world.machines["virginia"]
    machine.current, machine.proven, machine.flaw = NEW, [OLD, NEW], "sick"
    plan = await surveyed(site)
    assert plan.rows[0].state == "blocked"
    assert "not healthy" in plan.rows[0].problems[0]


async def test_where_all_is_as_wanted_there_is_nothing_to_do(site: Site, world: World) -> None:
    for machine in world.machines.values():
        machine.current, machine.proven = NEW, [OLD, NEW]
    plan = await surveyed(site)
    assert not plan.has_work


async def test_the_run_that_follows_does_not_connect_again(site: Site, world: World) -> None:
    await surveyed(site)
    for name in NAMES:
        link = site.link(site.fleet.node(name))
        await link.ask(lambda activator: activator.facts())
        await link.close()
    assert world.log == [(name, "dial tunnel") for name in NAMES]


async def test_the_estimate_rests_on_the_history(site: Site) -> None:
    history = History(activations={"virginia": (2.0,)}, rates={"virginia": (1e9,)}, surveys=(1.0,))
    plan = await surveyed(site, history=history)
    assert plan.estimate is not None
    assert plan.estimate.source == "from 1 activation"
    assert plan.estimate.bound_s == site.fleet.policy.deploy_bound


async def test_a_provisioning_is_estimated_without_asking_anybody(site: Site, world: World) -> None:
    outlined = plan_provision(site.fleet, site.book.inventory, [manifest()], ["all"], NOW)
    plan = await surveyed(site, outlined, History(provisions={"virginia": (60.0,)}))
    assert plan.estimate is not None
    assert (plan.estimate.activate_s, plan.rows, world.log) == (60.0, (), [])


async def test_a_rotation_of_keys_is_planned_as_it_is(site: Site) -> None:
    for name in NAMES:
        site.book.learn(name, wireguard_key="u" * 42 + "g=")
    outlined = plan_keygen(site.fleet, site.book.inventory, ["all"], NOW + timedelta(seconds=1))
    assert await surveyed(site, outlined) == outlined
