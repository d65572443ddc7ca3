"""Rows of the outbox: an alert waits there once for each channel that it goes to, until an outcome is known.

Alerts are queued in the transaction that stores the incident; which channels they go to is a `Router`'s to say.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from noc.watch.clock import now
from noc.watch.store.records import (
    AlertDropped,
    AlertFailed,
    AlertKind,
    AlertMoved,
    AlertSent,
    Incident,
    IncidentSaved,
    MessageQueued,
)
from noc.watch.store.schema import outbox

Dues = Mapping[str, int | None]
"""Channel → the time (ms UTC) before which nothing is sent there; None for at once."""

Router = Callable[[Incident, AlertKind, Dues], Dues]
"""Says where an alert goes, from the incident, the kind, and where earlier alerts of the incident went. Never fails."""

WAITING = outbox.c.outcome == ""


def nowhere(_incident: Incident, _kind: AlertKind, _before: Dues) -> Dues:
    """The router of a database that nobody is told from."""
    return {}


def alert_id(incident: Incident, kind: AlertKind, number: int = 1) -> str:
    """The alert's name on every channel and in every attempt; `number` counts those of a kind, which may come again."""
    name = f"{incident.id}-{incident.started // 1000}-{kind}"
    return name if number == 1 else f"{name}-{number}"


def queue_alert(saved: IncidentSaved, route: Router, connection: Connection) -> None:
    """Queue the alert of a saved incident where it goes; where one of its kind still waits, that says it all."""
    assert saved.alert is not None
    incident, kind = saved.incident, saved.alert
    row = {"incident": incident.id, "kind": kind, "created": now().wall}
    for channel, due in route(incident, kind, _before(incident.id, connection)).items():
        same = and_(outbox.c.incident == incident.id, outbox.c.kind == kind, outbox.c.channel == channel)
        outcomes = list(connection.scalars(select(outbox.c.outcome).where(same)))
        if "" not in outcomes:
            name = alert_id(incident, kind, len(outcomes) + 1)
            _insert(row | {"id": name, "channel": channel, "due": due}, connection)


def queue_message(message: MessageQueued, connection: Connection) -> None:
    """Queue a message about no incident; one that is there already stays as it is."""
    same = and_(outbox.c.id == message.id, outbox.c.channel == message.channel)
    if not connection.scalar(select(func.count()).select_from(outbox).where(same)):
        _insert(asdict(message), connection)


def settle(record: AlertSent | AlertDropped, connection: Connection) -> None:
    """Write down what became of alerts that waited."""
    match record:
        case AlertSent():
            values: dict[str, Any] = {"outcome": "sent", "sent": record.at, "last_error": ""}
        case AlertDropped():
            values = {"outcome": record.outcome}
    waiting = and_(WAITING, outbox.c.channel == record.channel, outbox.c.id.in_(record.alerts))
    connection.execute(update(outbox).where(waiting).values(values))


def note_failure(record: AlertFailed, connection: Connection) -> None:
    """Count an attempt that failed, and keep why."""
    failed = and_(outbox.c.channel == record.channel, outbox.c.id.in_(record.alerts))
    values = {"attempts": outbox.c.attempts + 1, "last_error": record.error[:500]}
    connection.execute(update(outbox).where(failed).values(values))


def move(record: AlertMoved, connection: Connection) -> None:
    """Let what waits on one channel wait on another, but for alerts that are there already."""
    waiting = and_(WAITING, outbox.c.channel == record.channel)
    there = select(outbox.c.id).where(outbox.c.channel == record.to)
    connection.execute(delete(outbox).where(waiting, outbox.c.id.in_(there)))
    connection.execute(update(outbox).where(waiting).values(channel=record.to, due=None))


def _before(incident: int, connection: Connection) -> dict[str, int | None]:
    """Where alerts of an incident were queued, and until when the first of them waits there; None: for nothing."""
    query = select(outbox.c.channel, outbox.c.due, outbox.c.outcome).where(outbox.c.incident == incident)
    dues: dict[str, int | None] = {}
    for channel, due, outcome in connection.execute(query.order_by(outbox.c.created)):
        earlier = dues.get(channel, due)
        dues[channel] = None if due is None or earlier is None or outcome else min(due, earlier)
    return dues


def _insert(row: dict[str, Any], connection: Connection) -> None:
    connection.execute(insert(outbox).values({"attempts": 0, "last_error": ""} | row))
