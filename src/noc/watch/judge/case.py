"""One matter of one subject: its open incident, and the instants at which time alone changes that.

The ladder is the same for whatever is wrong. An incident is announced when it is opened; SEV2 grows to SEV1 when it has
stood for a time; people are reminded until somebody acknowledges it; what begins anew soon after its end is the same
incident again. One with a parent says nothing by itself: the parent speaks. In maintenance nothing is escalated and
nobody is reminded, and both have one grace once that is over.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

from noc.watch.clock import Moment
from noc.watch.judge.rules import Rules
from noc.watch.store.records import (
    AlertKind,
    Cause,
    Event,
    EventKind,
    Incident,
    IncidentSaved,
    Record,
    Severity,
)


@dataclass(slots=True)
class Case:
    """Instants are monotonic seconds.

    Attributes:
        subject: a node's name, HQ's, or a group's.
        incident: the open one.
        over: the last one that was announced and has ended, for as long as it may be opened again.
        over_at: when that ended.
        sev1_after: seconds from the start, or the new start, to SEV1; infinite where a matter never becomes one.
        escalates, reminds, ends: when the open incident becomes SEV1, is brought to mind, and is over if it stays calm.
        quiet: maintenance of the subject.
        orphaned: the parent is over, and nobody was told of this incident yet.
    """

    subject: str
    topic: str
    rules: Rules
    ids: Iterator[int]
    sev1_after: float = inf
    incident: Incident | None = None
    over: Incident | None = None
    over_at: float = -inf
    escalates: float = inf
    reminds: float = inf
    ends: float = inf
    end_reason: str = ""
    quiet: bool = False
    orphaned: bool = False

    @property
    def child(self) -> bool:
        """Whether another incident speaks for this one."""
        return self.incident is not None and self.incident.parent is not None

    def due(self) -> float:
        """The next instant at which `expire` does something."""
        if self.incident is None:
            return inf
        return self.ends if self.quiet else min(self.escalates, self.reminds, self.ends)

    def expire(self, now: Moment) -> list[Record]:
        """Do what became due at `now`, which is the exact instant that `due` named."""
        if self.ends <= now.mono:
            return self.close(self.end_reason, now)
        if self.escalates <= now.mono:
            return self.escalate(now)
        return self.remind(now)

    def open(
        self, cause: Cause, detail: str, now: Moment, *, severity: Severity = "SEV2", parent: int | None = None
    ) -> list[Record]:
        """Something is wrong from now on; announced, unless it has a parent.

        Args:
            parent: number of the incident that speaks for this one.
        """
        past = self.over
        if past is not None and now.mono - self.over_at < self.rules.flap_within:
            again = replace(past, ended=None, end_reason="", flaps=past.flaps + 1, reopened=now.wall, reminded=None)
            severity = "SEV1" if "SEV1" in {severity, past.severity} else severity
            self.incident = replace(again, cause=cause, detail=detail, verdict="", severity=severity, parent=parent)
            self.incident = replace(self.incident, acked=None, acked_by="", ack_note="")
        else:
            self.incident = Incident(
                next(self.ids), self.subject, cause, detail, now.wall, severity, topic=self.topic, parent=parent
            )
        self.over, self.orphaned, self.ends = None, False, inf
        self.escalates = inf if self.incident.severity == "SEV1" else now.mono + self.sev1_after
        self.reminds = inf if parent is not None else now.mono + self.rules.remind_after(self.incident.severity)
        return self._announce("opened", "incident-opened", now)

    def escalate(self, now: Moment) -> list[Record]:
        """It has stood long enough to be SEV1."""
        incident = self._open()
        # Readings of the wall clock are whole milliseconds, each cut by itself; the stamps must still obey the rule.
        earliest = (incident.reopened or incident.started) + round(self.sev1_after * 1000)
        now = now._replace(wall=max(now.wall, earliest))
        self.incident = replace(incident, severity="SEV1", escalated=now.wall)
        self.escalates = inf
        if incident.acked is None and not self.child:
            self.reminds = now.mono + self.rules.remind_sev1
        return self._announce("escalated", "incident-escalated", now)

    def remind(self, now: Moment) -> list[Record]:
        """Nobody has acknowledged it yet."""
        self.incident = replace(self._open(), reminded=now.wall)
        self.reminds = now.mono + self.rules.remind_after(self.incident.severity)
        return self._announce("reminder", "reminder", now)

    def acknowledge(self, who: str, note: str, now: Moment) -> list[Record]:
        """A person takes it over; once more by the same one changes nothing."""
        incident = self._open()
        if incident.acked is not None and incident.acked_by == who:
            return []
        self.incident = replace(incident, acked=now.wall, acked_by=who, ack_note=note)
        self.reminds = inf
        event = Event("acknowledged", self.subject, now.wall, incident.id, {"who": who, "note": note})
        return [IncidentSaved(self.incident, None if self.child or self.quiet else "acknowledged"), event]

    def change(self, **fields: str) -> list[Record]:
        """What is known of it has changed: its `cause`, `detail` or `verdict`. People are told with the next alert."""
        changed = replace(self._open(), **fields)  # type: ignore[arg-type] # the fields are the incident's own
        if changed == self.incident:
            return []
        self.incident = changed
        return [IncidentSaved(changed)]

    def better(self, reason: str, now: Moment, *, least: float = 0) -> list[Record]:
        """What was wrong is right: it ends now, or once that has lasted `least` seconds, longer where it flapped."""
        settle = max(least, self.rules.settle(self._open().flaps))
        if settle == 0:
            return self.close(reason, now)
        self.ends, self.end_reason = min(self.ends, now.mono + settle), f"{reason}, and calm for {settle:g} s"
        return []

    def worse(self) -> list[Record]:
        """It is wrong once more, before it ended: one flap that nobody is told of by itself."""
        if self.ends == inf:
            return []
        self.ends = inf
        return self.flapped() if self._open().flaps else []

    def flapped(self) -> list[Record]:
        """Count one more time at which it began anew."""
        self.incident = replace(self._open(), flaps=self._open().flaps + 1)
        return [IncidentSaved(self.incident)]

    def close(self, reason: str, now: Moment) -> list[Record]:
        """It is over. A recovery of what was announced is announced in maintenance, too: who was woken may sleep."""
        self.incident = replace(self._open(), ended=now.wall, end_reason=reason)
        records = self._announce("closed", "incident-closed", now, always=True)
        self.over, self.over_at = (None, -inf) if self.child else (self.incident, now.mono)
        self.incident, self.escalates, self.reminds, self.ends = None, inf, inf, inf
        return records

    def orphan(self, parent: int | None, now: Moment) -> list[Record]:
        """Its parent is over: another one speaks for it, or it speaks for itself; in maintenance, once that is over."""
        incident = self._open()
        self.orphaned = parent is None and self.quiet
        if self.orphaned:
            return []
        self.incident = replace(incident, parent=parent)
        if parent is not None:
            return [IncidentSaved(self.incident)]
        self.reminds = now.mono + self.rules.remind_after(incident.severity)
        return [IncidentSaved(self.incident, "opened")]

    def silenced(self, *, quiet: bool, now: Moment) -> list[Record]:
        """Maintenance of the subject begins or ends; what is still wrong then has one grace."""
        if quiet == self.quiet:
            return []
        self.quiet = quiet
        if quiet or self.incident is None:
            return []
        soon = now.mono + self.rules.grace
        self.escalates, self.reminds = max(self.escalates, soon), max(self.reminds, soon)
        return self.orphan(None, now) if self.orphaned else []

    def extend(self, seconds: float, now: Moment) -> None:
        """Move every instant: the server itself was away. None moves further than if it had begun now."""
        if self.incident is None:
            return
        pause = self.rules.remind_after(self.incident.severity)
        self.escalates = min(self.escalates + seconds, max(self.escalates, now.mono + self.sev1_after))
        self.reminds = min(self.reminds + seconds, max(self.reminds, now.mono + pause))
        if self.ends < inf:
            self.ends += seconds

    def _open(self) -> Incident:
        assert self.incident is not None, f"{self.subject} {self.topic} has no open incident"
        return self.incident

    def _announce(self, alert: AlertKind, kind: EventKind, now: Moment, *, always: bool = False) -> list[Record]:
        incident = self._open()
        told = not self.child and (always or not self.quiet)
        detail = {"severity": incident.severity, "why": incident.end_reason or incident.detail, "topic": self.topic}
        event = Event(kind, self.subject, now.wall, incident.id, detail)
        return [IncidentSaved(incident, alert if told else None), event]
