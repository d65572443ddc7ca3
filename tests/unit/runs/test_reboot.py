"""Reboots that updates have left to do, over machines behind the seam; see runs_kit."""

from typing import Any

import pytest

from noc.fleet.building import OsUpdate
from noc.fleet.model import Fleet
from noc.hosts.activation import NodeFacts
from noc.hosts.errors import ConnectionLost
from noc.hosts.shell import Result
from noc.runs.paths import Paths
from noc.runs.plan.plan import Plan
from noc.runs.plan.planners import plan_reboot
from noc.runs.record.events import Verdict
from noc.runs.site.site import Site
from noc.runs.system import reboot as rebooting
from noc.runs.system.errors import OutsideWindow
from noc.runs.system.reboot import reboot, survey_reboot
from runs_kit import NAMES, NOW, FakeActivator, FakeShell, FakeWays, Machine, World, begin_run, make_site


class Calm:
    """A watch that has heard every process, and knows of no incident."""

    def __init__(self, world: World) -> None:
        self._world, self.windows = world, list[tuple[str, str]]()

    async def incidents(self, _limit: int) -> list[dict[str, Any]]:
        return []

    async def heard(self, name: str) -> str:
        return self._world.machines[name].boot

    async def open_deployment(self, name: str, *_: Any) -> None:
        self.windows.append((name, "open"))

    async def close_deployment(self, name: str) -> None:
        self.windows.append((name, "closed"))


class Shell(FakeShell):
    """A machine that starts anew when it is told to; `flaw` says how that ends."""

    async def run(self, *argv: str, **more: Any) -> Result:
        assert argv == ("systemctl", "--no-block", "reboot")
        self.world.did(self.machine.name, "reboot")
        if self.machine.flaw != "stays down":
            self.machine.restart(self.machine.current)
        if self.machine.flaw != "old system":
            self.machine.reboot = ()
        raise ConnectionLost("it went down with its answer")


class Activator(FakeActivator):
    async def facts(self) -> NodeFacts:
        facts = await super().facts()
        return facts.model_copy(update={"reboot": self.machine.reboot, "boot_id": f"machine-{self.machine.life}"})


class Ways(FakeWays):
    async def dial(self, name: str, address: str, trust: Any, *, timeout_s: float, segment: int | None = None) -> Any:
        shell = await super().dial(name, address, trust, timeout_s=timeout_s, segment=segment)
        return Shell(shell.world, shell.machine, shell.address)

    def activator(self, shell: Any) -> Any:
        return Activator(shell.world, shell.machine)


@pytest.fixture
def site(paths: Paths, fleet: Fleet, world: World, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Virginia and singapore wait for a reboot."""
    monkeypatch.setattr(rebooting, "BACK_S", 0.3)
    monkeypatch.setattr(rebooting, "HEALTHY_S", 0.3)
    monkeypatch.setattr(rebooting, "_POLL_S", 0.01)
    for name in ("virginia", "singapore"):
        waits(world.machines[name])
    made = make_site(paths, fleet, world)
    changed = {"ways": Ways(world, fleet), "watch": Calm(world)}
    return Site(**{name: getattr(made, name) for name in made.__dataclass_fields__} | changed)


def waits(machine: Machine) -> None:
    machine.reboot = ("kernel",)


async def planned(site: Site) -> Plan:
    plan = await survey_reboot(site, plan_reboot(site.fleet, site.book.inventory, ["all"], NOW))
    await site.links.close()
    return plan.sealed()


async def rebooted(paths: Paths, site: Site) -> dict[str, Verdict]:
    return {row.node: row for row in await reboot(begin_run(paths, await planned(site)), site)}


async def test_a_plan_names_who_waits_for_what(site: Site) -> None:
    rows = {row.node: row for row in (await planned(site)).rows}
    assert [rows[name].state for name in NAMES] == ["change", "unchanged", "change"]
    assert rows["virginia"].notes == ("waits for it: kernel",)


async def test_nodes_that_wait_start_anew_one_after_the_other_and_others_do_not(
    paths: Paths, site: Site, world: World
) -> None:
    found = await rebooted(paths, site)
    assert [found[name].verdict for name in NAMES] == ["rebooted", "unchanged", "rebooted"]
    assert world.order("reboot") == [("virginia", "reboot"), ("singapore", "reboot")]
    virginia, singapore = (
        [("virginia", "open"), ("virginia", "closed")],
        [("singapore", "open"), ("singapore", "closed")],
    )
    assert site.watch.windows == virginia + singapore  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("flaw", "words"),
    [("stays down", "NOC-E593"), ("old system", "NOC-E594")],
)
async def test_a_node_that_does_not_come_back_well_keeps_the_others_from_it(
    paths: Paths, site: Site, world: World, flaw: str, words: str
) -> None:
    world.machines["virginia"].flaw = flaw
    found = await rebooted(paths, site)
    assert [found[name].verdict for name in NAMES] == ["not rebooted", "unchanged", "untouched"]
    assert words in found["virginia"].why


async def test_a_node_with_an_open_change_is_not_rebooted(paths: Paths, site: Site, world: World) -> None:
    plan = await planned(site)
    world.machines["virginia"].pending = "r9"
    verdicts = await reboot(begin_run(paths, plan), site)
    assert "run r9 is not settled" in verdicts[0].why
    assert world.order("reboot") == []


async def test_outside_the_window_nothing_is_rebooted(paths: Paths, site: Site, world: World) -> None:
    once = OsUpdate.model_validate({"from": "2020-01-01 00:00", "until": "2020-01-01 01:00", "zone": "UTC"})
    fleet = site.fleet.model_copy(update={"os_update": once})
    closed = Site(**{name: getattr(site, name) for name in site.__dataclass_fields__} | {"fleet": fleet})
    with pytest.raises(OutsideWindow, match="will not open again"):
        await reboot(begin_run(paths, await planned(site)), closed)
    assert world.order("reboot") == []
