"""Incidents in a chat: what is wrong where, since when, and who looks after it."""

from collections.abc import Mapping, Sequence
from typing import Any

from noc.agent.words.message import Message
from noc.agent.words.moments import ago, moment, on_clock
from noc.agent.words.neutral import neutral
from noc.agent.words.plan import SHOWN

Document = Mapping[str, Any]
_DETAIL = 200


def incident_line(incident: Document, now: str) -> str:
    """An incident in one line: number, severity, subject, what, since when, who has it."""
    over = f"over, {incident['end_reason'] or 'closed'}" if incident["ended_at"] else ""
    taken = f"{incident['acknowledged_by']} has it" if incident["acknowledged_by"] and not over else ""
    since = f"since {ago(incident['started_at'], now)}"
    said = ", ".join(filter(None, (neutral(incident["detail"], _DETAIL), since, taken, over)))
    return f"{incident['id']} {incident['severity']} {incident['node']}: {said}"


def incidents_message(incidents: Sequence[Document], now: str, *, only_open: bool) -> Message:
    """Incidents, a line each."""
    if not incidents:
        return Message("no incident is open" if only_open else "there are no incidents")
    count = len(incidents)
    more = (f"and {count - SHOWN} more",) if count > SHOWN else ()
    title = f"{count} open" if only_open else f"the last {count} incidents"
    return Message(title, (*(incident_line(each, now) for each in incidents[:SHOWN]), *more))


def incident_message(story: Document) -> Message:
    """One incident with what people wrote of it."""
    incident, timezone = story["incident"], story["timezone"]
    notes = [
        f"{on_clock(at, timezone)} {note['who']}: {neutral(note['text'], _DETAIL)}"
        for note in story["notes"][-SHOWN:]
        if (at := moment(note["at"]))
    ]
    return Message(incident_line(incident, story["now"]), tuple(notes))
