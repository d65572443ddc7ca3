"""The judge as a whole, against what it must never do, over any course of events.

A machine drives three nodes through pushes, deaths, looks from outside, probes of the world outside, windows,
deployments, acknowledgements, restarts from what was stored, and steps of the wall clock. The database is a stand-in: a
plain memory of the records, which gives a restart what the real one would.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from noc.watch.clock import Moment
from noc.watch.config import Config
from noc.watch.service.restore import restore
from noc.watch.store.past import Past
from noc.watch.store.records import (
    Alive,
    Beat,
    Deployment,
    DeploymentEnded,
    Event,
    Incident,
    IncidentSaved,
    Record,
    Sighting,
    SightingStage,
    Window,
)
from watch_kit import NAMES, write_fleet

EPOCH = 1_700_000_000_000
LONGEST_GRACE_S = 3.0
SEV1_AFTER_S = 300.0
FLEET = "@fleet"
SUBJECTS = (*NAMES, "all")

with tempfile.TemporaryDirectory() as _directory:
    CONFIG = Config.read(write_fleet(Path(_directory) / "fleet"))


@dataclass
class Memory:
    """What a database would hold."""

    beats: list[Beat] = field(default_factory=list)
    incidents: dict[int, Incident] = field(default_factory=dict)
    deployments: dict[str, Deployment] = field(default_factory=dict)
    windows: dict[str, Window] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    alive: int = EPOCH

    def take(self, records: list[Record]) -> None:
        for record in records:
            match record:
                case Beat():
                    self.beats.append(record)
                case IncidentSaved():
                    self.incidents[record.incident.id] = record.incident
                case Deployment():
                    self.deployments[record.node] = record
                case DeploymentEnded():
                    self.deployments.pop(record.node, None)
                case Window():
                    self.windows[record.id] = record
                case Event():
                    self.events.append(record)
                case Alive():
                    self.alive = record.at
                case _:
                    pass

    def past(self) -> Past:
        up = sorted((beat for beat in self.beats if beat.up), key=lambda beat: beat.at)
        over = sorted((each for each in self.incidents.values() if each.ended), key=lambda each: each.ended or 0)
        versions = [event for event in self.events if event.kind == "version"]
        return Past(
            last={beat.node: beat for beat in up},
            counted={
                name: [(each.boot, each.seq) for each in self.beats if each.node == name and each.seq is not None]
                for name in NAMES
            },
            open=[each for each in self.incidents.values() if each.ended is None],
            ended={each.node: each.ended for each in over if each.ended is not None},
            first={beat.node: beat.at for beat in reversed(up)},
            over=list({(each.node, each.topic): each for each in over}.values()),
            windows=[each for each in self.windows.values() if each.ended is None],
            baseline={
                event.node: (event.detail["version"], event.detail["generation"]) for event in versions if event.node
            },
            deployments=list(self.deployments.values()),
            jobs=[],
            alive=self.alive,
            next_incident=max(self.incidents, default=0) + 1,
        )


class Judgement(RuleBasedStateMachine):
    """The judge, its memory, and a small account of what must be true."""

    @initialize()
    def begin(self) -> None:
        self.time, self.offset, self.number = 0.0, 0.0, 0
        self.memory = Memory()
        self.announced: set[int] = set()
        self.clear_since = dict.fromkeys(NAMES, 0.0)
        self.pushed: dict[str, float] = {}
        self.open_since: dict[int, float] = {}
        self.judge, records = restore(CONFIG, self.memory.past(), self.now)
        self.store(records)

    @property
    def now(self) -> Moment:
        return Moment(self.time, EPOCH + round((self.time + self.offset) * 1000))

    def store(self, records: list[Record], quiet: frozenset[str] = frozenset()) -> None:
        """Keep what the judge decided, and look at each announcement."""
        for record in records:
            if isinstance(record, IncidentSaved) and record.alert:
                self.look_at(record, quiet)
        self.memory.take([*records, Alive(self.now.wall)])

    def look_at(self, saved: IncidentSaved, quiet: frozenset[str]) -> None:
        incident, number = saved.incident, saved.incident.id
        assert incident.parent is None, "a child was announced"
        assert saved.alert == "closed" or incident.node not in quiet, "an announcement in maintenance"
        if saved.alert == "opened":
            assert number not in self.announced, "announced twice"
            self.announced.add(number)
        else:
            assert number in self.announced, f"{saved.alert} of what nobody was told of"
        if saved.alert == "closed":
            assert incident.ended is not None
            self.announced.remove(number)

    def quiet_over(self, begin: int, end: int) -> frozenset[str]:
        """Nodes that are in a window for the whole of a time (ms UTC)."""
        spans = [(each.scope, each.starts or 0, (each.starts or 0) + each.minutes * 60_000) for each in self.standing()]
        return frozenset(
            name
            for name in NAMES
            for scope, first, last in spans
            if {name, "all"} & set(scope) and first <= begin and end < last
        )

    def standing(self) -> list[Window]:
        return [each for each in self.memory.windows.values() if each.ended is None]

    def disturb(self, *names: str) -> None:
        """From now on only, deadlines and ladders of these nodes have to be exact."""
        for name in names or NAMES:
            self.clear_since[name] = self.time
            self.pushed.pop(name, None)
            for number, incident in self.memory.incidents.items():
                if incident.node in {name, FLEET}:
                    self.open_since[number] = self.time

    def quiet_now(self) -> set[str]:
        return {name for name in NAMES if self.judge.nodes[name].quiet}

    @rule(seconds=st.one_of(st.integers(0, 8 * 40), st.integers(0, 8 * 700)).map(lambda number: number / 8))
    def wait(self, seconds: float) -> None:
        begin, quiet_before = self.now.wall, self.quiet_now()
        self.time += seconds
        quiet = self.quiet_over(begin, self.now.wall)
        records = self.judge.expire(self.now)
        self.store(records, quiet)
        if touched := quiet_before | self.quiet_now():
            self.disturb(*touched)

    @rule(name=st.sampled_from(NAMES), boot=st.sampled_from(["b1", "b2"]), disk=st.sampled_from([None, 50, 87, 95]))
    def push(self, name: str, boot: str, disk: int | None) -> None:
        self.number += 1
        telemetry: Any = None if disk is None else {"disk_pct": disk}
        beat = Beat(name, self.now.wall, boot=boot, seq=self.number, telemetry=telemetry)
        self.store(self.judge.push(beat, self.now), self.quiet_over(self.now.wall, self.now.wall))
        self.clear_since[name] = self.pushed[name] = self.time

    @rule(names=st.sets(st.sampled_from(NAMES)), rounds=st.integers(1, 12))
    def beat(self, names: set[str], rounds: int) -> None:
        for _ in range(rounds):
            self.wait(30.0)
            for name in sorted(names):
                self.push(name, "b1", None)

    @rule(name=st.sampled_from(NAMES), msg=st.sampled_from(["killed-KILL", "exited-1"]))
    def die(self, name: str, msg: str) -> None:
        beat = Beat(name, self.now.wall, up=False, msg=msg)
        self.store(self.judge.push(beat, self.now), self.quiet_over(self.now.wall, self.now.wall))

    @rule(name=st.sampled_from(NAMES), stage=st.sampled_from(["", "connect", "answer"]))
    def look(self, name: str, stage: SightingStage) -> None:
        sighting = Sighting(name, self.now.wall, not stage, stage, "seen", 5.0)
        self.store(self.judge.sighted(sighting, self.now), self.quiet_over(self.now.wall, self.now.wall))

    @rule(ok=st.booleans())
    def probe(self, ok: bool) -> None:
        self.store(self.judge.outside(ok=ok, now=self.now))

    @rule(scope=st.sampled_from(SUBJECTS), minutes=st.integers(1, 20), later=st.integers(0, 600))
    def plan(self, scope: str, minutes: int, later: int) -> None:
        self.number += 1
        start = self.now.wall + later * 1000
        window = Window(
            f"w{self.number}", "single", (scope,), "", "UTC", minutes, start, "work", "johan", self.now.wall
        )
        self.store(self.judge.open_window(window, self.now))
        self.disturb(*self.quiet_now())

    @precondition(lambda self: self.standing())
    @rule(pick=st.integers(0, 100))
    def unplan(self, pick: int) -> None:
        windows = self.standing()
        before = self.quiet_now()
        self.store(self.judge.close_window(windows[pick % len(windows)].id, self.now) or [])
        self.disturb(*before)

    @rule(name=st.sampled_from(NAMES), seconds=st.integers(1, 400))
    def deploy(self, name: str, seconds: int) -> None:
        self.store(self.judge.deploy(Deployment(name, "run", self.now.wall + seconds * 1000), self.now))
        self.disturb(name)

    @rule(name=st.sampled_from(NAMES))
    def deployed(self, name: str) -> None:
        before = self.quiet_now()
        self.store(self.judge.deployed(name, self.now))
        if name in before:
            self.disturb(name)

    @precondition(lambda self: any(each.ended is None for each in self.memory.incidents.values()))
    @rule(pick=st.integers(0, 100), who=st.sampled_from(["johan", "james"]))
    def acknowledge(self, pick: int, who: str) -> None:
        numbers = [number for number, each in self.memory.incidents.items() if each.ended is None]
        records = self.judge.acknowledge(numbers[pick % len(numbers)], who, "mine", self.now)
        assert records is not None
        self.store(records)

    @rule(seconds=st.integers(-7200, 7200))
    def step(self, seconds: int) -> None:
        self.offset += seconds
        self.store(self.judge.expire(self.now))
        self.disturb()

    @rule(away=st.integers(0, 4000))
    def restart(self, away: int) -> None:
        self.time += away
        self.judge, records = restore(CONFIG, self.memory.past(), self.now)
        self.store(records)
        self.store(self.judge.expire(self.now))
        self.disturb()

    @rule(away=st.integers(1, 600))
    def stall(self, away: int) -> None:
        self.time += away
        self.judge.extend(away, self.now)
        self.disturb()
        self.store(self.judge.expire(self.now))

    @invariant()
    def one_incident_is_open_for_a_node_and_topic(self) -> None:
        open_ones = [each for each in self.memory.incidents.values() if each.ended is None]
        assert len({(each.node, each.topic) for each in open_ones}) == len(open_ones)

    @invariant()
    def what_is_stored_is_what_is_judged(self) -> None:
        judged = {case.incident.id: case.incident for case in self.judge.cases() if case.incident is not None}
        assert judged == {number: each for number, each in self.memory.incidents.items() if each.ended is None}

    @invariant()
    def each_open_incident_was_announced_or_has_a_parent_that_was(self) -> None:
        for each in self.memory.incidents.values():
            if each.ended is not None:
                assert each.id not in self.announced, "announced, and its end was not"
            elif each.parent is None:
                assert each.id in self.announced, "nobody was told"
            elif self.memory.incidents[each.parent].ended is not None:
                assert each.node in self.quiet_now(), "its parent is over, and nobody was told"

    @invariant()
    def a_silent_node_is_never_missed(self) -> None:
        for name in set(NAMES) - self.quiet_now():
            if self.time - self.clear_since[name] > 60 + LONGEST_GRACE_S + 1:
                assert self.judge.nodes[name].incident is not None, f"{name} is silent and nobody knows"

    @invariant()
    def an_escalation_is_never_missed(self) -> None:
        open_ones = {each.id: each for each in self.memory.incidents.values() if each.ended is None}
        self.open_since = {number: self.open_since.get(number, self.time) for number in open_ones}
        for number, each in open_ones.items():
            stood = self.time - self.open_since[number]
            if each.topic == "liveness" and not each.flaps and not self.silent(each.node):
                assert each.severity == "SEV1" or stood <= SEV1_AFTER_S + 1, f"{each} should be SEV1"

    def silent(self, subject: str) -> bool:
        return bool(self.quiet_now() & (set(NAMES) if subject == FLEET else {subject}))

    @invariant()
    def a_start_is_exact(self) -> None:
        for name, at in self.pushed.items():
            incident = self.judge.nodes[name].incident
            if incident is not None and incident.cause == "missed" and not incident.flaps and not self.silent(name):
                started = (incident.started - EPOCH) / 1000 - self.offset
                if started > at:
                    assert 60.499 <= started - at <= 60.001 + LONGEST_GRACE_S


Judgement.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestJudgement = Judgement.TestCase
