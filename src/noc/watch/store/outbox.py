"""Rows of the outbox: an alert waits there once for each channel that it goes to, until an outcome is known.

Alerts are queued in the transaction that stores the incident; which channels they go to is a `Router`'s to say.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, select, update

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


def alert_made(incident: Incident, kind: AlertKind) -> int:
    """When an incident came to deserve an alert of a kind (ms UTC)."""
    stamps = {
        "opened": incident.reopened,
        "reminder": incident.reminded,
        "acknowledged": incident.acked,
        "escalated": incident.escalated,
        "closed": incident.ended,
    }
    return stamps[kind] or incident.started


def alert_id(incident: Incident, kind: AlertKind) -> str:
    """The alert's name on every channel and in every attempt; what can happen again to an incident carries its time."""
    name = f"{incident.id}-{incident.started // 1000}-{kind}"
    return name if kind == "opened" and not incident.flaps else f"{name}-{alert_made(incident, kind) // 1000}"


def queue_alert(saved: IncidentSaved, route: Router, connection: Connection) -> None:
    """Queue the alert of a saved incident where it goes; one that is there already stays as it is."""
    assert saved.alert is not None
    incident, name = saved.incident, alert_id(saved.incident, saved.alert)
    row = {"id": name, "incident": incident.id, "kind": saved.alert, "created": alert_made(incident, saved.alert)}
    for channel, due in route(incident, saved.alert, _before(incident.id, connection)).items():
        _insert(row | {"channel": channel, "due": due}, connection)


def queue_message(message: MessageQueued, connection: Connection) -> None:
    """Queue a message about no incident; one that is there already stays as it is."""
    row = {"id": message.id, "channel": message.channel, "kind": message.kind, "message": message.message}
    _insert(row | {"created": message.created, "expires": message.expires}, connection)


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
    same = and_(outbox.c.id == row["id"], outbox.c.channel == row["channel"])
    if not connection.scalar(select(func.count()).select_from(outbox).where(same)):
        connection.execute(insert(outbox).values({"attempts": 0, "last_error": ""} | row))
