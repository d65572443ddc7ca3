"""A fleet before a judge, on a clock that the test moves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from noc.watch.clock import Moment
from noc.watch.judge.judge import Judge
from noc.watch.judge.rules import Rules
from noc.watch.judge.scene import Scene
from noc.watch.store.records import (
    Beat,
    Deployment,
    Event,
    Incident,
    IncidentSaved,
    Record,
    Sighting,
    SightingStage,
    Value,
    Window,
    WindowKind,
)

EPOCH = 1_700_000_000_000
RULES = Rules()


@dataclass
class Stage:
    """Drives a judge. Times are seconds since the start, at which the wall clock shows `epoch` (ms UTC)."""

    scene: Scene
    epoch: int = EPOCH
    time: float = 0.0
    records: list[Record] = field(default_factory=list)
    seq: int = 0

    def __post_init__(self) -> None:
        self.judge = Judge(self.scene.rules)
        self.records += self.judge.watch(self.scene, self.now)

    @property
    def now(self) -> Moment:
        return Moment(self.time, self.epoch + round(self.time * 1000))

    def wait(self, seconds: float) -> "Stage":
        self.time += seconds
        self.records += self.judge.expire(self.now)
        return self

    def push(self, *names: str, boot: str = "b1", sent: int | None = None) -> "Stage":
        for name in names:
            self.tell(name, {}, boot=boot, sent=sent)
        return self

    def tell(self, name: str, telemetry: Mapping[str, Value], *, boot: str = "b1", sent: int | None = None) -> "Stage":
        """A push with telemetry."""
        self.seq += 1
        beat = Beat(name, self.now.wall, boot=boot, seq=self.seq, sent=sent, telemetry=dict(telemetry) or None)
        self.records += self.judge.push(beat, self.now)
        return self

    def runs(self, name: str, version: str, generation: int | None = None) -> "Stage":
        self.seq += 1
        telemetry: dict[str, Value] | None = None if generation is None else {"nix_gen": generation}
        beat = Beat(name, self.now.wall, boot="b1", seq=self.seq, version=version, telemetry=telemetry)
        self.records += self.judge.push(beat, self.now)
        return self

    def beating(self, seconds: float, names: Iterable[str], boot: str = "b1") -> "Stage":
        """These nodes push every 30 s, the last time at the end."""
        end, names = self.time + seconds, tuple(names)
        while self.time + 30 <= end:
            self.wait(30).push(*names, boot=boot)
        return self.wait(end - self.time)

    def die(self, name: str, msg: str = "killed-KILL") -> "Stage":
        self.records += self.judge.push(Beat(name, self.now.wall, up=False, msg=msg), self.now)
        return self

    def look(
        self, name: str, stage: SightingStage = "", *, since: int | None = None, until: int | None = None
    ) -> "Stage":
        """A look from outside; `since` and `until` are the validity of the certificate (ms UTC)."""
        detail = f"seen at {stage or 'all stages'}"
        sighting = Sighting(name, self.now.wall, not stage, stage, detail, 12.0, None, since, until)
        self.records += self.judge.sighted(sighting, self.now)
        return self

    def outside(self, *, ok: bool) -> "Stage":
        self.records += self.judge.outside(ok=ok, now=self.now)
        return self

    def deploy(self, name: str, seconds: float) -> "Stage":
        self.records += self.judge.deploy(Deployment(name, "run-1", self.now.wall + round(seconds * 1000)), self.now)
        return self

    def deployed(self, name: str) -> "Stage":
        self.records += self.judge.deployed(name, self.now)
        return self

    def silence(self, *scope: str, minutes: int, name: str = "w1", kind: WindowKind = "silence") -> "Stage":
        window = Window(name, kind, scope, "", "UTC", minutes, self.now.wall, "work", "johan", self.now.wall)
        self.records += self.judge.open_window(window, self.now)
        return self

    def acknowledge(self, incident: int, who: str = "johan", note: str = "") -> "Stage":
        self.records += self.judge.acknowledge(incident, who, note, self.now) or []
        return self

    def told(self) -> list[tuple[str, str]]:
        """What people were told, and about whom."""
        saved = (record for record in self.records if isinstance(record, IncidentSaved))
        return [(str(each.alert), each.incident.node) for each in saved if each.alert]

    def incidents(self) -> Mapping[int, Incident]:
        """Every incident as it was last saved."""
        return {record.incident.id: record.incident for record in self.records if isinstance(record, IncidentSaved)}

    def incident(self, number: int = 1) -> Incident:
        return self.incidents()[number]

    def kinds(self) -> list[str]:
        return [record.kind for record in self.records if isinstance(record, Event)]

    def state(self, name: str) -> str:
        return self.judge.nodes[name].state(self.now)


def alone(name: str = "frankfurt", rules: Rules = RULES, **scene: object) -> Stage:
    """One live node by itself."""
    scopes = {name: frozenset({name}), "all": frozenset({name})}
    return Stage(Scene({name: True}, rules, **({"scopes": scopes} | scene)))  # type: ignore[arg-type]


def seconds(at: int | None) -> float:
    """A time of a record (ms UTC) as seconds since the start."""
    assert at is not None
    return (at - EPOCH) / 1000
