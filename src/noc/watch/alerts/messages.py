"""Which messages the waiting alerts become, and what each says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from noc.fleet.model import Fleet
from noc.watch.alerts.channels import Message
from noc.watch.clock import local, span
from noc.watch.store.records import AlertKind, Incident

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


def _page(fleet: Fleet) -> str:
    return f"https://{fleet.hub.names[0]}.{fleet.domain}/" if fleet.hub.names else f"https://{fleet.domain}/"
