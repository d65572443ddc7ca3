"""Drills over machines behind the seam: who may take part, what is ordered, and what becomes of a fault."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from noc.fleet.model import Fleet
from noc.hosts.errors import CommandFailed
from noc.hosts.shell import Result
from noc.runs.drill import node as drilling
from noc.runs.drill.bounds import Bounds
from noc.runs.drill.drill import MEASURED, drill
from noc.runs.drill.plans import plan_drill
from noc.runs.drill.survey import survey_drill
from noc.runs.paths import Paths
from noc.runs.plan.plan import Options, Plan
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.runner.ending import exit_code
from noc.runs.site.site import Site
from runs_kit import NAMES, NOW, FakeShell, FakeWays, World, begin_run, make_site

CONTAINER = 1


@dataclass
class Tales:
    """A watch whose incidents are what a test lets it see: a function from the time at which it is asked."""

    tells: Callable[[], list[dict[str, Any]]] = list
    states: dict[str, str] = field(default_factory=lambda: dict.fromkeys(NAMES, "up"))

    async def nodes(self) -> dict[str, Any]:
        return {name: SimpleNamespace(state=state) for name, state in self.states.items()}

    async def incidents(self, _limit: int) -> list[dict[str, Any]]:
        return self.tells()

    async def heard(self, _name: str) -> str:
        return "boot-old"

    async def last(self, _name: str) -> None:
        return None


class Shell(FakeShell):
    """A machine that notes its orders; `flaw` says that it takes none, or that it is a container."""

    async def run(self, *argv: str, stdin: bytes | None = None, timeout_s: float = 30, check: bool = True) -> Result:
        if argv[:2] == ("sh", "-c"):
            return Result(argv, CONTAINER if self.machine.flaw == "container" else 0, "", "")
        self.world.did(self.machine.name, argv[0])
        if self.machine.flaw == "refuses":
            raise CommandFailed(f"{argv[0]} ended with 1", result=Result(argv, 1, "", "already there"))
        return Result(argv, 0, "", "")

    async def put(self, content: Any, path: str, **_: Any) -> int:
        self.world.did(self.machine.name, path)
        return len(content)


class Ways(FakeWays):
    async def dial(self, name: str, address: str, trust: Any, **more: Any) -> Any:
        shell = await super().dial(name, address, trust, **more)
        return Shell(shell.world, shell.machine, shell.address)


@pytest.fixture
def watch() -> Tales:
    return Tales()


@pytest.fixture
def site(paths: Paths, fleet: Fleet, world: World, watch: Tales, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(drilling, "POLL_S", 0.01)
    monkeypatch.setattr(drilling, "LATE_S", 0.1)
    made = make_site(paths, fleet, world)
    changed = {"ways": Ways(world, fleet), "watch": watch}
    return Site(**{name: getattr(made, name) for name in made.__dataclass_fields__} | changed)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is promised is promised soon, so that a test need not wait until it is missed."""
    monkeypatch.setattr(drilling, "bounds", lambda *_: Bounds(0.05, 0.05, 0.05))


async def planned(site: Site, fault: str, *names: str) -> Plan:
    made = plan_drill(site.fleet, site.book.inventory, None, names or ("all",), NOW, options=Options(drill=fault))
    return await survey_drill(site, made)


def opened(node: str, ended: bool = True) -> dict[str, Any]:
    """An incident of liveness that began now, was told, and is over."""
    now = datetime.now(UTC).isoformat()
    alerts = [{"kind": "opened", "sent_at": now}]
    row = {"id": 1, "node": node, "topic": "liveness", "started_at": now, "parent": None, "history": []}
    return row | {"alerts": alerts, "ended_at": now if ended else None}


async def drilled(paths: Paths, site: Site, fault: str, *names: str) -> tuple[Run, list[Verdict]]:
    run = begin_run(paths, await planned(site, fault, *names))
    return run, await drill(run, site)


async def test_a_node_that_is_not_well_takes_no_part(site: Site, watch: Tales) -> None:
    watch.states["virginia"] = "late"
    watch.tells = lambda: [opened("frankfurt", ended=False)]
    rows = {row.node: row.state for row in (await planned(site, "kill", *NAMES)).rows}
    assert rows == {"virginia": "blocked", "frankfurt": "blocked", "singapore": "change"}


async def test_a_fault_that_a_machine_cannot_bear_is_refused_by_name_and_left_out_of_all(
    site: Site, world: World
) -> None:
    for machine in world.machines.values():
        machine.flaw = "container"
    (row,) = (await planned(site, "clock", "virginia")).rows
    assert (row.state, "container" in row.problems[0]) == ("blocked", True)
    plan = await planned(site, "all")
    assert {each.fault for each in plan.faults if "container" in each.left_out} == {"clock", "disk-full"}
    assert "blocked" not in {row.state for row in plan.rows}


async def test_a_fault_that_is_noticed_told_and_over_is_held(paths: Paths, site: Site, watch: Tales) -> None:
    watch.tells = lambda: [opened("virginia")]
    plan = await planned(Site(**vars(site) | {"watch": Tales()}), "kill", "virginia")
    run = begin_run(paths, plan)
    (verdict,) = await drill(run, site)
    assert (verdict.verdict, verdict.good) == ("kill held", True)
    (row,) = [event.detail for event in run.events if event.step == MEASURED]
    assert row["bounds"] == {"noticed_s": 8.0, "told_s": 120.0, "over_s": 83.0}


@pytest.mark.usefixtures("hurried")
async def test_one_that_nobody_notices_is_missed_and_the_command_fails(paths: Paths, site: Site) -> None:
    run, verdicts = await drilled(paths, site, "kill", "virginia")
    assert verdicts[0].verdict == "kill missed"
    assert "noticed never" in verdicts[0].why
    assert exit_code(run.plan, [*verdicts, Verdict(node="x", before="", now="", verdict="held", good=True)]) == 1


@pytest.mark.usefixtures("hurried")
async def test_a_fault_that_lasts_is_a_unit_that_the_node_ends_by_itself(
    paths: Paths, site: Site, world: World
) -> None:
    await drilled(paths, site, "cut", "virginia")
    assert world.order("/run/noc-drill-cut.sh", "systemd-run") == [
        ("virginia", "/run/noc-drill-cut.sh"),
        ("virginia", "systemd-run"),
    ]


@pytest.mark.usefixtures("hurried")
async def test_an_order_that_is_refused_ends_the_drill_after_its_wave(paths: Paths, site: Site, world: World) -> None:
    for machine in world.machines.values():
        machine.flaw = "refuses"
    run, verdicts = await drilled(paths, site, "all")
    said = {verdict.verdict.split()[0]: verdict for verdict in verdicts}
    assert "E782" in said["cut"].why
    assert said["hq-down"].verdict == "hq-down untouched"
    assert exit_code(run.plan, verdicts) == 1


async def test_a_halt_ends_the_watching_at_once(paths: Paths, site: Site) -> None:
    run = begin_run(paths, await planned(site, "cut", "virginia"))

    run.check = run.stopping.set
    (verdict,) = await drill(run, site)
    assert "E513" in verdict.why
