"""What each message says: short, the worst first, with the fleet's clock and UTC beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from noc.fleet.model import Fleet
from noc.watch.alerts.channels import Level, Message
from noc.watch.alerts.deliveries import Delivery, Note, Waiting
from noc.watch.clock import local, span
from noc.watch.store.records import Incident

LATE_MS: Final = 300_000
TITLE_CHARS: Final = 120
TEXT_BYTES: Final = 3_500
DETAIL_CHARS: Final = 100
BARE_CHARS: Final = 300
MOST_OPEN: Final = 5
NOT_STORED: Final = "Not stored: the watch's database is in trouble, see noc watch stats."
_LIVENESS: Final = {"death": "its service died", "public": "its public address does not serve"}


def compose(
    delivery: Delivery, fleet: Fleet, now: int, *, acknowledge: str = "", still: Sequence[Incident] | None = None
) -> Message:
    """The words of one message about one or more incidents.

    Args:
        delivery: what it speaks of.
        now: ms UTC; a message that comes late says so.
        acknowledge: the address that takes the one incident over, if there is such an address.
        still: the incidents that are open, which a message about the end of others names; None where that is unknown.
    """
    several = len(delivery.alerts) > 1
    message = _several(delivery, fleet) if several else _one(delivery.alerts[0], delivery, fleet, acknowledge)
    over = [_still_open(still, fleet)] if message.level == "recovery" and still is not None else []
    text = " ".join([message.text, *over, *_remarks(delivery.alerts, now)])
    return replace(message, id=f"{fleet.name}-{delivery.id}", title=_cut(message.title, TITLE_CHARS), text=text)


def compose_note(note: Note, fleet: Fleet) -> Message:
    """The words of a briefing or a test, which were chosen when it was queued."""
    level: Level = "briefing" if note.kind == "briefing" else "notice"
    return Message(f"{fleet.name}-{note.id}", level, note.message["title"], note.message["text"], page(fleet))


def bare(message: Message) -> Message:
    """The same message without anything that a receiver could dislike but its being there."""
    title, text = (part.encode("ascii", "replace").decode() for part in (message.title, message.text))
    return replace(message, title=title, text=text[:BARE_CHARS], click="", acknowledge="")


def page(fleet: Fleet, path: str = "") -> str:
    """An address on HQ's site for operators."""
    site = f"{fleet.hub.names[0]}.{fleet.domain}" if fleet.hub.names else fleet.domain
    return f"https://{site}/{path}"


def subject(incident: Incident, fleet: Fleet) -> str:
    """What an incident is about, as people call it."""
    if incident.node == fleet.hub.name:
        return f"HQ ({incident.node})"
    group, _, name = incident.node.removeprefix("@").partition("/")
    if not incident.node.startswith("@"):
        return incident.node
    return f"{group} {name}" if name else "the fleet"


def _one(alert: Waiting, delivery: Delivery, fleet: Fleet, acknowledge: str) -> Message:
    incident = alert.incident
    sentences = [_story(incident, fleet), *_at_fault(incident), *_taken_over(incident)]
    if children := delivery.children.get(incident.id):
        sentences.append(f"It stands for {', '.join(child.node for child in children)}.")
    text = _cut(" ".join(sentences), TEXT_BYTES // 4) + f" Incident {incident.id}."
    click = page(fleet, f"incidents/{incident.id}")
    open_key = acknowledge if incident.ended is None and incident.acked is None else ""
    return Message("", _level(alert), _title(alert, fleet), text, click, open_key)


def _level(alert: Waiting) -> Level:
    if alert.incident.ended is not None:
        return "recovery"
    return "notice" if alert.kind == "acknowledged" else alert.incident.severity


def _title(alert: Waiting, fleet: Fleet) -> str:
    incident, name = alert.incident, subject(alert.incident, fleet)
    if incident.ended is not None:
        lasted = span(incident.ended - incident.started)
        was = "up and down for" if incident.flaps else "down"
        return f"Recovered: {name} was {was} {lasted}" if _is_liveness(incident) else f"Over: {name}: {incident.topic}"
    if alert.kind == "acknowledged":
        return f"{name}: {incident.acked_by} has taken over"
    if alert.kind == "reminder":
        asked = (incident.reminded or incident.started) - incident.started
        return f"{incident.severity} {name}: nobody has taken over for {span(asked)}"
    if alert.kind == "escalated" and incident.escalated is not None and _is_liveness(incident):
        return f"SEV1 {name} has been down for {span(incident.escalated - (incident.reopened or incident.started))}"
    return f"{incident.severity} {name}: {'flapping, ' if incident.flaps else ''}{_what(incident)}"


def _is_liveness(incident: Incident) -> bool:
    return incident.topic == "liveness"


def _what(incident: Incident) -> str:
    if not _is_liveness(incident):
        return incident.topic
    return "lost" if incident.cause == "correlated" else _LIVENESS.get(incident.cause, "no heartbeat")


def _story(incident: Incident, fleet: Fleet) -> str:
    city = next((f" ({node.city})" for node in fleet.nodes if node.name == incident.node), "")
    name, started = f"{subject(incident, fleet)}{city}", local(incident.started, fleet.timezone)
    state = "down" if _is_liveness(incident) else "not well"
    if incident.flaps:
        state += f" again and again ({_times(incident.flaps)} so far)"
    if incident.ended is not None:
        ended = local(incident.ended, fleet.timezone)
        return f"{name} was {state} from {started} to {ended}: {incident.detail}. Now: {incident.end_reason}."
    if incident.escalated is not None:
        return f"{name} is still {state}. Since {started}: {incident.detail}."
    return f"{name} is {state} since {started}: {incident.detail}."


def _times(flaps: int) -> str:
    return "once more" if flaps == 1 else f"{flaps} times more"


def _at_fault(incident: Incident) -> list[str]:
    return [f"At fault: {incident.verdict}."] if incident.verdict else []


def _taken_over(incident: Incident) -> list[str]:
    note = f": {incident.ack_note}" if incident.ack_note else ""
    return [f"{incident.acked_by} has taken over{note}."] if incident.acked is not None else []


def _remarks(alerts: Sequence[Waiting], now: int) -> list[str]:
    """What people must know about the message itself: that it is late, and that it is remembered nowhere."""
    late = now - min(alert.due or alert.created for alert in alerts)
    remarks = [f"Told {span(late)} late."] if late > LATE_MS else []
    return remarks if all(alert.stored for alert in alerts) else [*remarks, NOT_STORED]


def _still_open(still: Sequence[Incident], fleet: Fleet) -> str:
    if not still:
        return "Nothing else is open."
    named = [f"{incident.severity} {subject(incident, fleet)}" for incident in still[:MOST_OPEN]]
    more = [f"{len(still) - MOST_OPEN} more"] if len(still) > MOST_OPEN else []
    return f"Still open: {', '.join([*named, *more])}."


def _several(delivery: Delivery, fleet: Fleet) -> Message:
    incidents = [alert.incident for alert in delivery.alerts]
    still = [incident for incident in incidents if incident.ended is None]
    counts = {word: sum(incident.severity == word for incident in still) for word in ("SEV1", "SEV2")}
    parts = [f"{count} {word}" for word, count in counts.items() if count]
    if over := len(incidents) - len(still):
        parts.append(f"{over} over")
    level: Level = "recovery" if not still else "SEV1" if counts["SEV1"] else "SEV2"
    title = f"{len(incidents)} incidents: {', '.join(parts)}"
    return Message("", level, title, _lines(incidents, delivery.children, fleet), page(fleet))


def _lines(incidents: Sequence[Incident], children: Mapping[int, tuple[Incident, ...]], fleet: Fleet) -> str:
    """A line an incident; where they are too many, their names alone, so that each is still named."""
    lines = [_line(incident, children.get(incident.id, ()), fleet) for incident in incidents]
    text = "\n".join(lines)
    if len(text.encode()) > TEXT_BYTES:
        text = ", ".join(f"{subject(each, fleet)}{' (over)' if each.ended is not None else ''}" for each in incidents)
    return _cut(text, TEXT_BYTES // 4) if len(text.encode()) > TEXT_BYTES else text


def _line(incident: Incident, children: Sequence[Incident], fleet: Fleet) -> str:
    name, started = subject(incident, fleet), local(incident.started, fleet.timezone)[:8]
    if children:
        name += f" (for {', '.join(child.node for child in children)})"
    if incident.ended is not None:
        return f"over: {name}, {_what(incident)} at {started} for {span(incident.ended - incident.started)}"
    taken = f", {incident.acked_by} has taken over" if incident.acked is not None else ""
    return f"{incident.severity} {name} since {started}: {_cut(incident.detail, DETAIL_CHARS)}{taken}"


def _cut(text: str, most: int) -> str:
    """At most so many characters, and no control characters."""
    plain = "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
