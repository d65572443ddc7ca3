"""What the pages read from the database, as values. Each look-up runs in a thread of its own, beside the writer."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Engine, RowMapping, Select, select

from noc.watch.store.records import Event, Incident, Note, Severity
from noc.watch.store.schema import events, incidents, notes, outbox, rollups

MINUTE: Final = 60
MOST_ALERTS: Final = 500
MOST_EVENTS: Final = 500

Standing = Literal["open", "closed", "all"]


@dataclass(frozen=True, slots=True)
class Alert:
    """One message about an incident on one channel, and what became of it. Times are ms UTC.

    Attributes:
        outcome: `sent`, `told`, `expired`, `failed`; "" while it waits.
    """

    channel: str
    kind: str
    created: int
    attempts: int
    last_error: str
    sent: int | None
    outcome: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which incidents are asked for; `before` is the number of the last one on the page before, None for the first."""

    standing: Standing = "all"
    severity: Severity | None = None
    node: str = ""
    before: int | None = None


def open_incidents(engine: Engine, limit: int) -> list[Incident]:
    """Open incidents that speak for themselves: worst first, of these the oldest first."""
    query = select(incidents).where(incidents.c.ended.is_(None), incidents.c.parent.is_(None))
    return _incidents(engine, query.order_by(incidents.c.severity, incidents.c.started).limit(limit))


def find_incidents(engine: Engine, wanted: Wanted, limit: int) -> list[Incident]:
    """The incidents that are asked for, the newest first."""
    query = select(incidents).where(*_conditions(wanted)).order_by(incidents.c.id.desc())
    return _incidents(engine, query.limit(limit))


def _conditions(wanted: Wanted) -> Iterable[ColumnElement[bool]]:
    if wanted.standing != "all":
        yield incidents.c.ended.is_(None) if wanted.standing == "open" else incidents.c.ended.is_not(None)
    if wanted.severity:
        yield incidents.c.severity == wanted.severity
    if wanted.node:
        yield incidents.c.node == wanted.node
    if wanted.before is not None:
        yield incidents.c.id < wanted.before


def find_incident(engine: Engine, number: int) -> Incident | None:
    """One incident by its number; None for none."""
    return next(iter(_incidents(engine, select(incidents).where(incidents.c.id == number))), None)


def children(engine: Engine, number: int) -> list[Incident]:
    """The incidents for which this one speaks."""
    return _incidents(engine, select(incidents).where(incidents.c.parent == number).order_by(incidents.c.id))


def alerts_of(engine: Engine, numbers: Sequence[int]) -> Mapping[int, list[Alert]]:
    """The alerts of incidents, in the order in which they came to be, by the incident's number."""
    found: dict[int, list[Alert]] = defaultdict(list)
    query = select(outbox).where(outbox.c.incident.in_(numbers)).order_by(outbox.c.created).limit(MOST_ALERTS)
    for row in _rows(engine, query):
        found[row["incident"]].append(Alert(**{name: row[name] for name in Alert.__dataclass_fields__}))
    return found


def notes_of(engine: Engine, number: int) -> list[Note]:
    """What people wrote about an incident, the oldest first."""
    query = select(notes.c.incident, notes.c.at, notes.c.who, notes.c.text).where(notes.c.incident == number)
    return [Note(**row) for row in _rows(engine, query.order_by(notes.c.at, notes.c.id).limit(MOST_EVENTS))]


def events_of_incident(engine: Engine, number: int) -> list[Event]:
    """What happened in an incident, the oldest first."""
    return _events(engine, select(events).where(events.c.incident == number).order_by(events.c.id).limit(MOST_EVENTS))


def events_of_node(engine: Engine, node: str, limit: int) -> list[Event]:
    """What happened to a node last, the newest first."""
    return _events(engine, select(events).where(events.c.node == node).order_by(events.c.id.desc()).limit(limit))


def last_events(engine: Engine, limit: int) -> list[Event]:
    """What happened last in the whole fleet, the newest first."""
    return _events(engine, select(events).order_by(events.c.id.desc()).limit(limit))


def minutes_since(engine: Engine, at: int) -> list[tuple[str, int, dict[str, Any]]]:
    """Telemetry by the minute since a time (ms): node, the minute's begin, field → [least, most, sum, count]."""
    query = select(rollups.c.node, rollups.c.at, rollups.c.fields).where(rollups.c.grain == MINUTE, rollups.c.at >= at)
    return [(row["node"], row["at"], row["fields"]) for row in _rows(engine, query)]


def _incidents(engine: Engine, query: Select[Any]) -> list[Incident]:
    return [Incident(**{name: row[name] for name in Incident.__dataclass_fields__}) for row in _rows(engine, query)]


def _events(engine: Engine, query: Select[Any]) -> list[Event]:
    return [Event(row["kind"], row["node"], row["at"], row["incident"], row["detail"]) for row in _rows(engine, query)]


def _rows(engine: Engine, query: Select[Any]) -> list[RowMapping]:
    with engine.connect() as connection:
        return list(connection.execute(query).mappings())
