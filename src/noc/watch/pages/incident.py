"""One incident's page, and the list of all: what happened when, who was told, who took it over, what they wrote."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from noc.errors import NotFound
from noc.watch.clock import now, span
from noc.watch.pages.dashboard import Dashboard, title
from noc.watch.pages.look import Look
from noc.watch.pages.lookup import (
    Alert,
    Wanted,
    alerts_of,
    children,
    events_of_incident,
    find_incident,
    find_incidents,
    notes_of,
)
from noc.watch.pages.sentences import sentence
from noc.watch.pages.views import Rendered
from noc.watch.service.watch import Watch
from noc.watch.store.records import Event, Incident, Note, Sighting
from noc.watch.store.sightings import sightings

PAGE: Final = 50
LOOKS: Final = 200
OWN_KINDS: Final = {
    "incident-opened",
    "incident-escalated",
    "incident-closed",
    "acknowledged",
    "note",
    "alert-sent",
    "alert-failed",
}
"""Events whose matter stands in the incident itself, its alerts or its notes, with more to say."""


@dataclass(frozen=True, order=True)
class Turn:
    """One line of an incident's timeline: when (ms UTC), which kind of thing, and in words."""

    at: int
    kind: str
    text: str
    said: str = ""


@dataclass
class IncidentView:
    """One incident."""

    watch: Watch
    look: Look
    dashboard: Dashboard
    number: int
    incident: Incident | None = None
    document: str = "incident.html"
    table: str = ""

    async def render(self) -> Rendered:
        """All parts as they are now. Raises NotFound."""
        engine = self.watch.store.engine
        incident = await asyncio.to_thread(find_incident, engine, self.number)
        if incident is None:
            raise NotFound(f"there is no incident {self.number}")
        self.incident = incident
        alerts = (await asyncio.to_thread(alerts_of, engine, [self.number])).get(self.number, [])
        notes = await asyncio.to_thread(notes_of, engine, self.number)
        events = await asyncio.to_thread(events_of_incident, engine, self.number)
        looks = await asyncio.to_thread(sightings, engine, incident.node, LOOKS)
        others = await asyncio.to_thread(children, engine, self.number)
        await self.dashboard.refresh()
        moment = now()
        seen = self.dashboard.statuses(moment)[1]
        known = incident.node in self.watch.config.nodes
        turns = timeline(incident, alerts, notes, events, looks)
        parts = {
            "summary": self.dashboard.strip(moment, seen),
            "facts": self.look.render(
                "incident_facts.html", moment, incident=incident, known=known, others=others, alerts=alerts
            ),
            "timeline": self.look.render("timeline.html", moment, turns=turns),
        }
        return Rendered(moment, title(seen, f"incident {incident.id}, {incident.node}"), parts)


@dataclass
class IncidentList:
    """A page of incidents, the newest first."""

    watch: Watch
    look: Look
    dashboard: Dashboard
    wanted: Wanted
    document: str = "incident_list.html"
    table: str = "list"

    async def render(self) -> Rendered:
        """All parts as they are now."""
        found = await asyncio.to_thread(find_incidents, self.watch.store.engine, self.wanted, PAGE + 1)
        await self.dashboard.refresh()
        moment = now()
        seen = self.dashboard.statuses(moment)[1]
        rows = {
            f"incident-{each.id}": self.look.render("incident_row.html", moment, incident=each) for each in found[:PAGE]
        }
        older = found[PAGE - 1].id if len(found) > PAGE else None
        table = self.look.render(
            "incident_rows.html", moment, lines=rows.values(), older=older, query=older_query(self.wanted, older)
        )
        parts = {"summary": self.dashboard.strip(moment, seen), "list": table}
        return Rendered(moment, title(seen, "incidents"), parts, rows)


def older_query(wanted: Wanted, older: int | None) -> Mapping[str, str]:
    """The fields of the address of the next page."""
    fields = {"state": wanted.standing, "severity": wanted.severity or "", "node": wanted.node, "before": older or ""}
    return {name: str(value) for name, value in fields.items() if value and value != "all"}


def timeline(
    incident: Incident,
    alerts: Sequence[Alert],
    notes: Sequence[Note],
    events: Sequence[Event],
    looks: Sequence[Sighting],
) -> list[Turn]:
    """Everything that belongs to an incident, in the order in which it happened."""
    turns = [*_own(incident), *map(_alert, alerts), *_looks(incident, looks)]
    turns += [Turn(note.at, "note", f"{note.who} wrote", note.text) for note in notes]
    turns += [Turn(event.at, event.kind, sentence(event)) for event in events if event.kind not in OWN_KINDS]
    return sorted(turns)


def _own(incident: Incident) -> Iterable[Turn]:
    first = "SEV1" if incident.severity == "SEV1" and incident.escalated is None else "SEV2"
    yield Turn(incident.started, "opened", f"opened as {first}", incident.detail)
    if incident.reopened is not None:
        yield Turn(incident.reopened, "opened", f"began anew, {incident.flaps} times by now")
    if incident.escalated is not None:
        yield Turn(incident.escalated, "escalated", f"SEV1 after {span(incident.escalated - incident.started)}")
    if incident.acked is not None:
        yield Turn(incident.acked, "acked", f"{incident.acked_by} took it over", incident.ack_note)
    if incident.ended is not None:
        lasted = span(incident.ended - incident.started)
        yield Turn(incident.ended, "closed", f"closed after {lasted}", incident.end_reason)


def _alert(alert: Alert) -> Turn:
    tries = f", {alert.attempts} failed tries" if alert.attempts else ""
    if alert.sent is not None:
        return Turn(alert.sent, "sent", f"{alert.channel} told: {alert.kind}{tries}")
    words = {"told": "another message said it", "expired": "too late to be of use", "failed": "failed"}
    became = words.get(alert.outcome, "waits")
    return Turn(alert.created, "waits", f"{alert.channel}: {alert.kind} {became}{tries}", alert.last_error)


def _looks(incident: Incident, looks: Sequence[Sighting]) -> Iterable[Turn]:
    """What the second witness saw, from the last look before the start to the first after the end: the changes."""
    until = incident.ended
    before: tuple[bool, str] | None = None
    for each in reversed(looks):
        if until is not None and each.at > until + 60_000:
            break
        saw = each.ok, each.stage
        if each.at >= incident.started - 60_000 and saw != before:
            fails = f"the public address fails ({each.stage})"
            yield Turn(each.at, "saw", "the public address serves" if each.ok else fails, each.detail)
        before = saw
