"""Waves, failures, nodes that are down, rollbacks and lost leases, over machines behind the seam; see runs_kit."""

from dataclasses import replace
from typing import Any

import pytest

from noc.fleet.inventory import NodeRecord
from noc.fleet.model import Fleet
from noc.hosts.answers import Snapshot
from noc.runs.admission.errors import Halted, LeaseLost
from noc.runs.paths import Paths
from noc.runs.plan.plan import Options, Rules
from noc.runs.plan.planners import plan_deploy, plan_rollback
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.rollout.deployment import deploy
from noc.runs.site.site import Site
from runs_kit import NAMES, NEW, NOW, OLD, World, begin_run, make_site, manifest, steps_of

QUICK = {"soak": 0.01, "canary_soak": 0.02}


@pytest.fixture
def site(paths: Paths, fleet: Fleet, world: World) -> Site:
    return make_site(paths, fleet, world)


def a_run(paths: Paths, site: Site, **rules: Any) -> Run:
    chosen = Rules.model_validate({**QUICK, **rules})
    return begin_run(paths, plan_deploy(site.fleet, site.book.inventory, manifest(), ["all"], NOW, rules=chosen))


def words(verdicts: list[Verdict]) -> list[str]:
    return [verdict.verdict for verdict in verdicts]


def steps(run: Run) -> list[tuple[str | None, str, str]]:
    return [(event.node, event.step, event.state.value) for event in run.events]


async def test_every_node_hears_the_fence_before_the_first_is_activated(paths: Paths, site: Site, world: World) -> None:
    await deploy(a_run(paths, site), site)
    assert [what for _, what in world.order("fence", "start")] == ["fence"] * 3 + ["start"] * 3
    assert {machine.fence for machine in world.machines.values()} == {7}


async def test_the_next_node_is_armed_while_the_present_one_is_in_hand(paths: Paths, site: Site, world: World) -> None:
    await deploy(a_run(paths, site), site)
    done = world.order("arm", "start", "confirm")
    assert done.index(("frankfurt", "arm")) < done.index(("virginia", "confirm"))
    assert done.index(("frankfurt", "start")) > done.index(("virginia", "confirm"))


async def test_a_node_whose_turn_came_too_late_for_its_order_is_armed_anew(
    paths: Paths, site: Site, world: World
) -> None:
    world.machines["frankfurt"].flaw = "late"
    assert words(await deploy(a_run(paths, site), site)) == ["confirmed"] * 3
    assert world.order("arm").count(("frankfurt", "arm")) == 2


async def test_what_was_armed_and_had_no_turn_is_taken_back(paths: Paths, site: Site, world: World) -> None:
    world.machines["virginia"].flaw = "sick"
    assert words(await deploy(a_run(paths, site), site)) == ["rolled-back", "untouched", "untouched"]
    assert ("frankfurt", "arm") in world.log
    assert world.machines["frankfurt"].armed is None


async def test_waves_are_told(paths: Paths, site: Site) -> None:
    run = a_run(paths, site, batch=2)
    await deploy(run, site)
    told = [(event.detail["number"], event.detail["nodes"]) for event in run.events if event.step == "wave"]
    assert told == [(0, ["virginia"]), (1, ["frankfurt", "singapore"])]


async def test_waves_of_regions_say_whose_they_are_and_which_is_a_canary(paths: Paths, site: Site) -> None:
    countries = dict(zip(NAMES, ("US", "DE", "DE"), strict=True))
    nodes = tuple(node.model_copy(update={"country": countries[node.name]}) for node in site.fleet.nodes)
    there = replace(site, fleet=site.fleet.model_copy(update={"nodes": nodes}))
    run = a_run(paths, there, batch=2, waves="region")
    assert words(await deploy(run, there)) == ["confirmed"] * 3
    told = [event.detail for event in run.events if event.step == "wave"]
    assert [(each["region"], each["canary"], each["nodes"]) for each in told] == [
        ("US", True, ["virginia"]),
        ("DE", True, ["frankfurt"]),
        ("DE", False, ["singapore"]),
    ]


async def test_in_a_batch_the_next_is_switched_while_one_soaks(paths: Paths, site: Site) -> None:
    run = a_run(paths, site, batch=2, soak=0.3)
    assert words(await deploy(run, site)) == ["confirmed"] * 3
    order = steps(run)
    assert order.index(("singapore", "activate", "started")) < order.index(("frankfurt", "soak", "ok"))
    assert order.index(("singapore", "activate", "started")) > order.index(("frankfurt", "prove", "ok"))


async def test_with_a_batch_of_one_a_node_is_confirmed_before_the_next(paths: Paths, site: Site) -> None:
    run = a_run(paths, site)
    await deploy(run, site)
    order = steps(run)
    assert order.index(("singapore", "activate", "started")) > order.index(("frankfurt", "confirm", "ok"))


async def test_the_canary_soaks_longer(paths: Paths, site: Site) -> None:
    run = a_run(paths, site)
    await deploy(run, site)
    soaked = [event.detail["soak_s"] for event in run.events if (event.step, event.state) == ("soak", "ok")]
    assert soaked == [0.02, 0.01, 0.01]


async def test_some_may_fail_and_the_others_get_it(paths: Paths, site: Site, world: World) -> None:
    world.machines["virginia"].flaw = "dies"
    verdicts = await deploy(a_run(paths, site, max_failures=1), site)
    assert words(verdicts) == ["rolled-back", "confirmed", "confirmed"]
    assert "killed-KILL" in verdicts[0].why


async def test_a_fleet_is_returned_the_newest_first_and_proven(paths: Paths, site: Site, world: World) -> None:
    world.machines["singapore"].flaw = "sick"
    run = a_run(paths, site, on_failure="rollback-fleet")
    verdicts = await deploy(run, site)
    assert words(verdicts) == ["turned-back", "turned-back", "rolled-back"]
    assert [(verdict.before, verdict.now) for verdict in verdicts] == [("1.0.0 (1)", "1.0.0 (1)")] * 3
    assert {machine.current for machine in world.machines.values()} == {OLD}
    assert world.order("start")[-2:] == [("frankfurt", "start"), ("virginia", "start")]
    assert steps_of(run, "virginia")[-1] == ("confirm", "ok")
    assert {site.book.record(name).release for name in NAMES} == {OLD}
    assert "HTTPS answers 500" in next(event.detail["why"] for event in run.events if event.step == "rollback-fleet")


async def test_a_node_that_is_down_is_skipped_and_owed(paths: Paths, site: Site, world: World) -> None:
    world.machines["frankfurt"].flaw = "unreachable"
    verdicts = await deploy(a_run(paths, site), site)
    assert words(verdicts) == ["confirmed", "skipped", "confirmed"]
    assert site.book.record("frankfurt") == site.book.record("frankfurt").model_copy(
        update={"release": OLD, "owed": NEW}
    )


async def test_what_a_node_was_owed_is_forgotten_once_it_runs_it(paths: Paths, site: Site) -> None:
    site.book.learn("frankfurt", owed=NEW)
    await deploy(a_run(paths, site), site)
    assert site.book.record("frankfurt") == NodeRecord(life=site.book.record("frankfurt").life, release=NEW)


async def test_where_others_failed_nothing_is_owed(paths: Paths, site: Site, world: World) -> None:
    world.machines["frankfurt"].flaw, world.machines["singapore"].flaw = "unreachable", "sick"
    assert words(await deploy(a_run(paths, site), site)) == ["confirmed", "skipped", "rolled-back"]
    assert site.book.record("frankfurt").owed is None


async def test_a_node_that_is_down_can_keep_the_run_from_beginning(paths: Paths, site: Site, world: World) -> None:
    world.machines["frankfurt"].flaw = "lost"
    assert words(await deploy(a_run(paths, site, down="refuse"), site)) == ["untouched", "blocked", "untouched"]
    assert not world.order("stage", "start")


async def test_a_node_that_comes_back_in_time_is_taken_last(paths: Paths, site: Site, world: World) -> None:
    world.machines["virginia"].flaw = "unreachable"
    run = a_run(paths, site, down="wait", down_wait=60)
    record = run.record

    def returning(*args: Any, **detail: Any) -> Any:
        if args[0] == "waiting":
            world.machines["virginia"].flaw = ""
        return record(*args, **detail)

    run.record = returning  # type: ignore[method-assign]
    assert words(await deploy(run, site)) == ["confirmed"] * 3
    assert [name for name, _ in world.order("start")] == ["frankfurt", "singapore", "virginia"]


async def test_a_node_that_does_not_come_back_is_skipped(paths: Paths, site: Site, world: World) -> None:
    world.machines["virginia"].flaw = "unreachable"
    verdicts = await deploy(a_run(paths, site, down="wait", down_wait=0.05), site)
    assert words(verdicts) == ["skipped", "confirmed", "confirmed"]


async def test_a_run_that_lost_its_lease_begins_no_other_node(paths: Paths, site: Site, world: World) -> None:
    run = a_run(paths, site)

    def check() -> None:
        if ("virginia", "confirm") in world.log:
            raise LeaseLost("the lease is lost", why="johan's run holds it by now")

    run.check = check
    verdicts = await deploy(run, site)
    assert words(verdicts) == ["confirmed", "untouched", "untouched"]
    assert "johan's run" in verdicts[1].why
    assert len(world.order("start")) == 1


async def test_a_node_in_hand_when_the_lease_is_lost_is_not_confirmed(paths: Paths, site: Site, world: World) -> None:
    run = a_run(paths, site)

    def check() -> None:
        if ("virginia", "start") in world.log:
            raise LeaseLost("the lease is lost")

    run.check = check
    assert words(await deploy(run, site)) == ["halted", "untouched", "untouched"]
    assert not world.order("confirm")
    assert world.machines["virginia"].current == OLD


async def test_a_halt_confirms_what_is_proven(paths: Paths, site: Site, world: World) -> None:
    run = a_run(paths, site)

    def check() -> None:
        if any((event.step, event.state) == ("soak", "ok") for event in run.events):
            run.stopping.set()
            raise Halted("the fleet is halted", why="johan: something is odd")

    run.check = check
    assert words(await deploy(run, site)) == ["confirmed", "untouched", "untouched"]


def on_new(world: World, *names: str) -> None:
    for name in names:
        machine = world.machines[name]
        machine.current, machine.proven, machine.releases = NEW, [OLD, NEW], {OLD, NEW}


def a_rollback(paths: Paths, site: Site, *, names: tuple[str, ...] = ("all",), **options: Any) -> Run:
    rules = Rules.model_validate(QUICK)
    inventory = site.book.inventory
    plan = plan_rollback(site.fleet, inventory, names, NOW, options=Options.model_validate(options), rules=rules)
    return begin_run(paths, plan)


async def test_a_rollback_returns_each_node_to_what_it_proved_before(paths: Paths, site: Site, world: World) -> None:
    on_new(world, *NAMES)
    verdicts = await deploy(a_rollback(paths, site), site)
    assert words(verdicts) == ["confirmed"] * 3
    assert [(verdict.before, verdict.now) for verdict in verdicts] == [("1.1.0 (2)", "1.0.0 (1)")] * 3
    assert {machine.current for machine in world.machines.values()} == {OLD}
    assert not world.order("stage"), "what lies there is not sent again"
    assert {site.book.record(name).release for name in NAMES} == {OLD}


async def test_a_node_that_has_nothing_to_go_back_to_keeps_no_other_from_it(
    paths: Paths, site: Site, world: World
) -> None:
    on_new(world, "virginia", "singapore")
    verdicts = await deploy(a_rollback(paths, site), site)
    assert words(verdicts) == ["confirmed", "blocked", "confirmed"]
    assert "proven no build below the one it runs" in verdicts[1].why
    assert world.machines["frankfurt"].current == OLD


async def test_a_rollback_in_hand_is_finished_though_the_run_is_stopped(paths: Paths, site: Site, world: World) -> None:
    on_new(world, *NAMES)
    run = a_rollback(paths, site)
    record = run.record

    def stopping(*args: Any, **detail: Any) -> Any:
        if args[:2] == ("activate", "ok"):
            run.stopping.set()
        return record(*args, **detail)

    run.record = stopping  # type: ignore[method-assign]
    assert words(await deploy(run, site)) == ["confirmed", "untouched", "untouched"]
    assert world.machines["virginia"].current == OLD


async def test_a_rollback_can_ask_for_the_data_of_then(paths: Paths, site: Site, world: World) -> None:
    on_new(world, "virginia")
    await deploy(a_rollback(paths, site, names=("virginia",), restore_data=True), site)
    assert world.machines["virginia"].orders[-1].restore_data


async def test_a_run_again_after_success_sends_nothing_and_restarts_nothing(
    paths: Paths, site: Site, world: World
) -> None:
    on_new(world, *NAMES)
    assert words(await deploy(a_run(paths, site), site)) == ["unchanged"] * 3
    assert not world.order("stage", "arm", "start")


def test_snapshots_name_what_a_rollback_of_data_would_lose(paths: Paths) -> None:
    from noc.runs.rollout.prospect import loss

    class Facts:
        snapshots = (
            Snapshot(number=1, run="r", at="2026-03-01T08:00:00+00:00", release=OLD, schema=3, bytes=10),
            Snapshot(number=2, run="s", at="2026-03-01T09:30:00+00:00", release=OLD, schema=3, bytes=10),
            Snapshot(number=3, run="t", at="2026-03-01T11:00:00+00:00", release=NEW, schema=3, bytes=10),
        )

    told = loss(Facts(), OLD, NOW)  # type: ignore[arg-type]
    assert told == "what was written since 2026-03-01 09:30:00 UTC (2 h 30 min) is lost"
    assert loss(Facts(), "c" * 64, NOW) == ""  # type: ignore[arg-type]
