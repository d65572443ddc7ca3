"""The judge: all standings, groups, checks and windows, and a heap of the instants at which time alone changes one."""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import Protocol

from noc.watch.clock import Moment
from noc.watch.judge.case import Case
from noc.watch.judge.checks import Checks
from noc.watch.judge.groups import Groups
from noc.watch.judge.history import reboot
from noc.watch.judge.jobs import Jobs
from noc.watch.judge.maintenance import MaintenanceLog
from noc.watch.judge.reading import Sample
from noc.watch.judge.rules import Rules
from noc.watch.judge.samples import Baseline, baseline_of, sample_of, sample_seen
from noc.watch.judge.scene import Scene
from noc.watch.judge.standing import Standing
from noc.watch.store.records import Beat, Deployment, Event, JobOutcome, Record, Sighting, Window

UNKNOWN = Baseline(None, None)
JOBS = "!jobs"
"""The schedule's place in the heap; no node can be called so."""


class Timed(Protocol):
    """What time alone can change."""

    def due(self) -> float:
        """The next instant at which it does."""

    def expire(self, now: Moment) -> list[Record]:
        """Do what became due."""


class _Group:
    """A group's place in the heap: its children are part of what changes."""

    def __init__(self, groups: Groups, name: str) -> None:
        self._groups, self._name = groups, name

    def due(self) -> float:
        return self._groups.groups[self._name].due()

    def expire(self, now: Moment) -> list[Record]:
        return self._groups.expire(self._name, now)


class Judge:
    """Decides what pushes, looks from outside, deaths and the passing of time mean; holds no clock and does no I/O.

    Every method that takes something in returns the records that must be stored, in order.

    Attributes:
        nodes: every node's standing.
        baseline: what each node runs as its last deployment left it.
        jobs: those of HQ's schedule.
        suspects: nodes that the second witness should look at, once for each time that they were named.
    """

    def __init__(self, rules: Rules, *, next_incident: int = 1) -> None:
        """Start with no nodes. `next_incident` is the number that the next incident gets."""
        self.scene = Scene({}, rules)
        self.nodes: dict[str, Standing] = {}
        self.baseline: dict[str, Baseline] = {}
        self.suspects: list[str] = []
        self.ids: Iterator[int] = count(next_incident)
        self.groups = Groups(self.nodes, self.ids)
        self.checks: dict[str, Checks] = {}
        self.jobs = Jobs(self.ids)
        self.maintenance = MaintenanceLog()
        self._heap: list[tuple[float, str]] = []
        self._armed: dict[str, float] = {}
        self._timed: dict[str, Timed] = {}
        self._change = inf

    @property
    def rules(self) -> Rules:
        """The numbers in force."""
        return self.scene.rules

    @property
    def cut_off(self) -> bool:
        """Whether HQ reaches nothing outside."""
        return self.groups.cut_off

    @property
    def lost(self) -> bool:
        """Whether so many nodes are lost that one cause is likely."""
        return self.groups.lost

    def speaker(self, name: str, now: Moment) -> tuple[list[Record], int | None]:
        """The incident that speaks for a node that is lost now; with the records of opening it."""
        return self.groups.speaker(name, now)

    def suspect(self, name: str) -> None:
        """Ask the second witness for a look at a node."""
        self.suspects.append(name)

    def watch(self, scene: Scene, now: Moment) -> list[Record]:
        """Take the fleet as it is now."""
        self.scene = scene
        records: list[Record] = []
        for name in [name for name in self.nodes if name not in scene.live]:
            records += self.nodes.pop(name).judged(live=False, now=now)
            self.baseline.pop(name, None)
        for name, live in scene.live.items():
            standing = self.node(name)
            standing.rule(scene.rules)
            records += standing.judged(live=live, now=now)
        records += self._rule(now)
        records += self.groups.arrange(scene.groups, scene.rules, now)
        records += self.jobs.arrange(scene.jobs, scene.hub, scene.rules, now)
        records += self.maintenance.arrange(scene, now)
        records += self._silence(now)
        self.rearm()
        return records

    def node(self, name: str) -> Standing:
        """The standing of a node, a fresh one where it is new."""
        if name not in self.nodes:
            self.nodes[name] = Standing(name, self.rules, self.ids, self)
        return self.nodes[name]

    def checked(self, subject: str) -> Checks:
        """The rules over a subject's telemetry, none where it is new."""
        return self.checks.setdefault(subject, Checks(subject, self.ids))

    def push(self, beat: Beat, now: Moment) -> list[Record]:
        """Take a push. No record is returned for a retry of one that was counted."""
        name = beat.node
        standing = self.nodes[name]
        if not beat.up:
            records = standing.dead(beat, now)
        else:
            before = standing.last
            records = standing.alive(beat, now)
            if records and standing.live:
                records += reboot(beat, before)
                records += self._compare(beat, now)
                records += self.groups.well(name, now)
        self._arm(name)
        return records

    def forget(self, beat: Beat) -> None:
        """A push that was taken could not be stored, and its pusher was told so: should it come again, it counts."""
        if beat.node in self.nodes:
            self.nodes[beat.node].forget(beat)

    def sighted(self, sighting: Sighting, now: Moment) -> list[Record]:
        """Take a look at a node's public address; one at a node that is no more is passed over."""
        name = sighting.node
        if name not in self.nodes:
            return []
        records = self.nodes[name].sighted(sighting, now)
        if self.nodes[name].live:
            records += self._check(name, sample_seen(sighting), now)
            records += self.groups.well(name, now)
        self._arm(name)
        return records

    def house(self, sample: Sample, now: Moment) -> list[Record]:
        """Take what HQ measured of itself."""
        return self._check(self.scene.hub, sample, now)

    def job(self, outcome: JobOutcome, now: Moment) -> list[Record]:
        """Take what became of a job. Raises KeyError for one that the schedule does not have."""
        records = self.jobs.take(outcome, now)
        self._arm(JOBS)
        return records

    def outside(self, *, ok: bool, now: Moment) -> list[Record]:
        """Take what HQ's probe of the world outside found."""
        records = self.groups.outside(ok=ok, now=now)
        self._arm()
        return records

    def deploy(self, deployment: Deployment, now: Moment) -> list[Record]:
        """A deployment of a node begins, or is prolonged: what it runs afterwards is what was deployed."""
        name = deployment.node
        records = self.nodes[name].deploy(deployment, now)
        records += self.checked(name).silenced(quiet=True, now=now)
        if self.baseline.get(name, UNKNOWN) != UNKNOWN:
            records.append(self._runs(name, UNKNOWN, now))
        records += self.groups.silence(now)
        self._arm(name)
        return records

    def deployed(self, name: str, now: Moment) -> list[Record]:
        """The deployment of a node is over."""
        records = self.nodes[name].deployed(now)
        records += self._unsilence(name, now)
        self._arm(name)
        return records

    def acknowledge(self, incident: int, who: str, note: str, now: Moment) -> list[Record] | None:
        """A person takes over an open incident; None where no open one has that number."""
        for case in self.cases():
            if case.incident is not None and case.incident.id == incident:
                records = case.acknowledge(who, note, now)
                self._arm(case.subject, JOBS)
                return records
        return None

    def cases(self) -> Iterator[Case]:
        """Every case, whether its incident is open or not."""
        for standing in self.nodes.values():
            yield standing.case
        for group in self.groups.groups.values():
            yield group.case
        for checks in self.checks.values():
            yield from checks.cases
        yield from self.jobs.cases

    def open_window(self, window: Window, now: Moment) -> list[Record]:
        """Take a window, new or changed. Raises ValueError or KeyError where it says no time, or no zone."""
        records = self.maintenance.open(window, self.scene, now) + self._silence(now)
        self.rearm()
        return records

    def close_window(self, name: str, now: Moment) -> list[Record] | None:
        """End a window for good; None where there is none of that id."""
        if (records := self.maintenance.close(name, now)) is None:
            return None
        records += self._silence(now)
        self.rearm()
        return records

    def next_due(self) -> float:
        """The monotonic instant at which `expire` has something to look at; never later than the true one."""
        return min(self._heap[0][0] if self._heap else inf, self._change)

    def expire(self, now: Moment) -> list[Record]:
        """Do everything that became due, each at its exact instant, in the order of those instants."""
        records: list[Record] = []
        while True:
            change = self.maintenance.due(now)
            due = self._heap[0][0] if self._heap else inf
            if min(change, due) > now.mono:
                self._change = change
                return records
            if change <= due:
                records += self._turn(now.at(change) if change > -inf else now)
            else:
                records += self._expire_first(now)

    def extend(self, seconds: float, now: Moment) -> None:
        """Move every deadline by the time for which the server itself was away."""
        for standing in self.nodes.values():
            standing.extend(seconds, now)
        for group in self.groups.groups.values():
            group.case.extend(seconds, now)
        for checks in self.checks.values():
            checks.extend(seconds, now)
        self.jobs.extend(seconds, now)
        self.rearm()

    def rearm(self) -> None:
        """Build the heap anew."""
        self._timed = dict(self.nodes)
        self._timed |= {name: _Group(self.groups, name) for name in self.groups.groups}
        self._timed |= {f"#{name}": checks for name, checks in self.checks.items()} | {JOBS: self.jobs}
        self._armed = {name: timed.due() for name, timed in self._timed.items()}
        self._heap = [(due, name) for name, due in self._armed.items() if due < inf]
        heapify(self._heap)
        self.groups.touched.clear()

    def _expire_first(self, now: Moment) -> list[Record]:
        due, name = heappop(self._heap)
        if self._armed.get(name) != due:
            return []
        del self._armed[name]
        timed = self._timed[name]
        records = timed.expire(now.at(due)) if timed.due() <= due else []
        if isinstance(timed, Standing) and not timed.quiet and self.checked(name).quiet:
            records += self._unsilence(name, now.at(due))
        self._arm(name.removeprefix("#"))
        return records

    def _turn(self, at: Moment) -> list[Record]:
        """A window begins or ends."""
        records = self.maintenance.look(at) + self._silence(at)
        self.rearm()
        return records

    def _rule(self, now: Moment) -> list[Record]:
        records: list[Record] = []
        for name in [name for name in self.checks if name not in self.scene.telemetry]:
            records += self.checks.pop(name).close("no longer a live node", now)
        for name, telemetry in self.scene.telemetry.items():
            judged = self.scene.live.get(name, name == self.scene.hub)
            records += self.checked(name).rule(telemetry if judged else (), self.rules, now)
        return records

    def _compare(self, beat: Beat, now: Moment) -> list[Record]:
        """Judge a push's telemetry, and whether its node runs what was deployed."""
        standing, name = self.nodes[beat.node], beat.node
        wanted = None if standing.deployment else self.baseline.get(name)
        records: list[Record] = []
        if (wanted or UNKNOWN) == UNKNOWN and standing.deployment is None and (runs := baseline_of(beat)) != UNKNOWN:
            records.append(self._runs(name, runs, now))
            wanted = runs
        return records + self._check(name, sample_of(beat, None if wanted == UNKNOWN else wanted), now)

    def _runs(self, name: str, runs: Baseline, now: Moment) -> Record:
        self.baseline[name] = runs
        return Event("version", name, now.wall, detail={"version": runs.version, "generation": runs.generation})

    def _check(self, subject: str, sample: Sample, now: Moment) -> list[Record]:
        checks = self.checks.get(subject)
        records = checks.take(sample, now) if checks is not None else []
        if records:
            self._arm(subject)
        return records

    def _unsilence(self, name: str, now: Moment) -> list[Record]:
        quiet = self.nodes[name].quiet
        records = self.checked(name).silenced(quiet=quiet, now=now)
        return records + self.groups.silence(now)

    def _silence(self, now: Moment) -> list[Record]:
        """Tell everybody which windows hold for them."""
        records: list[Record] = []
        for name, standing in self.nodes.items():
            records += standing.maintained(self.maintenance.holding(name), now)
        for name, checks in self.checks.items():
            windows = bool(self.maintenance.holding(name))
            records += checks.silenced(quiet=windows or (name in self.nodes and self.nodes[name].quiet), now=now)
        records += self.jobs.silenced(quiet=bool(self.maintenance.holding(self.scene.hub)), now=now)
        return records + self.groups.silence(now)

    def _arm(self, *names: str) -> None:
        """Put into the heap what is due earlier than the heap knows: these subjects, and what they have touched."""
        for name in (*names, *self.groups.touched):
            for key in (name, f"#{name}"):
                timed = self._timed.get(key)
                if timed is not None and (due := timed.due()) < self._armed.get(key, inf):
                    self._armed[key] = due
                    heappush(self._heap, (due, key))
        self.groups.touched.clear()
