"""How one node stands: every rule of judgement, without a clock, a socket or a database.

A push moves the deadline. A deadline that passes, or a reported death, opens the node's one incident (SEV2), which
grows to SEV1 when it has stood for `sev1_after`. After missed pushes the first push ends it; after a death it ends
when one process has kept pushing for `steady`: a process that is dead cannot push twice. While a deployment of the
node stands, nothing is opened or escalated; what is still wrong when it ends counts from then on.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import inf

from noc.watch.clock import Moment, iso
from noc.watch.judge.deaths import death_in_words
from noc.watch.judge.rules import Rules
from noc.watch.store.records import (
    AlertKind,
    Beat,
    Cause,
    Deployment,
    DeploymentEnded,
    Event,
    EventKind,
    Incident,
    IncidentSaved,
    Record,
    State,
)

RETRIES_KNOWN = 64
DEATH_REPEATED_WITHIN_S = 5


@dataclass(slots=True)
class Comeback:
    """A process that pushes after a death, and has to stay: seen `beats` times since `since` (monotonic)."""

    boot: str | None
    since: float
    beats: int = 1


@dataclass(slots=True)
class Standing:
    """One node's state. Times are monotonic seconds unless a name says otherwise.

    Attributes:
        live: whether it is judged at all.
        last: the newest push that reported life.
        heard: when `last` was received; when the judging began, while there is none.
        expires: when its pushes count as missed.
        overdue: `expires` has passed and was acted upon.
        death: the last reported death, until life or the end of the incident takes it back.
        escalates: when the open incident becomes SEV1.
    """

    name: str
    rules: Rules
    ids: Iterator[int]
    live: bool = False
    live_since: int = 0
    last: Beat | None = None
    heard: float = -inf
    expires: float = inf
    overdue: bool = False
    death: str | None = None
    incident: Incident | None = None
    escalates: float = inf
    deployment: Deployment | None = None
    deployed_until: float = inf
    comeback: Comeback | None = None
    last_ended: int = 0
    _down: tuple[str | None, str, float] | None = None
    _seen: deque[tuple[str | None, int]] = field(default_factory=lambda: deque(maxlen=RETRIES_KNOWN))

    def state(self, now: Moment) -> State:
        """The one word for this node: `down` while an incident is open, `late` from the first push that it missed.

        `pending`: not live yet, or live and not heard yet.
        """
        if self.incident is not None:
            return "down"
        if not self.live or self.last is None:
            return "pending"
        return "late" if now.mono > self.heard + self.rules.patience else "up"

    def since(self, now: Moment) -> int | None:
        """Since when (ms UTC) that word holds; None while pending."""
        match self.state(now):
            case "down":
                assert self.incident is not None
                return self.incident.started
            case "late":
                return now.wall_at(self.heard + self.rules.patience)
            case "up":
                return max(self.last_ended, self.live_since)
        return None

    def due(self) -> float:
        """The next instant at which time alone changes something."""
        instants = [self.deployed_until]
        if self.live and not self.overdue:
            instants.append(self.expires)
        if self.deployment is None:
            instants.append(self.escalates)
        if self.comeback is not None and self.comeback.beats > 1:
            instants.append(self.comeback.since + self.rules.steady)
        return min(instants)

    def judged(self, *, live: bool, now: Moment) -> list[Record]:
        """Begin or end judging this node; its first deadline runs from now, and its incident ends with the judging."""
        if live == self.live and (live or self.incident is None):
            return []
        self.live = live
        if live:
            self.live_since, self.heard = now.wall, now.mono
            self.expires, self.overdue = now.mono + self.rules.window, False
            return []
        self.expires, self.death = inf, None
        return self._close(now, "no longer a live node") if self.incident else []

    def knows(self, beat: Beat) -> bool:
        """Whether this push was counted already: a retry carries the boot and the number of the first try."""
        return beat.seq is not None and (beat.boot, beat.seq) in self._seen

    def count(self, boot: str | None, seq: int | None) -> None:
        """Remember a push's number, so that a retry of it is not counted again."""
        if seq is not None:
            self._seen.append((boot, seq))

    def alive(self, beat: Beat, now: Moment) -> list[Record]:
        """Take a push that reports life."""
        if self.knows(beat):
            return []
        self.count(beat.boot, beat.seq)
        records: list[Record] = [beat, *self._continuity(beat)]
        steadily = now.mono <= self.heard + self.rules.patience
        self.last, self.heard, self._down = beat, now.mono, None
        self.expires, self.overdue = (now.mono + self.rules.window if self.live else inf), False
        if self.incident is None:
            self.death = None
        elif self.incident.cause == "missed":
            records += self._close(now, "heartbeats returned")
        else:
            self._come_back(beat, now, steadily=steadily)
        return records

    def dead(self, beat: Beat, now: Moment) -> list[Record]:
        """Take a push that reports the death of the service. The same report within 5 s is a retry."""
        report = (beat.boot, beat.msg)
        if self._down is not None and self._down[:2] == report and now.mono - self._down[2] < DEATH_REPEATED_WITHIN_S:
            return []
        self._down, self.comeback = (*report, now.mono), None
        self.death = death_in_words(beat.msg)
        records: list[Record] = [beat]
        opened: list[Record] = []
        if self.live and self.incident is None and self.deployment is None:
            opened = self._open("death", now)
        elif self.incident is not None and self.incident.cause == "missed":
            self.incident = replace(self.incident, cause="death", detail=self.death)
            opened = [IncidentSaved(self.incident)]
        return [*records, self._event("death", now, why=self.death, boot=beat.boot), *opened]

    def deploy(self, deployment: Deployment, now: Moment) -> list[Record]:
        """A deployment of this node begins, or is prolonged."""
        self.deployment, self.deployed_until = deployment, now.mono_at(deployment.until)
        return [deployment]

    def deployed(self, now: Moment) -> list[Record]:
        """The deployment is over: what is still wrong has one grace to mend itself before it counts."""
        if self.deployment is None:
            return []
        self.deployment, self.deployed_until = None, inf
        soon = now.mono + self.rules.grace
        if self.incident is not None:
            self.escalates = max(self.escalates, soon)
        elif self.live and (self.overdue or self.death):
            self.expires, self.overdue = soon, False
        return [DeploymentEnded(self.name)]

    def expire(self, now: Moment) -> list[Record]:
        """Do what became due at `now`, which is the exact instant that `due` named."""
        if self.deployed_until <= now.mono:
            return self.deployed(now)
        if self.live and not self.overdue and self.expires <= now.mono:
            return self._miss(now)
        if self.deployment is None and self.escalates <= now.mono:
            return self._escalate(now)
        return self._steady(now)

    def extend(self, seconds: float, now: Moment) -> None:
        """Move every deadline: the server itself was away for so long and could not have heard a push.

        None moves further than if it had begun now: a push may have been taken before the absence was noticed.
        """
        self.heard = min(self.heard + seconds, now.mono)
        self.expires = min(self.expires + seconds, max(self.expires, now.mono + self.rules.window))
        self.escalates = min(self.escalates + seconds, max(self.escalates, now.mono + self.rules.sev1_after))
        if self.comeback is not None:
            self.comeback.since = min(self.comeback.since + seconds, now.mono)

    def _continuity(self, beat: Beat) -> list[Record]:
        before = self.last
        if before is None or before.boot != beat.boot:
            detail = {"boot": beat.boot, "version": beat.version, "before": before.boot if before else None}
            return [Event("boot", self.name, beat.at, self._incident_id(), detail)] if beat.boot else []
        if before.seq is not None and beat.seq is not None and beat.seq > before.seq + 1:
            lost = {"missing": beat.seq - before.seq - 1, "after": before.seq, "boot": beat.boot}
            return [Event("gap", self.name, beat.at, self._incident_id(), lost)]
        return []

    def _come_back(self, beat: Beat, now: Moment, *, steadily: bool) -> None:
        if self.comeback is None or self.comeback.boot != beat.boot or not steadily:
            self.comeback = Comeback(beat.boot, now.mono)
        else:
            self.comeback.beats += 1

    def _miss(self, now: Moment) -> list[Record]:
        self.overdue, self.comeback = True, None
        opened = self._open("missed", now) if self.incident is None and self.deployment is None else []
        last = iso(self.last.at) if self.last else None
        return [self._event("missed", now, pushes=self.rules.missed, last_heartbeat=last), *opened]

    def _open(self, cause: Cause, now: Moment) -> list[Record]:
        detail = self.death or f"{self.rules.missed} pushes missed, one is due every {self.rules.interval:g} s"
        self.incident = Incident(next(self.ids), self.name, "death" if self.death else cause, detail, now.wall)
        self.escalates, self.comeback = now.mono + self.rules.sev1_after, None
        return self._announce("opened", "incident-opened", now)

    def _escalate(self, now: Moment) -> list[Record]:
        assert self.incident is not None
        # Readings of the wall clock are whole milliseconds, each cut by itself; the stamps must still obey the rule.
        earliest = self.incident.started + round(self.rules.sev1_after * 1000)
        now = now._replace(wall=max(now.wall, earliest))
        self.incident = replace(self.incident, severity="SEV1", escalated=now.wall)
        self.escalates = inf
        return self._announce("escalated", "incident-escalated", now)

    def _steady(self, now: Moment) -> list[Record]:
        if now.mono <= self.heard + self.rules.patience:
            return self._close(now, f"a process is steady for {self.rules.steady:g} s")
        self.comeback = None
        return []

    def _close(self, now: Moment, reason: str) -> list[Record]:
        assert self.incident is not None
        self.incident = replace(self.incident, ended=now.wall, end_reason=reason)
        records = self._announce("closed", "incident-closed", now)
        self.incident, self.escalates, self.comeback, self.death = None, inf, None, None
        self.last_ended = now.wall
        return records

    def _announce(self, alert: AlertKind, kind: EventKind, now: Moment) -> list[Record]:
        assert self.incident is not None
        event = self._event(
            kind, now, severity=self.incident.severity, why=self.incident.end_reason or self.incident.detail
        )
        return [IncidentSaved(self.incident, alert), event]

    def _event(self, kind: EventKind, now: Moment, **detail: str | int | None) -> Event:
        run = {"run": self.deployment.run} if self.deployment else {}
        return Event(kind, self.name, now.wall, self._incident_id(), detail | run)

    def _incident_id(self) -> int | None:
        return self.incident.id if self.incident else None
