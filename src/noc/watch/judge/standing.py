"""How one node stands: every rule of its liveness, without a clock, a socket or a database.

A push moves the deadline. A deadline that passes, a reported death, or two looks in a row at a public address that
does not serve open the node's one incident of liveness. After missed pushes the first push ends it; after a death one
process that has kept pushing for `steady`: a process that is dead cannot push twice; after public trouble one look that
is well. What flapped must also stay calm for a time that grows. While a deployment of the node or its maintenance
stands, nothing is opened or escalated; what is still wrong when it ends counts one grace later.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Final

from noc.watch.clock import Moment, iso
from noc.watch.judge.around import Alone, Around
from noc.watch.judge.case import Case
from noc.watch.judge.deaths import death_in_words
from noc.watch.judge.face import Face
from noc.watch.judge.history import continuity
from noc.watch.judge.jitter import Jitter
from noc.watch.judge.retries import Retries
from noc.watch.judge.rules import Rules
from noc.watch.judge.verdict import cause_in_words, verdict
from noc.watch.store.records import (
    Beat,
    Cause,
    Deployment,
    DeploymentEnded,
    Event,
    EventKind,
    Incident,
    Record,
    Sighting,
    State,
)

DEATH_REPEATED_WITHIN_S: Final = 5


@dataclass(slots=True)
class Comeback:
    """What has to stay well for a while: a process that pushes, seen `beats` times since `since` (monotonic)."""

    boot: str | None
    since: float
    beats: int = 1


@dataclass(slots=True)
class Standing:
    """One node's state. Times are monotonic seconds unless a name says otherwise.

    Attributes:
        around: what is around this node.
        live: whether it is judged at all.
        last: the newest push that reported life.
        heard: when `last` was received; when the judging began, while there is none.
        expires: when its pushes count as missed.
        overdue: `expires` has passed and was acted upon.
        looked: the second witness was asked for a look since the last push.
        death: the last reported death, until life or the end of the incident takes it back.
        case: its incident of liveness.
        windows: the maintenance that stands, by id.
        counts: when what is wrong at the end of a maintenance counts.
        excused: when the last maintenance ended with something wrong.
        face: its public address, as the second witness sees it.
        jitter: how punctual its pushes are.
        patience: seconds from one of its pushes to the instant at which the next counts as missed; kept, because every
            push asks for it again and again.
        retries: which of them were counted.
    """

    name: str
    rules: Rules
    ids: Iterator[int]
    around: Around = field(default_factory=Alone)
    live: bool = False
    live_since: int = 0
    last: Beat | None = None
    heard: float = -inf
    expires: float = inf
    overdue: bool = False
    looked: bool = True
    death: str | None = None
    deployment: Deployment | None = None
    deployed_until: float = inf
    windows: frozenset[str] = frozenset()
    counts: float = inf
    excused: float = -inf
    comeback: Comeback | None = None
    last_ended: int = 0
    face: Face = field(default_factory=Face)
    jitter: Jitter = field(default_factory=Jitter)
    retries: Retries = field(default_factory=Retries)
    patience: float = field(init=False)
    case: Case = field(init=False)
    _withheld: bool = False
    _down: tuple[str | None, str, float] | None = None

    def __post_init__(self) -> None:
        """Begin without an incident."""
        self.patience = self._patience()
        self.case = Case(self.name, "liveness", self.rules, self.ids, self.rules.sev1_after)

    @property
    def incident(self) -> Incident | None:
        """The open incident of liveness."""
        return self.case.incident

    @property
    def quiet(self) -> bool:
        """Whether a deployment or a maintenance stands."""
        return self.deployment is not None or bool(self.windows)

    @property
    def window(self) -> float:
        """Seconds from its last push to the start of a SEV2."""
        return (self.rules.missed - 1) * self.rules.interval + self.patience

    def state(self, now: Moment) -> State:
        """The one word for this node.

        `pending`: not live yet, or live and not heard yet; `down` and `unheard` while an incident is open, the latter
        where it serves in public and does not push; `late` from the first push that it missed.
        """
        if self.incident is not None:
            return "unheard" if self.overdue and self.face.view(now) == "" else "down"
        if not self.live or self.last is None:
            return "pending"
        return "late" if now.mono > self.heard + self.patience else "up"

    def since(self, now: Moment) -> int | None:
        """Since when (ms UTC) that word holds; None while pending."""
        match self.state(now):
            case "down" | "unheard":
                assert self.incident is not None
                return self.incident.started
            case "late":
                return now.wall_at(self.heard + self.patience)
            case "up":
                return max(self.last_ended, self.live_since)
        return None

    def lost_since(self, now: Moment) -> float | None:
        """Since when it is silent, or its public address fails; None while it is well: a death was heard, too."""
        if self.death is not None:
            return None
        silent = self.heard + self.patience if now.mono >= self.heard + self.patience else inf
        since = min(silent, self.face.lost_since(now))
        return max(since, self.excused) if since < inf else None

    def due(self) -> float:
        """The next instant at which time alone changes something."""
        instants = [self.deployed_until, self.case.due(), self.counts]
        if self.live and not self.overdue:
            instants.append(self.expires if self.looked else min(self.expires, self.heard + self.patience))
        if self.comeback is not None and self.comeback.beats > 1:
            instants.append(self.comeback.since + self._needed())
        return min(instants)

    def rule(self, rules: Rules) -> None:
        """Other rules hold from now on."""
        self.rules = self.case.rules = rules
        self.case.sev1_after = rules.sev1_after
        self.patience = self._patience()

    def judged(self, *, live: bool, now: Moment) -> list[Record]:
        """Begin or end judging this node; its first deadline runs from now, and its incident ends with the judging."""
        if live == self.live and (live or self.incident is None):
            return []
        self.live = live
        if live:
            self.live_since, self.heard = now.wall, now.mono
            self.expires, self.overdue = now.mono + self.window, False
            return []
        self.expires, self.death, self.counts, self.face = inf, None, inf, Face()
        return self._close(now, "no longer a live node") if self.incident else []

    def forget(self, beat: Beat) -> None:
        """A push that was taken is lost: should it come again, it is not a retry."""
        self.retries.forget(beat.boot, beat.seq)
        if not beat.up:
            self._down = None

    def alive(self, beat: Beat, now: Moment) -> list[Record]:
        """Take a push that reports life. No record is returned for a retry."""
        if self.retries.knows(beat.boot, beat.seq):
            return []
        self.retries.count(beat.boot, beat.seq)
        records: list[Record] = [beat, *continuity(beat, self.last, self._incident_id())]
        steadily = now.mono <= self.heard + self.patience
        if self.last is not None and self.last.boot == beat.boot and not self.overdue:
            self.jitter.note(now.mono - self.heard, self.rules.interval)
            self.patience = self._patience()
        self.last, self.heard, self._down = beat, now.mono, None
        self.expires, self.overdue = (now.mono + self.window if self.live else inf), False
        self.looked = not self.live
        if self.incident is None:
            self.death = None
            return records
        return records + self._recover(beat, now, steadily=steadily)

    def dead(self, beat: Beat, now: Moment) -> list[Record]:
        """Take a push that reports the death of the service. The same report within 5 s is a retry."""
        report = (beat.boot, beat.msg)
        if self._down is not None and self._down[:2] == report and now.mono - self._down[2] < DEATH_REPEATED_WITHIN_S:
            return []
        self._down = (*report, now.mono)
        records: list[Record] = [beat, *self._relapse(now)]
        self.death = death_in_words(beat.msg)
        opened: list[Record] = []
        if self.incident is not None:
            opened = self._reassess("death", now)
        elif self.live and not self.quiet:
            opened = self._open("death", now)
        self.around.suspect(self.name)
        return [*records, self._event("death", now, why=self.death, boot=beat.boot), *opened]

    def sighted(self, sighting: Sighting, now: Moment) -> list[Record]:
        """Take a look at its public address."""
        records: list[Record] = [sighting]
        if (turn := self.face.take(sighting, now)) is not None:
            records.append(self._event(turn, now, stage=sighting.stage, detail=sighting.detail))
        if not self.live:
            return records
        if self.incident is None:
            refused = self.face.refused(now) and not self.quiet and self.counts == inf
            return records + (self._open("public", now) if refused else [])
        if not sighting.ok:
            return records + self._relapse(now) + self._reassess(self.incident.cause, now)
        if self.incident.cause != "public":
            return records + self._reassess(self.incident.cause, now)
        return records + self._serves_again(now)

    def deploy(self, deployment: Deployment, now: Moment) -> list[Record]:
        """A deployment of this node begins, or is prolonged."""
        self.deployment, self.deployed_until = deployment, now.mono_at(deployment.until)
        return [deployment, *self.case.silenced(quiet=True, now=now)]

    def deployed(self, now: Moment) -> list[Record]:
        """The deployment is over: what is still wrong has one grace to mend itself before it counts."""
        if self.deployment is None:
            return []
        self.deployment, self.deployed_until = None, inf
        return [DeploymentEnded(self.name), *self._silenced(now)]

    def maintained(self, windows: frozenset[str], now: Moment) -> list[Record]:
        """These windows of maintenance stand from now on."""
        if windows == self.windows:
            return []
        self.windows = windows
        return self._silenced(now)

    def expire(self, now: Moment) -> list[Record]:
        """Do what became due at `now`, which is the exact instant that `due` named."""
        if self.deployed_until <= now.mono:
            return self.deployed(now)
        if self.live and not self.overdue and self.expires <= now.mono:
            return self._miss(now)
        if self.live and not self.looked and self.heard + self.patience <= now.mono:
            self.looked = True
            self.around.suspect(self.name)
            return []
        if self.counts <= now.mono:
            return self._count(now)
        if self.case.due() <= now.mono:
            return self._climb(now)
        return self._steady(now)

    def extend(self, seconds: float, now: Moment) -> None:
        """Move every deadline: the server itself was away for so long and could not have heard a push.

        None moves further than if it had begun now: a push may have been taken before the absence was noticed.
        """
        self.heard = min(self.heard + seconds, now.mono)
        self.expires = min(self.expires + seconds, max(self.expires, now.mono + self.window))
        self.counts += seconds
        self.case.extend(seconds, now)
        if self.comeback is not None:
            self.comeback.since = min(self.comeback.since + seconds, now.mono)

    def _patience(self) -> float:
        return self.rules.interval + self.jitter.grace(self.rules.grace, self.rules.widest_grace)

    def _silenced(self, now: Moment) -> list[Record]:
        ended = self.case.quiet and not self.quiet
        records = self.case.silenced(quiet=self.quiet, now=now)
        if ended and self.live and self.incident is None and self._wrong(now):
            self.counts, self.excused = now.mono + self.rules.grace, now.mono
        return records

    def _count(self, now: Moment) -> list[Record]:
        """What is wrong one grace after a maintenance."""
        self.counts = inf
        cause = self._wrong(now)
        return self._open(cause, now) if cause and self.live and self.incident is None and not self.quiet else []

    def _wrong(self, now: Moment) -> Cause | None:
        if self.death is not None:
            return "death"
        return "missed" if self.overdue else "public" if self.face.refused(now) else None

    def _needed(self) -> float:
        """For how long it must be well before its incident ends."""
        assert self.incident is not None
        settle = self.rules.settle(self.incident.flaps)
        return max(settle, self.rules.steady) if self.incident.cause == "death" else settle

    def _recover(self, beat: Beat, now: Moment, *, steadily: bool) -> list[Record]:
        assert self.incident is not None
        if self.face.refused(now):
            self.around.suspect(self.name)
            return self._reassess("death" if self.death else "public", now)
        if self.incident.cause == "public":
            return self._close(now, "nobody looks at its public address any more") if self.face.stale(now) else []
        if self._needed() == 0:
            return self._close(now, "heartbeats returned")
        if self.comeback is None or self.comeback.boot != beat.boot or not steadily:
            records = self._relapse(now)
            self.comeback = Comeback(beat.boot, now.mono)
            return records
        self.comeback.beats += 1
        return []

    def _serves_again(self, now: Moment) -> list[Record]:
        if self.overdue:
            return self._reassess("missed", now)
        if self._needed() == 0:
            return self._close(now, "its public address serves again")
        if self.comeback is None:
            self.comeback = Comeback(self.last.boot if self.last else None, now.mono, beats=2)
        return self._reassess("public", now)

    def _relapse(self, now: Moment) -> list[Record]:
        """What came back is wrong again: one more flap where it flaps, and an escalation that was withheld is due."""
        if self.comeback is None:
            return []
        self.comeback = None
        if self._withheld:
            self._withheld, self.case.escalates = False, now.mono
        return self.case.flapped() if self.incident is not None and self.incident.flaps else []

    def _miss(self, now: Moment) -> list[Record]:
        self.overdue = True
        last = iso(self.last.at) if self.last else None
        records = [*self._relapse(now), self._event("missed", now, pushes=self.rules.missed, last_heartbeat=last)]
        self.around.suspect(self.name)
        if self.incident is not None:
            return records + self._reassess(self.incident.cause, now)
        return records + (self._open("missed", now) if not self.quiet and self.counts == inf else [])

    def _open(self, cause: Cause, now: Moment) -> list[Record]:
        cause = "death" if self.death else cause
        records, parent = ([], None) if cause == "death" else self.around.speaker(self.name, now)
        self.comeback, self._withheld = None, False
        records += self.case.open(cause, self._detail(cause, now), now, parent=parent)
        return records + self.case.change(verdict=self._verdict(now))

    def _climb(self, now: Moment) -> list[Record]:
        """The ladder's next step; none for what has been well for the steady time, and has to prove that for longer."""
        proven = self.comeback is not None and now.mono - self.comeback.since >= self.rules.steady
        if self.case.escalates <= now.mono and proven:
            self._withheld, self.case.escalates = True, inf
            return []
        return self.case.expire(now)

    def _steady(self, now: Moment) -> list[Record]:
        needed = self._needed()
        if now.mono <= self.heard + self.patience and not self.face.refused(now):
            what = "a process is steady" if self.death else "it is well"
            return self._close(now, f"{what} for {needed:g} s")
        return self._relapse(now)

    def _close(self, now: Moment, reason: str) -> list[Record]:
        records = self.case.close(reason, now)
        self.comeback, self.death, self._withheld = None, None, False
        self.last_ended = now.wall
        return records

    def _reassess(self, cause: Cause, now: Moment) -> list[Record]:
        """Write down what both witnesses say now."""
        return self.case.change(cause=cause, detail=self._detail(cause, now), verdict=self._verdict(now))

    def _verdict(self, now: Moment) -> str:
        if self.death is not None:
            return "service"
        view, around = self.face.view(now), self.around
        return verdict(pushes=not self.overdue, view=view, others_lost=around.lost, cut_off=around.cut_off)

    def _detail(self, cause: Cause, now: Moment) -> str:
        silence = self.death or f"{self.rules.missed} pushes missed, one is due every {self.rules.interval:g} s"
        return cause_in_words(cause, silence, self.face.view(now), self.face.detail)

    def _event(self, kind: EventKind, now: Moment, **detail: str | int | None) -> Event:
        run = {"run": self.deployment.run} if self.deployment else {}
        return Event(kind, self.name, now.wall, self._incident_id(), detail | run)

    def _incident_id(self) -> int | None:
        return self.incident.id if self.incident else None
