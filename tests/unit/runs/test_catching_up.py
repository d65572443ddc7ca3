"""A node that was down, from the rollout that left it out to the one that the runner begins by itself."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from noc.fleet.model import Fleet
from noc.runs.admission.fence import last_fence
from noc.runs.paths import Paths
from noc.runs.plan.estimate import History
from noc.runs.plan.plan import Plan
from noc.runs.record.events import Verdict
from noc.runs.record.journal import read, run_ids
from noc.runs.record.run import Run
from noc.runs.rollout.deployment import deploy
from noc.runs.rollout.survey import survey
from noc.runs.runner.catchingup import catching_up
from noc.runs.runner.planning import make_plan
from noc.runs.runner.runner import Beginning, Runner
from noc.runs.runner.works import Works
from noc.runs.site.site import Site
from runs_kit import NEW, NOW, OLD, Store, World, make_site


@pytest.fixture
async def runner(
    paths: Paths, fleet: Fleet, world: World, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Runner, Site]]:
    """A runner over the kit's machines and its store."""
    monkeypatch.setattr("noc.runs.runner.planning.ReleaseStore", lambda _: Store())
    site = make_site(paths, fleet, world)
    reachable = {str(node.tunnel): node.name for node in fleet.nodes}

    async def knock(address: str) -> float | None:
        return None if world.machines[reachable[address]].flaw == "unreachable" else 1.0

    monkeypatch.setattr("noc.runs.rollout.catchup.round_trip_ms", knock)

    async def execute(run: Run) -> list[Verdict]:
        return await deploy(run, site)

    async def complete(plan: Plan) -> Plan:
        return await survey(site, plan, History, fence=last_fence(paths.fence), now=NOW)

    async def look(_names: Sequence[str]) -> dict[str, Any]:
        return {}

    made = Runner(paths, Works({"deploy": execute}, execute, complete, {"health": look}))
    yield made, site
    await made.stop()
    await site.links.close()


async def left_out(runner: Runner, world: World, node: str) -> str:
    """Roll NEW out while a node is down; the run's id."""
    world.machines[node].flaw = "unreachable"
    plan = await make_plan({"action": "deploy", "nodes": ["all"], "release": NEW}, runner.paths, runner.works.survey)
    run = await runner.begin(plan, Beginning("james"))
    await runner.ended()
    return run.id


async def test_a_node_gets_what_it_was_left_out_of_once_it_is_back(
    runner: tuple[Runner, Site], paths: Paths, world: World
) -> None:
    keeper, site = runner
    first = await left_out(keeper, world, "frankfurt")
    assert (world.machines["frankfurt"].current, site.book.record("frankfurt").owed) == (OLD, NEW)
    world.machines["frankfurt"].flaw = ""
    await catching_up(keeper).look()
    begun = read(paths.runs, run_ids(paths.runs)[0])[0].detail
    assert (begun["by"], begun["catch_up_of"], begun["plan"]["nodes"]) == (
        f"runner (catch-up of {first})",
        first,
        ["frankfurt"],
    )
    assert (world.machines["frankfurt"].current, site.book.record("frankfurt").owed) == (NEW, None)


async def test_a_halt_leaves_it_as_it_is(runner: tuple[Runner, Site], paths: Paths, world: World) -> None:
    keeper, _site = runner
    await left_out(keeper, world, "frankfurt")
    world.machines["frankfurt"].flaw = ""
    keeper.halt.set("johan", "looking")
    await catching_up(keeper).look()
    assert (world.machines["frankfurt"].current, len(run_ids(paths.runs))) == (OLD, 1)
