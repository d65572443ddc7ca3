"""A run that was cut at any record goes on from its own journal, over the machines of runs_kit."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from noc.fleet.model import Fleet
from noc.runs.paths import Paths
from noc.runs.plan.plan import Plan, Rules
from noc.runs.plan.planners import plan_deploy
from noc.runs.record.events import Event, Verdict
from noc.runs.record.journal import Journal, new_run_id, read
from noc.runs.record.run import Run
from noc.runs.rollout.deployment import deploy, resume
from noc.runs.rollout.rollout import Rollout, fold
from noc.runs.site.site import Site
from noc.runs.site.watchdoor import Heartbeat, Watched
from runs_kit import NEW, NOW, OLD, Machine, World, heard, make_site, manifest

NODES = ("virginia", "frankfurt")
RULES = Rules(soak=0.001, canary_soak=0.001)


class Killed(BaseException):
    """What ends a controller, which does nothing after that."""


class Watch:
    """The watch without its socket, since a run is carried out many times here."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def nodes(self) -> dict[str, Watched]:
        return {}

    async def last(self, name: str) -> Heartbeat | None:
        return Heartbeat.model_validate(heard(self.world.machines[name])["last_heartbeat"])

    async def open_deployment(self, name: str, run: str, until: datetime) -> None:
        pass

    async def close_deployment(self, name: str) -> None:
        pass


@dataclass
class Headquarters:
    """HQ with its machines; a controller there may be killed, and the next one goes on."""

    paths: Paths
    fleet: Fleet
    rules: Rules
    flaw: str = ""
    nodes: tuple[str, ...] = NODES

    def __post_init__(self) -> None:
        self.world = World({name: Machine(name, installed={"host-certificate"}) for name in self.nodes})
        self.world.machines["frankfurt"].flaw = self.flaw
        self.name = new_run_id(NOW)

    def site(self) -> Site:
        return replace(make_site(self.paths, self.fleet, self.world), watch=Watch(self.world))  # type: ignore[arg-type]

    def carry_out(self, kill_at: int = 1000, *, written: bool = True) -> list[Event]:
        """Deploy; the controller is killed at that record, when it is on the disk or right before."""
        site = self.site()
        plan = plan_deploy(self.fleet, site.book.inventory, manifest(), list(self.nodes), NOW, rules=self.rules)
        run = Run(plan, "james", 7, Journal.create(self.paths.runs, self.name))
        record = run.record

        def recording(*args: Any, **detail: Any) -> Event:
            if len(run.events) >= kill_at - (not written):
                raise Killed
            event = record(*args, **detail)
            if event.seq >= kill_at:
                raise Killed
            return event

        run.record = recording  # type: ignore[method-assign]
        try:
            asyncio.run(deploy(run, site))
        except Killed:
            pass
        finally:
            run.close()
        return run.events

    def go_on(self) -> list[Verdict]:
        journal = Journal.reopen(self.paths.runs, self.name)
        run = Run(Plan.model_validate(journal.events[0].detail["plan"]), "johan", 8, journal)
        try:
            return asyncio.run(resume(run, self.site()))
        finally:
            run.close()

    def patience_ends(self) -> None:
        """Whoever waits for a confirmation turns back by itself, as the real ones do."""
        for machine in self.world.machines.values():
            if machine.pending is not None:
                known = machine.verdicts[machine.pending]
                machine.restart(known.old)
                late = {"state": "rolled-back", "reason": "HQ did not confirm within 60 s"}
                machine.verdicts[machine.pending] = known.model_copy(update=late)
                machine.pending = None

    def runs_now(self) -> dict[str, str | None]:
        for machine in self.world.machines.values():
            assert machine.pending is None, "left between two versions"
            assert machine.armed is None, "left waiting for a go"
        return {name: machine.current for name, machine in self.world.machines.items()}

    def starts(self) -> Counter[str]:
        return Counter(name for name, _ in self.world.order("start"))


@pytest.fixture
def headquarters(paths: Paths, fleet: Fleet, tmp_path: Path) -> Iterator[Any]:
    """Makes an HQ with a run of its own; without a history in git, which costs more than all the rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("noc.runs.site.book.commit", lambda *_: None)
        quick = fleet.policy.model_copy(update={"health_deadline": 0.02})
        fleet = fleet.model_copy(update={"policy": quick})
        yield lambda rules=RULES, flaw="": Headquarters(paths, fleet, rules, flaw)


def length(headquarters: Any, *args: Any) -> int:
    return len(headquarters(*args).carry_out())


def test_cut_at_any_record_it_ends_as_if_it_had_not_been(headquarters: Any) -> None:
    for at in range(2, length(headquarters) + 1):
        for written in (False, True):
            hq = headquarters()
            hq.carry_out(at, written=written)
            verdicts = hq.go_on()
            assert [verdict.verdict for verdict in verdicts] == ["confirmed"] * 2, (at, written)
            assert [(verdict.before, verdict.now) for verdict in verdicts] == [("1.0.0 (1)", "1.1.0 (2)")] * 2
            assert hq.runs_now() == dict.fromkeys(NODES, NEW)
            assert hq.starts() == dict.fromkeys(NODES, 1), f"record {at}: a node was activated twice"


def test_a_node_whose_patience_ended_meanwhile_is_changed_anew_under_another_name(headquarters: Any) -> None:
    for at in range(2, length(headquarters) + 1):
        hq = headquarters()
        hq.carry_out(at)
        hq.patience_ends()
        assert [verdict.verdict for verdict in hq.go_on()] == ["confirmed"] * 2, at
        assert hq.runs_now() == dict.fromkeys(NODES, NEW)
        orders = [(name, run) for name, machine in hq.world.machines.items() for run in machine.verdicts]
        assert max(hq.starts().values()) <= 2
        assert all(run.startswith(hq.name) for _, run in orders)


def test_a_failure_stays_one(headquarters: Any) -> None:
    for at in range(2, length(headquarters, RULES, "sick") + 1):
        hq = headquarters(flaw="sick")
        hq.carry_out(at)
        assert [verdict.verdict for verdict in hq.go_on()] == ["confirmed", "rolled-back"], at
        assert hq.runs_now() == {"virginia": NEW, "frankfurt": OLD}
        assert hq.starts()["frankfurt"] == 1


def test_a_fleet_on_its_way_back_gets_there(headquarters: Any) -> None:
    rules = RULES.model_copy(update={"on_failure": "rollback-fleet"})
    for at in range(2, length(headquarters, rules, "sick") + 1):
        hq = headquarters(rules, "sick")
        hq.carry_out(at)
        assert [verdict.verdict for verdict in hq.go_on()] == ["turned-back", "rolled-back"], at
        assert hq.runs_now() == dict.fromkeys(NODES, OLD)
        assert hq.starts() == {"virginia": 2, "frankfurt": 1}


def test_cut_twice_it_still_ends(headquarters: Any) -> None:
    for at in range(2, length(headquarters) + 1, 3):
        hq = headquarters()
        hq.carry_out(at)
        Journal.reopen(hq.paths.runs, hq.name).close()
        hq.go_on()
        assert [verdict.verdict for verdict in hq.go_on()] == ["confirmed"] * 2, at
        assert hq.starts() == dict.fromkeys(NODES, 1)


def test_a_torn_record_is_as_if_it_had_not_been_written(headquarters: Any) -> None:
    hq = headquarters()
    events = hq.carry_out()
    path = hq.paths.runs / hq.name / "journal.jsonl"
    whole = path.read_bytes()
    before = whole.rstrip(b"\n").rfind(b"\n") + 1
    plan = Plan.model_validate(events[0].detail["plan"])
    for size in range(before, len(whole)):
        path.write_bytes(whole[:size])
        assert read(hq.paths.runs, hq.name) == events[:-1]
        Journal.reopen(hq.paths.runs, hq.name).close()
        assert path.read_bytes() == whole[:before]
    assert fold(Rollout.of(plan), events[:-1]) == fold(Rollout.of(plan), read(hq.paths.runs, hq.name))


def test_what_was_confirmed_and_changed_since_is_not_touched(headquarters: Any) -> None:
    hq = headquarters()
    confirmed = next(event.seq for event in hq.carry_out() if (event.step, event.state) == ("confirm", "ok"))
    hq = headquarters()
    hq.carry_out(confirmed)
    hq.world.machines["virginia"].restart(OLD)
    verdicts = hq.go_on()
    assert [verdict.verdict for verdict in verdicts] == ["blocked", "untouched"]
    assert "does not run what it was confirmed with" in verdicts[0].why
    assert hq.starts() == {"virginia": 1}


def test_what_was_confirmed_and_cannot_be_reached_since_is_said_to_run_what_it_was_given(
    headquarters: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noc.runs.rollout.node.PATIENCE_S", -1000)
    hq = headquarters()
    confirmed = next(event.seq for event in hq.carry_out() if (event.step, event.state) == ("confirm", "ok"))
    hq = headquarters()
    hq.carry_out(confirmed)
    hq.world.machines["virginia"].flaw = "unreachable"
    verdicts = hq.go_on()
    assert [verdict.verdict for verdict in verdicts] == ["skipped", "confirmed"]
    assert verdicts[0].now == verdicts[1].now != verdicts[0].before


def test_who_was_there_before_the_cut_is_waited_for(headquarters: Any) -> None:
    hq = headquarters()
    ready = [event for event in hq.carry_out() if (event.step, event.state) == ("preflight", "ok")][-1].seq
    hq = headquarters()
    hq.carry_out(ready)
    machine = hq.world.machines["virginia"]
    machine.flaw = "unreachable"
    back = threading.Timer(0.1, setattr, (machine, "flaw", ""))
    back.start()
    assert [verdict.verdict for verdict in hq.go_on()] == ["confirmed"] * 2
    back.join()


def test_what_was_confirmed_and_is_sick_since_ends_the_run(headquarters: Any) -> None:
    hq = headquarters()
    confirmed = next(event.seq for event in hq.carry_out() if (event.step, event.state) == ("confirm", "ok"))
    hq = headquarters()
    hq.carry_out(confirmed)
    hq.world.machines["virginia"].flaw = "sick"
    verdicts = hq.go_on()
    assert [verdict.verdict for verdict in verdicts] == ["blocked", "untouched"]
    assert "is not healthy" in verdicts[0].why


def test_a_run_that_was_halted_goes_on_with_what_it_had_left(headquarters: Any) -> None:
    hq = headquarters()
    site = hq.site()
    plan = plan_deploy(hq.fleet, site.book.inventory, manifest(), list(NODES), NOW, rules=RULES)
    run = Run(plan, "james", 7, Journal.create(hq.paths.runs, hq.name))
    run.stopping.set()
    assert {row.verdict for row in asyncio.run(deploy(run, site))} == {"untouched"}
    run.close()
    assert [row.verdict for row in hq.go_on()] == ["confirmed"] * 2
