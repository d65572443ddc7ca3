"""What the judge decides, as values: the store turns each into rows, the page into words."""

from dataclasses import dataclass, field
from typing import Any, Literal

from noc.fleet.keeping import Keep
from noc.fleet.model import Role

Severity = Literal["SEV1", "SEV2"]
State = Literal["pending", "up", "late", "down", "unheard"]
Cause = Literal["missed", "death", "public", "rule", "correlated", "job"]
AlertKind = Literal["opened", "escalated", "reminder", "acknowledged", "closed"]
MessageKind = Literal["briefing", "test"]
Outcome = Literal["sent", "told", "expired", "failed"]
EventKind = Literal[
    "death",
    "missed",
    "incident-opened",
    "incident-escalated",
    "incident-closed",
    "alert-sent",
    "boot",
    "gap",
    "foreign-token",
    "acknowledged",
    "note",
    "reminder",
    "alert-failed",
    "reboot",
    "version",
    "public-failed",
    "public-restored",
    "maintenance-began",
    "maintenance-ended",
    "restored",
    "job",
]
JobState = Literal["running", "ok", "failed", "missed"]


Value = float | int | str | None
Telemetry = dict[str, Value]
"""What a node reports of itself, by field."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One push of a node, as it is stored.

    Attributes:
        node: the node's name.
        at: when it was received, ms UTC.
        up: whether it reports life; a down push reports a death.
        msg: the pusher's words, at most 2,000 characters.
        ping: round trip that the pusher measured, ms.
        seq: number of the push within its process; None from a pusher that does not count.
        boot: name of the process that pushed.
        version: release that the process runs.
        sent: when the pusher says that it sent, ms UTC.
        telemetry: field → value.
        warn: what was wrong with the telemetry, "" if nothing.
    """

    node: str
    at: int
    up: bool = True
    msg: str = "OK"
    ping: float | None = None
    seq: int | None = None
    boot: str | None = None
    version: str | None = None
    sent: int | None = None
    telemetry: Telemetry | None = None
    warn: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """A time during which something was not well. Times are ms UTC.

    Attributes:
        id: counts up from 1; part of each alert's identity.
        node: what is not well: a node's name, the hub's for HQ itself, or a group (`@fleet`, `@region/…`,
            `@provider/…`), which no node can be called.
        cause: `missed` pushes, the reported `death` of the service, a `public` address that does not serve, a
            telemetry `rule`, a loss `correlated` over many nodes, or a `job` of HQ's schedule.
        detail: the cause in words.
        started: the exact instant at which the deadline passed, or at which the death was received.
        topic: what about the node: `liveness`, a rule's name, or `job/NAME`. One incident is open at a time for a node
            and topic.
        verdict: which part is at fault, as far as both witnesses can tell; "" while unknown.
        acked: when a person took it over, with their name and words.
        reminded: when people were last reminded.
        flaps: how often it began anew since it was opened.
        reopened: when it was last opened again after its end.
        parent: the correlated incident that speaks for this one.
    """

    id: int
    node: str
    cause: Cause
    detail: str
    started: int
    severity: Severity = "SEV2"
    escalated: int | None = None
    ended: int | None = None
    end_reason: str = ""
    topic: str = "liveness"
    verdict: str = ""
    acked: int | None = None
    acked_by: str = ""
    ack_note: str = ""
    reminded: int | None = None
    flaps: int = 0
    reopened: int | None = None
    parent: int | None = None


@dataclass(frozen=True, slots=True)
class IncidentSaved:
    """An incident as it stands now; `alert` is set where people must hear of the change."""

    incident: Incident
    alert: AlertKind | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for the log that runs and people read in order."""

    kind: EventKind
    node: str | None
    at: int
    incident: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment of one node: until its time (ms UTC) passes, what happens there pages nobody."""

    node: str
    run: str
    until: int


@dataclass(frozen=True, slots=True)
class DeploymentEnded:
    """The deployment of that node is over."""

    node: str


@dataclass(frozen=True, slots=True)
class Note:
    """What a person wrote about an incident at a time (ms UTC), at most 2,000 characters."""

    incident: int
    at: int
    who: str
    text: str


WindowKind = Literal["single", "weekly", "cron", "silence"]


@dataclass(frozen=True, slots=True)
class Window:
    """A time of maintenance, or one that repeats. Times are ms UTC.

    Attributes:
        scope: names of nodes, of tags, `batch-N`, the hub's name, or `all`.
        spec: when it begins, on clocks of `zone`: `2026-12-20 00:00`, `Sun 02:00`, or the five fields of cron; "" where
            `starts` says it.
        minutes: how long it lasts, on the same clocks.
        ended: when a person closed it for good.
    """

    id: str
    kind: WindowKind
    scope: tuple[str, ...]
    spec: str
    zone: str
    minutes: int
    starts: int | None
    reason: str
    who: str
    created: int
    ended: int | None = None


@dataclass(frozen=True, slots=True)
class Alive:
    """The server was up and listening at that time (ms UTC)."""

    at: int


@dataclass(frozen=True, slots=True)
class Prune:
    """What is too old at a time (ms UTC) may go, a bite of it."""

    at: int
    keep: Keep


@dataclass(frozen=True, slots=True)
class AlertSent:
    """One message went out on a channel at a time (ms UTC), and settles these alerts."""

    channel: str
    alerts: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class AlertDropped:
    """Alerts that nobody needs any more on a channel.

    Attributes:
        outcome: `told`: a message of another kind said the same; `expired`: too late to be of use; `failed`: a test
            that did not go out.
    """

    channel: str
    alerts: tuple[str, ...]
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class AlertFailed:
    """One attempt to send these alerts on a channel failed."""

    channel: str
    alerts: tuple[str, ...]
    error: str


@dataclass(frozen=True, slots=True)
class AlertMoved:
    """What waits on a channel goes out on another: the fleet file names the first no more."""

    channel: str
    to: str


@dataclass(frozen=True, slots=True)
class MessageQueued:
    """A message about no incident; one of that id that was queued for the channel before stays as it is.

    Attributes:
        message: its `level`, `title` and `text`.
        created, expires: ms UTC.
    """

    id: str
    channel: str
    kind: MessageKind
    message: dict[str, str]
    created: int
    expires: int


SightingStage = Literal["", "name", "connect", "certificate", "answer"]


@dataclass(frozen=True, slots=True)
class Sighting:
    """One look at a node's public address, as a stranger has it. Times are ms UTC.

    Attributes:
        node: the node's name.
        at: when it was asked.
        ok: whether it serves: its name leads to it, its certificate holds, and it answers as the service does.
        stage: where that failed: its `name`, the `connect`ion, its `certificate`, its `answer`; "" where it did not.
        detail: what was seen, in one line of at most 500 characters.
        took_ms: from the question for its address to the end.
        version: the release that it named.
        certificate_from, certificate_until: validity of its certificate, where that holds.
    """

    node: str
    at: int
    ok: bool
    stage: SightingStage
    detail: str
    took_ms: float
    version: str | None = None
    certificate_from: int | None = None
    certificate_until: int | None = None


KeyKind = Literal["session", "link", "token", "acknowledge"]


@dataclass(frozen=True, slots=True)
class Key:
    """What a secret that the watch gave away is good for; the secret itself is stored nowhere. Times are ms UTC.

    Attributes:
        hash: SHA-256 of the secret, hex.
        kind: a page's `session`, a `link` to sign in once, an API `token`, or leave to `acknowledge` one incident.
        name: what people call it.
        person: whose it is.
        role: what it may do at most.
        incident: the one that may be acknowledged with it.
        used: when it was last used.
    """

    hash: str
    kind: KeyKind
    name: str
    person: str
    role: Role
    created: int
    expires: int
    incident: int | None = None
    used: int | None = None


@dataclass(frozen=True, slots=True)
class KeySaved:
    """A key as it stands now."""

    key: Key


@dataclass(frozen=True, slots=True)
class KeyGone:
    """The key of that hash is good for nothing any more."""

    hash: str


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """What became of a job of the schedule when it was last its time. Times are ms UTC.

    Attributes:
        job: its name.
        state: `running`; `ok`; `failed`; `missed` where it could not begin, for no fault of its own.
        began, ended: of this time; no end while it runs.
        words: what was done, or why not, in one line.
        run: the id of the run that did it, "" without one.
        good: when it last ended well.
        misses: how many times in a row it was missed.
    """

    job: str
    state: JobState
    began: int
    ended: int | None
    words: str
    run: str = ""
    good: int | None = None
    misses: int = 0


Record = (
    Beat
    | IncidentSaved
    | Event
    | Deployment
    | DeploymentEnded
    | Note
    | Window
    | Alive
    | Prune
    | AlertSent
    | AlertDropped
    | AlertFailed
    | AlertMoved
    | MessageQueued
    | Sighting
    | KeySaved
    | KeyGone
    | JobOutcome
)
