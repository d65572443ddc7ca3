"""The weekly system on its way to nodes, over machines behind the seam; see runs_kit."""

import pytest

from noc.fleet.model import Fleet
from noc.hosts.activation import Outdated
from noc.hosts.answers import Package
from noc.runs.paths import Paths
from noc.runs.plan.estimate import History
from noc.runs.plan.plan import NodePlan, Rules
from noc.runs.plan.planners import plan_deploy
from noc.runs.record.run import Run
from noc.runs.rollout.deployment import deploy
from noc.runs.rollout.survey import survey
from noc.runs.rollout.system import outdated
from noc.runs.site.site import Site
from runs_kit import NAMES, NOW, OLD, World, begin_run, make_site

SET, BACK = "5" * 63 + "6", "6" + "5" * 63
OFFERED = Outdated(set=SET, packages=(Package(name="curl", old="1", new="2", bytes=9),))


@pytest.fixture
def site(paths: Paths, fleet: Fleet, world: World) -> Site:
    return make_site(paths, fleet, world)


def a_run(paths: Paths, site: Site, *, down: str = "", **rules: object) -> Run:
    chosen = Rules.model_validate({"soak": 0.01, "canary_soak": 0.01, **rules})
    plan = plan_deploy(site.fleet, site.book.inventory, None, ["all"], NOW, system=True, rules=chosen)
    rows = tuple(
        NodePlan(node=name, position=number, state="down" if name == down else "change", system=SET)
        for number, name in enumerate(NAMES, 1)
    )
    return begin_run(paths, plan.model_copy(update={"rows": rows}).sealed())


async def words(run: Run, site: Site) -> list[str]:
    return [verdict.verdict for verdict in await deploy(run, site)]


async def test_packages_go_the_way_of_a_release(paths: Paths, site: Site, world: World) -> None:
    assert await words(a_run(paths, site), site) == ["confirmed"] * 3
    assert [name for name, _ in world.order("start")] == list(NAMES)
    assert {(machine.system, machine.current) for machine in world.machines.values()} == {(SET, OLD)}


async def test_they_are_fetched_everywhere_before_the_first_node_is_changed_for_good(
    paths: Paths, site: Site, world: World
) -> None:
    await deploy(a_run(paths, site), site)
    done = [what for _, what in world.order("fetch", "confirm")]
    assert done[:1] == ["fetch"]
    assert (done.count("fetch"), done.count("confirm")) == (3, 3)


async def test_they_are_confirmed_over_a_new_connection_under_our_fence(paths: Paths, site: Site, world: World) -> None:
    await deploy(a_run(paths, site), site)
    done = [what for name, what in world.order("start", "dial tunnel", "fence", "confirm") if name == "virginia"]
    assert done == ["dial tunnel", "fence", "start", "dial tunnel", "fence", "confirm"]


async def test_a_node_that_has_them_is_left_alone(paths: Paths, site: Site, world: World) -> None:
    for machine in world.machines.values():
        machine.system = SET
    assert await words(a_run(paths, site), site) == ["unchanged"] * 3
    assert not world.order("fetch", "arm", "start")


async def test_a_fleet_gets_its_packages_from_before_back(paths: Paths, site: Site, world: World) -> None:
    world.machines["singapore"].flaw = "turned"
    assert await words(a_run(paths, site, on_failure="rollback-fleet"), site) == ["turned-back"] * 2 + ["rolled-back"]
    assert world.machines["virginia"].orders[-1].system == BACK


async def test_a_node_that_was_down_when_it_was_planned_gets_nothing_that_nobody_has_seen(
    paths: Paths, site: Site, world: World
) -> None:
    verdicts = {row.node: row for row in await deploy(a_run(paths, site, down="singapore"), site)}
    assert verdicts["singapore"].verdict == "blocked"
    assert "NOC-E561" in verdicts["singapore"].why
    assert ("singapore", "fetch") not in world.log


async def test_a_reboot_that_is_needed_is_said_and_is_no_failure(paths: Paths, site: Site, world: World) -> None:
    world.machines["virginia"].reboot = ("linux-image-6.1",)
    verdicts = await deploy(a_run(paths, site), site)
    assert [(row.verdict, row.good, row.why) for row in verdicts] == [
        ("confirmed", True, "needs a reboot: linux-image-6.1"),
        ("confirmed", True, ""),
        ("confirmed", True, ""),
    ]


async def surveyed(site: Site) -> tuple[NodePlan, ...]:
    plan = plan_deploy(site.fleet, site.book.inventory, None, ["all"], NOW, system=True)
    found = await survey(site, plan, History, fence=0, now=NOW)
    await site.links.close()
    return found.rows


async def test_a_plan_names_the_packages_that_change(site: Site, world: World) -> None:
    world.machines["virginia"].offered = OFFERED.model_copy(update={"reboot": ("curl",), "kept": ("grub",)})
    changes, *others = await surveyed(site)
    assert (changes.state, changes.system, changes.download, changes.reboot) == ("change", SET, 9, ("curl",))
    assert [(p.name, p.old, p.new) for p in changes.packages] == [("curl", "1", "2")]
    assert changes.notes == (
        "not updated, since other packages would have to go for it: grub",
        "needs a reboot afterwards: curl",
    )
    assert [row.state for row in others] == ["unchanged"] * 2


async def test_what_the_node_names_keeps_it_from_its_update(site: Site, world: World) -> None:
    world.machines["virginia"].offered = OFFERED.model_copy(update={"problems": ("curl is held",)})
    row = (await surveyed(site))[0]
    assert (row.state, row.problems) == ("blocked", ("curl is held",))


async def test_a_nixos_node_has_no_packages_to_ask_for(site: Site, fleet: Fleet) -> None:
    node = fleet.nodes[0].model_copy(update={"platform": "nixos"})
    assert await outdated(node, site.link(node)) is None


@pytest.mark.parametrize(
    ("ahead_s", "said"),
    [(0, ()), (59, ()), (3600, "its clock is 1 h ahead"), (-3600, "its clock is 1 h behind")],
)
async def test_a_clock_that_is_off_is_noted_and_prevents_nothing(
    site: Site, world: World, ahead_s: float, said: str
) -> None:
    world.machines["virginia"].ahead_s = ahead_s
    world.machines["virginia"].offered = OFFERED
    row = (await surveyed(site))[0]
    assert (row.state, tuple(note.partition(":")[0] for note in row.notes)) == ("change", (said,) if said else ())
