"""Which messages the waiting alerts become, and what each says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from noc.fleet.model import Fleet
from noc.watch.channels import Message
from noc.watch.records import AlertKind, Incident

ORDER: dict[AlertKind, int] = {"opened": 0, "escalated": 1, "closed": 2}


@dataclass(frozen=True)
class Waiting:
    """An alert in the outbox that has not gone out, with its incident as it stands now."""

    id: str
    kind: AlertKind
    created: int
    attempts: int
    incident: Incident


@dataclass(frozen=True)
class Delivery:
    """One message to send: the alert that it is, and all alerts that it settles."""

    alert: Waiting
    settles: tuple[str, ...]


def deliveries(waiting: Iterable[Waiting]) -> list[Delivery]:
    """What to send, oldest first: one message an alert, but only the recovery of an incident that is over."""
    by_incident = sorted(waiting, key=lambda alert: (alert.incident.id, ORDER[alert.kind]))
    found = [
        each
        for _, alerts in groupby(by_incident, key=lambda alert: alert.incident.id)
        for each in _of_incident(list(alerts))
    ]
    return sorted(found, key=lambda each: each.alert.created)


def _of_incident(alerts: Sequence[Waiting]) -> list[Delivery]:
    if alerts[0].incident.ended is None:
        return [Delivery(alert, (alert.id,)) for alert in alerts]
    return [Delivery(alerts[-1], tuple(alert.id for alert in alerts))]


def compose(alert: Waiting, fleet: Fleet) -> Message:
    """The words of one message. Times are the fleet's, with UTC beside them."""
    incident = alert.incident
    city = next((f" ({node.city})" for node in fleet.nodes if node.name == incident.node), "")
    started = local(incident.started, fleet.timezone)
    number = f"Incident {incident.id}."
    if incident.ended is not None:
        title = f"Recovered: {incident.node} was down {span(incident.ended - incident.started)}"
        ended = local(incident.ended, fleet.timezone)
        text = (
            f"{incident.node}{city} was down from {started} to {ended}: {incident.detail}. Now: {incident.end_reason}."
        )
        return Message(f"{fleet.name}-{alert.id}", "recovery", title, f"{text} {number}", _page(fleet))
    if alert.kind == "escalated":
        assert incident.escalated is not None
        title = f"SEV1 {incident.node} has been down for {span(incident.escalated - incident.started)}"
        text = f"{incident.node}{city} is still down. Since {started}: {incident.detail}. {number}"
        return Message(f"{fleet.name}-{alert.id}", "SEV1", title, text, _page(fleet))
    what = "its service died" if incident.cause == "death" else "no heartbeat"
    text = f"{incident.node}{city} is down since {started}: {incident.detail}. {number}"
    return Message(f"{fleet.name}-{alert.id}", "SEV2", f"SEV2 {incident.node}: {what}", text, _page(fleet))


def local(at: int, timezone: str) -> str:
    """A time (ms UTC) on the fleet's clock with UTC beside it: `14:03:22 CET (13:03:22 UTC, 2026-03-01)`."""
    moment = datetime.fromtimestamp(at / 1000, UTC)
    there = moment.astimezone(ZoneInfo(timezone))
    return f"{there:%H:%M:%S %Z} ({moment:%H:%M:%S} UTC, {moment:%Y-%m-%d})"


def span(ms: int) -> str:
    """A duration in its two largest units: `41 s`, `5 min 3 s`, `2 h 10 min`, `3 d 4 h`."""
    seconds = max(0, round(ms / 1000))
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts = []
    for unit, size in units:
        count, seconds = divmod(seconds, size)
        parts.append((count, unit))
    first = next((index for index, (count, _) in enumerate(parts) if count), 3)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count) or "0 s"


def _page(fleet: Fleet) -> str:
    return f"https://{fleet.hub.names[0]}.{fleet.domain}/" if fleet.hub.names else f"https://{fleet.domain}/"
