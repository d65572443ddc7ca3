"""What the local API and the page read from the database. Each runs in a thread of its own, beside the writer."""

from typing import Any

from sqlalchemy import Engine, RowMapping, or_, select

from noc.watch.clock import iso
from noc.watch.store.records import Key
from noc.watch.store.schema import events, heartbeats, incidents, keys, notes, outbox

Document = dict[str, Any]


def read_heartbeats(engine: Engine, node: str, limit: int) -> list[Document]:
    """A node's pushes, newest first, those that reported a death included."""
    newest = heartbeats.c.at.desc(), heartbeats.c.id.desc()
    query = select(heartbeats).where(heartbeats.c.node == node).order_by(*newest).limit(limit)
    return [_heartbeat(row) for row in _rows(engine, query)]


def read_incidents(
    engine: Engine, *, only_open: bool, limit: int, timezone: str, node: str = "", since: int | None = None
) -> Document:
    """Incidents, open ones first, then the newest, with the alerts that went out for each.

    Args:
        node: only its incidents; "" for all.
        since: only those that were open at some time from then on (ms UTC).
    """
    query = select(incidents).order_by(incidents.c.ended.is_not(None), incidents.c.id.desc()).limit(limit)
    if only_open:
        query = query.where(incidents.c.ended.is_(None))
    if node:
        query = query.where(incidents.c.node == node)
    if since is not None:
        query = query.where(or_(incidents.c.ended.is_(None), incidents.c.ended >= since))
    rows = _rows(engine, query)
    alerts: dict[int, list[Document]] = {row["id"]: [] for row in rows}
    for row in _rows(engine, select(outbox).where(outbox.c.incident.in_(alerts)).order_by(outbox.c.created)):
        alerts[row["incident"]].append(_alert(row))
    return {"timezone": timezone, "incidents": [incident_document(row, alerts[row["id"]]) for row in rows]}


def read_incident(engine: Engine, number: int) -> Document | None:
    """One incident with its alerts, its notes and what happened of it, each in order; None where there is none."""
    rows = _rows(engine, select(incidents).where(incidents.c.id == number))
    if not rows:
        return None
    alerts = _rows(engine, select(outbox).where(outbox.c.incident == number).order_by(outbox.c.created))
    written = _rows(engine, select(notes).where(notes.c.incident == number).order_by(notes.c.id))
    happened = _rows(engine, select(events).where(events.c.incident == number).order_by(events.c.id))
    return {
        "incident": incident_document(rows[0], [_alert(row) for row in alerts]),
        "notes": [{"at": iso(row["at"]), "who": row["who"], "text": row["text"]} for row in written],
        "events": [_event(row) for row in happened],
    }


def read_outbox(engine: Engine, *, only_waiting: bool, limit: int) -> list[Document]:
    """What goes or went out, the newest first, each with its incident's number and subject."""
    query = select(outbox, incidents.c.node).outerjoin(incidents, incidents.c.id == outbox.c.incident)
    if only_waiting:
        query = query.where(outbox.c.outcome == "")
    rows = _rows(engine, query.order_by(outbox.c.created.desc(), outbox.c.id).limit(limit))
    return [
        _alert(row)
        | {"created_at": iso(row["created"]), "incident": row["incident"]}
        | {"node": row["node"], "message": row["message"]}
        for row in rows
    ]


def read_events(engine: Engine, *, after: int, limit: int) -> list[Document]:
    """Events in order, from the one behind `after` on."""
    query = select(events).where(events.c.id > after).order_by(events.c.id).limit(limit)
    return [_event(row) for row in _rows(engine, query)]


def last_events(engine: Engine, limit: int) -> list[Document]:
    """The newest events, newest first."""
    return [_event(row) for row in _rows(engine, select(events).order_by(events.c.id.desc()).limit(limit))]


def pushes_since(engine: Engine, at: int) -> list[tuple[str, int, bool]]:
    """Every push since a time (ms): node, when it was received, whether it reported life."""
    query = select(heartbeats.c.node, heartbeats.c.at, heartbeats.c.up).where(heartbeats.c.at >= at)
    return [(row["node"], row["at"], row["up"]) for row in _rows(engine, query)]


def read_keys(engine: Engine) -> list[Key]:
    """Every key that was given away and not taken back, the oldest first, those that have expired included."""
    return [Key(**row) for row in _rows(engine, select(keys).order_by(keys.c.created))]


def has_incident(engine: Engine, number: int) -> bool:
    """Whether there is, or was, an incident of that number."""
    return bool(_rows(engine, select(incidents.c.id).where(incidents.c.id == number)))


def incident_document(row: RowMapping, alerts: list[Document]) -> Document:
    """One incident as the API shows it: its severity's history is in it, duration in seconds."""
    at_first = "SEV2" if row["escalated"] is not None else row["severity"]
    history = [{"at": iso(row["started"]), "severity": at_first, "what": "opened"}]
    if row["escalated"] is not None:
        history.append({"at": iso(row["escalated"]), "severity": "SEV1", "what": "escalated"})
    if row["ended"] is not None:
        history.append({"at": iso(row["ended"]), "severity": row["severity"], "what": "closed"})
    return {
        "id": row["id"],
        "node": row["node"],
        "topic": row["topic"],
        "cause": row["cause"],
        "verdict": row["verdict"] or None,
        "detail": row["detail"],
        "severity": row["severity"],
        "started_at": iso(row["started"]),
        "escalated_at": _iso(row["escalated"]),
        "ended_at": _iso(row["ended"]),
        "end_reason": row["end_reason"] or None,
        "acknowledged_at": _iso(row["acked"]),
        "acknowledged_by": row["acked_by"] or None,
        "acknowledged_note": row["ack_note"] or None,
        "reminded_at": _iso(row["reminded"]),
        "flaps": row["flaps"],
        "parent": row["parent"],
        "duration_s": None if row["ended"] is None else (row["ended"] - row["started"]) / 1000,
        "history": history,
        "alerts": alerts,
    }


def _rows(engine: Engine, query: Any) -> list[RowMapping]:  # noqa: ANN401 - any select
    with engine.connect() as connection:
        return list(connection.execute(query).mappings())


def _iso(at: int | None) -> str | None:
    return None if at is None else iso(at)


def _heartbeat(row: RowMapping) -> Document:
    return {
        "at": iso(row["at"]),
        "status": "up" if row["up"] else "down",
        "msg": row["msg"],
        "ping": row["ping"],
        "seq": row["seq"],
        "boot": row["boot"],
        "version": row["version"],
        "sent_at": _iso(row["sent"]),
        "telemetry": row["telemetry"],
        "warn": row["warn"] or None,
    }


def _alert(row: RowMapping) -> Document:
    return {
        "id": row["id"],
        "channel": row["channel"],
        "kind": row["kind"],
        "failed_tries": row["attempts"],
        "last_error": row["last_error"] or None,
        "due_at": _iso(row["due"]),
        "sent_at": _iso(row["sent"]),
        "outcome": row["outcome"] or "waiting",
    }


def _event(row: RowMapping) -> Document:
    return {
        "id": row["id"],
        "kind": row["kind"],
        "node": row["node"],
        "at": iso(row["at"]),
        "incident": row["incident"],
        "detail": row["detail"],
    }
