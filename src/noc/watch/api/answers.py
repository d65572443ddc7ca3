"""What the API answers with, as models: the OpenAPI document is made from them, and its tests hold answers to them."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from noc.fleet.inventory import Life
from noc.fleet.model import Role
from noc.fleet.scheduling import Missed
from noc.watch.api.operation import Part
from noc.watch.api.outgoing import Alert
from noc.watch.store.records import (
    Cause,
    EventKind,
    JobState,
    Severity,
    SightingStage,
    State,
)

Telemetry = dict[str, float | int | str | None]


class Health(Part):
    """Whether pushes can be stored."""

    status: Literal["ok", "failing"]
    db: Literal["ok", "failing"]


class LastHeartbeat(Part):
    """A node's newest push that reported life."""

    at: AwareDatetime
    seq: int | None
    boot: str | None
    version: str | None
    telemetry: Telemetry | None


class Sighting(Part):
    """One look at a node's public address; `stage` says where it failed."""

    at: AwareDatetime
    ok: bool
    stage: SightingStage
    detail: str
    took_ms: float
    version: str | None
    certificate_from: AwareDatetime | None
    certificate_until: AwareDatetime | None


class Node(Part):
    """One node as it stands now; `state` is `down` while an incident of its own is open."""

    name: str
    city: str
    country: str
    region: str | None
    provider: str
    life: Life
    state: State
    since: AwareDatetime | None
    last_heartbeat: LastHeartbeat | None
    deployment: str | None
    maintenance: bool
    sighting: Sighting | None
    incident: int | None


class Nodes(Part):
    """Every node, in the fleet's order."""

    now: AwareDatetime
    timezone: str
    nodes: list[Node]


class Heartbeat(Part):
    """One push as it was stored; `warn` says what was wrong with its telemetry."""

    at: AwareDatetime
    status: Literal["up", "down"]
    msg: str
    ping: float | None
    seq: int | None
    boot: str | None
    version: str | None
    sent_at: AwareDatetime | None
    telemetry: Telemetry | None
    warn: str | None


class Heartbeats(Part):
    """A node's pushes, newest first."""

    node: str
    heartbeats: list[Heartbeat]


class Point(Part):
    """What a field was within one bucket of time: `count` pushes named it."""

    at: AwareDatetime
    least: float
    most: float
    mean: float
    count: int


class TelemetryHistory(Part):
    """Fields over time, each with its points, the oldest first; a bucket in which nothing was heard is missing."""

    node: str
    since: AwareDatetime
    until: AwareDatetime
    grain_s: int
    fields: dict[str, list[Point]]


class Sightings(Part):
    """What HQ saw at a node's public address, newest first."""

    node: str
    sightings: list[Sighting]


class Day(Part):
    """One day: seconds judged, of these seconds down, seconds of maintenance, and the share up (none: not judged)."""

    day: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    judged_s: float
    down_s: float
    maintenance_s: float
    availability: Annotated[float, Field(ge=0, le=1)] | None


class Availability(Part):
    """A node's days, the oldest first, and the share up over all of them."""

    node: str
    timezone: str
    availability: Annotated[float, Field(ge=0, le=1)] | None
    days: list[Day]


class DeploymentStands(Part):
    """A deployment that stands."""

    node: str
    run: str
    until: AwareDatetime


class Turn(Part):
    """One turn of an incident."""

    at: AwareDatetime
    severity: Severity
    what: Literal["opened", "escalated", "closed"]


class Incident(Part):
    """A time during which something was not well."""

    id: int
    node: str
    topic: str
    cause: Cause
    verdict: str | None
    detail: str
    severity: Severity
    started_at: AwareDatetime
    escalated_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    end_reason: str | None
    acknowledged_at: AwareDatetime | None
    acknowledged_by: str | None
    acknowledged_note: str | None
    reminded_at: AwareDatetime | None
    flaps: int
    parent: int | None
    duration_s: float | None
    history: list[Turn]
    alerts: list[Alert]


class Incidents(Part):
    """Incidents, open ones first, then the newest."""

    now: AwareDatetime
    timezone: str
    incidents: list[Incident]


class Event(Part):
    """Something that happened; what `detail` holds depends on the kind."""

    id: int
    kind: EventKind
    node: str | None
    at: AwareDatetime
    incident: int | None
    detail: dict[str, Any]


class Events(Part):
    """Events in order."""

    now: AwareDatetime
    events: list[Event]


class Note(Part):
    """What a person wrote about an incident."""

    at: AwareDatetime
    who: str
    text: str


class IncidentStory(Part):
    """One incident with all that happened of it, each in order."""

    now: AwareDatetime
    timezone: str
    incident: Incident
    notes: list[Note]
    events: list[Event]


class MaintenanceWindow(Part):
    """A window of maintenance; `until` is set while it holds, `next` says when it begins next."""

    id: str
    source: Literal["fleet", "person", "run"]
    kind: str
    scope: list[str]
    spec: str
    zone: str
    minutes: int
    reason: str
    who: str
    until: AwareDatetime | None
    next: AwareDatetime | None


class MaintenanceWindows(Part):
    """Every window that holds or is to come; first those that hold."""

    now: AwareDatetime
    timezone: str
    windows: list[MaintenanceWindow]


class Job(Part):
    """A job of the schedule: when it comes next, and what became of it last; `good` is when it last ended well."""

    job: str
    zone: str
    missed: Missed
    within_s: int
    next: AwareDatetime | None
    state: JobState | None
    began: AwareDatetime | None
    ended: AwareDatetime | None
    words: str
    run: str | None
    good: AwareDatetime | None
    incident: int | None


class Jobs(Part):
    """Every job, in the fleet file's order."""

    now: AwareDatetime
    timezone: str
    jobs: list[Job]


class Reloaded(Part):
    """The fleet was read again."""

    ok: Literal[True]
    nodes: int


class Token(Part):
    """A token for the API, without its secret, which is kept nowhere."""

    name: str
    person: str
    role: Role
    created_at: AwareDatetime
    expires_at: AwareDatetime


class NewToken(Token):
    """A token with its secret, in the one answer that ever holds it."""

    secret: str


class KeysDropped(Part):
    """What a person held until now: so many sessions of pages and links to sign in; tokens by their names."""

    person: str
    sessions: int
    tokens: list[str]


class Tokens(Part):
    """Every token that is good for something, the oldest first."""

    tokens: list[Token]
