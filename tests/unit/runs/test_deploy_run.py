"""Rollouts over machines behind the seam of Shell, Platform and Activator; see runs_kit."""

import asyncio
import subprocess

import pytest

from noc.fleet.model import Fleet
from noc.runs.errors import WatchAbsent
from noc.runs.paths import Paths
from noc.runs.plan.planners import plan_deploy
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.rollout.deployment import deploy
from noc.runs.rollout.verdicts import exit_code
from noc.runs.site.site import Site
from runs_kit import NAMES, NEW, NOW, OLD, World, begin_run, make_site, manifest, steps_of


@pytest.fixture
def site(paths: Paths, fleet: Fleet, world: World) -> Site:
    return make_site(paths, fleet, world)


@pytest.fixture
def run(paths: Paths, site: Site) -> Run:
    return begin_run(paths, plan_deploy(site.fleet, site.book.inventory, manifest(), ["all"], NOW))


def table(verdicts: list[Verdict]) -> list[tuple[str, str, str, str]]:
    return [(verdict.node, verdict.before, verdict.now, verdict.verdict) for verdict in verdicts]


async def seen(world: World, name: str, what: str) -> None:
    """Wait until something was done to a node."""
    async with asyncio.timeout(20):
        while (name, what) not in world.log:  # noqa: ASYNC110 - the log of a stand-in, which tells nobody
            await asyncio.sleep(0.01)


async def test_a_good_release_reaches_every_node_one_after_the_other(run: Run, site: Site, world: World) -> None:
    verdicts = await deploy(run, site)
    assert table(verdicts) == [(name, "1.0.0 (1)", "1.1.0 (2)", "confirmed") for name in NAMES]
    assert world.order("start", "confirm") == [(name, verb) for name in NAMES for verb in ("start", "confirm")]


async def test_a_node_is_activated_while_a_later_one_is_still_staged(run: Run, site: Site, world: World) -> None:
    first, *_, last = NAMES
    arriving = world.machines[last].arriving = asyncio.Event()
    going = asyncio.create_task(deploy(run, site))
    await seen(world, first, "confirm")
    arriving.set()
    assert [row.verdict for row in await going] == ["confirmed"] * 3
    assert world.order("start", "confirm") == [(name, verb) for name in NAMES for verb in ("start", "confirm")]


def test_what_was_confirmed_is_known_and_committed_once(run: Run, site: Site, paths: Paths) -> None:
    asyncio.run(deploy(run, site))
    assert {site.book.record(name).release for name in NAMES} == {NEW}
    log = subprocess.run(["git", "log", "--format=%s"], cwd=paths.fleet, capture_output=True, text=True, check=True)
    assert log.stdout.splitlines() == ["deploy 1.1.0 (build 2) to 3 nodes: virginia, frankfurt, singapore"]


async def test_the_watch_knows_of_a_deployment_while_it_lasts(run: Run, site: Site, world: World) -> None:
    await deploy(run, site)
    assert world.deployments == [(name, what) for name in NAMES for what in (run.id, "closed")]


async def test_a_node_that_runs_the_release_is_left_alone(run: Run, site: Site, world: World) -> None:
    machine = world.machines["virginia"]
    machine.current, machine.proven = NEW, [OLD, NEW]
    verdicts = await deploy(run, site)
    assert [verdict.verdict for verdict in verdicts] == ["unchanged", "confirmed", "confirmed"]
    assert not [what for name, what in world.log if name == "virginia" and what not in ("dial tunnel", "fence")]


@pytest.mark.parametrize(
    ("flaw", "why"),
    [
        ("sick", "HTTPS answers 500"),
        ("old version", "HTTPS shows 1.0.0 build 1"),
        ("no heartbeat", "no heartbeat of the new process"),
        ("dies", "killed-KILL"),
        ("turned", "could not be confirmed"),
        ("flaps", "was not proven"),
    ],
)
async def test_the_first_failure_is_turned_back_and_the_rest_is_untouched(
    run: Run, site: Site, world: World, flaw: str, why: str
) -> None:
    world.machines["frankfurt"].flaw = flaw
    verdicts = await deploy(run, site)
    assert table(verdicts) == [
        ("virginia", "1.0.0 (1)", "1.1.0 (2)", "confirmed"),
        ("frankfurt", "1.0.0 (1)", "1.0.0 (1)", "rolled-back"),
        ("singapore", "1.0.0 (1)", "1.0.0 (1)", "untouched"),
    ]
    assert why in verdicts[1].why
    assert world.machines["frankfurt"].current == OLD
    assert ("singapore", "start") not in world.log


async def test_the_old_release_is_seen_in_public_before_the_run_ends(run: Run, site: Site, world: World) -> None:
    world.machines["virginia"].flaw = "sick"
    await deploy(run, site)
    assert steps_of(run, "virginia")[-1] == ("prove-old", "ok")


async def test_a_node_that_cannot_be_turned_back_is_called_so(run: Run, site: Site, world: World) -> None:
    world.machines["virginia"].flaw = "stuck"
    verdicts = await deploy(run, site)
    assert [(verdict.verdict, verdict.now) for verdict in verdicts] == [
        ("rollback-failed", "unknown"),
        ("untouched", "1.0.0 (1)"),
        ("untouched", "1.0.0 (1)"),
    ]


async def test_a_node_that_heard_the_yes_is_confirmed_though_its_answer_was_lost(
    run: Run, site: Site, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noc.runs.rollout.change._RECONNECT_S", 0)
    world.machines["frankfurt"].flaw = "mute"
    verdicts = await deploy(run, site)
    assert table(verdicts) == [(name, "1.0.0 (1)", "1.1.0 (2)", "confirmed") for name in NAMES]
    assert site.book.record("frankfurt").release == NEW


async def test_no_node_is_activated_that_the_watch_would_page_for(run: Run, site: Site, world: World) -> None:
    world.machines["frankfurt"].flaw = "unknown to the watch"
    verdicts = await deploy(run, site)
    assert [verdict.verdict for verdict in verdicts] == ["confirmed", "refused", "untouched"]
    assert ("frankfurt", "start") not in world.log


async def test_the_window_at_the_watch_is_prolonged_before_a_rollback(run: Run, site: Site, world: World) -> None:
    world.machines["virginia"].flaw = "sick"
    await deploy(run, site)
    assert world.deployments == [("virginia", what) for what in (run.id, run.id, "closed")]


async def test_a_history_that_cannot_be_written_costs_no_verdict(run: Run, site: Site, paths: Paths) -> None:
    site.book.commit(run, "first")
    (paths.fleet / ".git" / "index.lock").touch()
    verdicts = await deploy(run, site)
    assert {verdict.verdict for verdict in verdicts} == {"confirmed"}
    assert [event.detail["error"]["code"] for event in run.events if event.step == "commit"]


async def test_what_is_found_when_nodes_are_asked_touches_nobody(run: Run, site: Site, world: World) -> None:
    world.machines["singapore"].flaw = "full"
    verdicts = await deploy(run, site)
    assert [verdict.verdict for verdict in verdicts] == ["untouched", "untouched", "blocked"]
    assert not world.order("start", "stage")


async def test_a_canary_that_does_not_take_what_it_got_keeps_all_others_from_it(
    run: Run, site: Site, world: World
) -> None:
    world.machines["virginia"].flaw = "unsigned"
    verdicts = await deploy(run, site)
    assert [verdict.verdict for verdict in verdicts] == ["refused", "untouched", "untouched"]
    assert not world.order("start")


async def test_a_later_node_that_does_not_take_what_it_got_ends_a_rollout_that_has_begun(
    run: Run, site: Site, world: World
) -> None:
    first, _, last = (world.machines[name] for name in NAMES)
    last.flaw, last.arriving = "unsigned", asyncio.Event()
    going = asyncio.create_task(deploy(run, site))
    await seen(world, first.name, "confirm")
    last.arriving.set()
    verdicts = {row.node: row.verdict for row in await going}
    assert (verdicts[first.name], verdicts[last.name]) == ("confirmed", "refused")
    assert (last.name, "start") not in world.log


async def test_a_node_that_refuses_is_not_turned_back(run: Run, site: Site, world: World) -> None:
    world.machines["virginia"].flaw = "refuses"
    verdicts = await deploy(run, site)
    assert [verdict.verdict for verdict in verdicts] == ["refused", "untouched", "untouched"]
    assert ("virginia", "revert") not in world.log
    assert not world.order("start")


async def test_a_fence_that_is_behind_the_nodes_is_seen_before_anything_is_sent(
    run: Run, site: Site, world: World
) -> None:
    world.machines["virginia"].fence = run.fence + 1
    verdicts = await deploy(run, site)
    assert verdicts[0].verdict == "blocked"
    assert not world.order("stage")


def stop_at(run: Run, last: str) -> None:
    """Ask the run to stop when it has written that record of its first node."""
    record = run.record

    def recording(*args: object, **detail: object) -> object:
        event = record(*args, **detail)  # type: ignore[arg-type]
        if (f"{event.step} {event.state}", event.node) == (last, NAMES[0]):
            run.stopping.set()
        return event

    run.record = recording  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize(
    ("record", "word"),
    [
        ("stage ok", "untouched"),
        ("activate started", "untouched"),
        ("activate ok", "halted"),
        ("prove ok", "halted"),
        ("soak ok", "confirmed"),
        ("confirm ok", "confirmed"),
    ],
)
async def test_a_stop_turns_back_what_is_not_proven_and_confirms_what_is(
    run: Run, site: Site, world: World, record: str, word: str
) -> None:
    stop_at(run, record)
    verdicts = await deploy(run, site)
    assert [verdict.verdict for verdict in verdicts] == [word, "untouched", "untouched"]
    assert world.machines["virginia"].current == (NEW if word == "confirmed" else OLD)
    assert world.machines["virginia"].pending is None


async def test_without_the_watch_nothing_is_begun(paths: Paths, fleet: Fleet) -> None:
    site = make_site(paths, fleet, World({}))
    run = begin_run(paths, plan_deploy(fleet, site.book.inventory, manifest(), ["all"], NOW))
    with pytest.raises(WatchAbsent):
        await deploy(run, site)
    assert len(run.events) == 1


async def test_what_a_cut_run_left_open_on_a_node_is_turned_back_first(run: Run, site: Site, world: World) -> None:
    machine = world.machines["virginia"]
    machine.current, machine.pending = NEW, "20260301T110000000-00aa"
    verdicts = await deploy(run, site)
    assert table(verdicts)[0] == ("virginia", "1.0.0 (1)", "1.1.0 (2)", "confirmed")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["confirmed", "unchanged"], 0),
        (["confirmed", "untouched"], 3),
        (["confirmed", "skipped"], 3),
        (["halted", "untouched"], 3),
        (["confirmed", "rolled-back", "untouched"], 1),
        (["turned-back", "rolled-back"], 1),
        (["untouched", "refused"], 1),
        (["untouched", "blocked"], 7),
        (["unchanged", "blocked"], 7),
        (["confirmed", "blocked"], 3),
    ],
)
def test_the_exit_code_says_whether_a_node_failed_or_only_some_are_left(words: list[str], code: int) -> None:
    verdicts = [
        Verdict(node="x", before="", now="", verdict=word, good=word in {"confirmed", "unchanged"}) for word in words
    ]
    assert exit_code(verdicts) == code
