"""A rollout as it is seen from outside: surveyed, carried out, viewed, shown on the page, and learnt from for the next.

Machines are behind the seam of Shell and Activator (see runs_kit); the records are those that a rollout really writes.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import reduce

import pytest

from noc.fleet.model import Fleet
from noc.runs.paths import Paths
from noc.runs.plan.estimate import History
from noc.runs.plan.plan import Plan
from noc.runs.plan.planners import plan_deploy
from noc.runs.record.durations import history
from noc.runs.record.run import Run
from noc.runs.rollout.deployment import deploy
from noc.runs.rollout.survey import survey
from noc.runs.runner.broadcast import as_shown
from noc.runs.runner.ending import exit_code
from noc.runs.runner.view import Outcome, View, advance, closing, counted
from noc.runs.site.site import Site
from noc.watch.pages.runs import ShownRun
from runs_kit import NAMES, NOW, World, begin_run, make_site, manifest


@pytest.fixture
async def site(paths: Paths, fleet: Fleet, world: World) -> AsyncIterator[Site]:
    made = make_site(paths, fleet, world)
    yield made
    await made.links.close()


async def surveyed(site: Site) -> Plan:
    outline = plan_deploy(site.fleet, site.book.inventory, manifest(), ["all"], NOW)
    return (await survey(site, outline, History, fence=0, now=NOW)).sealed()


async def carried_out(paths: Paths, site: Site) -> Run:
    run = begin_run(paths, await surveyed(site))
    verdicts = await deploy(run, site)
    run.end(verdicts, exit_code=exit_code(run.plan, verdicts))
    return run


def seen(run: Run) -> View:
    return reduce(advance, run.events, View())


async def test_a_good_rollout_is_seen_as_done_on_every_node(paths: Paths, site: Site) -> None:
    view = seen(await carried_out(paths, site))
    assert [row.verdict for row in view.rows.values()] == ["confirmed"] * 3
    assert counted(view) == "3 of 3 done, 0 failed"
    assert "headroom to 10 min" in closing(view)


async def test_every_node_was_confirmed_in_the_wave_that_the_plan_gave_it(paths: Paths, site: Site) -> None:
    run = await carried_out(paths, site)
    said = [
        (event.detail["number"], name) for event in run.events if event.step == "wave" for name in event.detail["nodes"]
    ]
    assert said == [(row.wave, row.node) for row in run.plan.rows]


async def test_a_failed_node_is_seen_as_turned_back_and_the_rest_as_waiting(
    paths: Paths, site: Site, world: World
) -> None:
    world.machines["frankfurt"].flaw = "sick"
    view = seen(await carried_out(paths, site))
    assert [row.outcome for row in view.rows.values()] == [Outcome.DONE, Outcome.FAILED, Outcome.WAITING]
    assert view.rows["frankfurt"].verdict == "rolled-back"


async def test_the_page_can_show_it_at_each_of_its_records(paths: Paths, site: Site, world: World) -> None:
    world.machines["frankfurt"].flaw = "dies"
    run, view = await carried_out(paths, site), View()
    for event in run.events:
        view = advance(view, event)
        ShownRun.model_validate(as_shown(view, datetime.now(UTC)))
    assert view.exit_code == 1


async def test_the_next_plan_is_estimated_from_it(paths: Paths, site: Site) -> None:
    run = await carried_out(paths, site)
    learnt = history([run.events])
    assert set(learnt.activations) == set(NAMES)
    assert all(0 <= seconds[0] < 10 for seconds in learnt.activations.values())
    assert len(learnt.surveys) == 1
