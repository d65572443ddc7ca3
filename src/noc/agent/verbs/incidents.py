"""Incidents: listed, told, taken over; and silences, in which nobody is told of some nodes."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from noc.agent.verbs.fields import IncidentArgument, NodesArgument, ReasonArgument, Untrusted, UntrustedLine
from noc.agent.verbs.verb import Answer, Call, Done, Params
from noc.agent.words.incident import incident_message, incidents_message
from noc.agent.words.message import Message
from noc.agent.words.neutral import stripped
from noc.errors import Usage
from noc.fleet.spans import WEEK_MS, read_span

LISTED_MAX = 50
_KEPT = 40
"""Notes and events of an incident that a tool answers with, the newest of them."""


class ListParams(Params):
    """Which incidents."""

    only_open: Annotated[bool, Field(description="Only those that are open; else the newest as well.")] = True
    limit: Annotated[int, Field(ge=1, le=LISTED_MAX)] = 20


class IncidentRow(Answer):
    """One incident. `subject` is a node, HQ, or a group such as @fleet; `parent` is the incident that speaks for it."""

    id: int
    subject: str
    severity: str
    topic: str
    cause: str
    started_at: str
    ended_at: str | None
    acknowledged_by: str | None
    parent: int | None
    untrusted_detail: UntrustedLine


class IncidentList(Answer):
    """Incidents, open ones first, then the newest."""

    now: str
    incidents: list[IncidentRow]


class IncidentParams(Params):
    """Which incident."""

    incident: IncidentArgument


class IncidentNote(Answer):
    """What somebody wrote about an incident."""

    at: str
    who: str
    untrusted_text: UntrustedLine


class IncidentEvent(Answer):
    """Something that happened of an incident."""

    at: str
    kind: str
    untrusted_detail: UntrustedLine


class IncidentShown(Answer):
    """One incident with the newest of its notes and of what happened."""

    now: str
    incident: IncidentRow
    untrusted_acknowledgement: Untrusted
    notes: list[IncidentNote]
    events: list[IncidentEvent]


class AckParams(IncidentParams):
    """Which incident, and what the others should know."""

    note: ReasonArgument = ""


class Acknowledged(Answer):
    """Who has taken which incident over."""

    incident: int
    by: str


class SilenceParams(Params):
    """Of which nodes nobody is told, and for how long."""

    nodes: NodesArgument
    minutes: Annotated[int, Field(ge=1, le=WEEK_MS // 60_000)]
    reason: ReasonArgument = ""


class Silenced(Answer):
    """A silence that stands, by its name."""

    id: str
    nodes: list[str]
    minutes: int


async def list_incidents(call: Call, params: ListParams) -> Done[IncidentList]:
    """Incidents. Raises WatchUnreachable."""
    document = await call.house.watch(call.actor).get(
        "/api/v1/incidents", open=int(params.only_open), limit=params.limit
    )
    rows = document["incidents"]
    answer = IncidentList(now=document["now"], incidents=[incident_row(each) for each in rows])
    return Done(answer, incidents_message(rows, document["now"], only_open=params.only_open))


async def show_incident(call: Call, params: IncidentParams) -> Done[IncidentShown]:
    """One incident. Raises NotFound."""
    story = await call.house.watch(call.actor).get(f"/api/v1/incidents/{params.incident}")
    answer = IncidentShown(
        now=story["now"],
        incident=incident_row(story["incident"]),
        untrusted_acknowledgement=story["incident"]["acknowledged_note"] or "",
        notes=[
            IncidentNote(at=note["at"], who=stripped(note["who"], 64), untrusted_text=note["text"])
            for note in story["notes"][-_KEPT:]
        ],
        events=[_event(event) for event in story["events"][-_KEPT:]],
    )
    return Done(answer, incident_message(story))


async def acknowledge(call: Call, params: AckParams) -> Done[Acknowledged]:
    """Take an incident over. Raises NotFound, and where it has ended."""
    path = f"/api/v1/incidents/{params.incident}/ack"
    await call.house.watch(call.actor).post(path, {"note": params.note})
    done = Acknowledged(incident=params.incident, by=call.actor.name)
    return Done(done, Message(f"incident {params.incident} is {call.actor.name}'s"))


async def silence(call: Call, params: SilenceParams) -> Done[Silenced]:
    """Tell nobody of some nodes for a while; given again for the same nodes it begins anew."""
    from noc.watch.service.windows import silence_name  # noqa: PLC0415 - a tool of a model never needs it

    fleet = await call.house.fleet()
    scope = ["all"] if "all" in params.nodes else [node.name for node in fleet.select(params.nodes)]
    name, reason = silence_name(scope), params.reason or f"{call.actor.name}, by {call.actor.channel}"
    document = {"kind": "silence", "scope": scope, "minutes": params.minutes, "reason": reason}
    await call.house.watch(call.actor).put(f"/api/v1/maintenance/{name}", document)
    title = f"{', '.join(scope)}: silent for {params.minutes} minutes"
    return Done(
        Silenced(id=name, nodes=scope, minutes=params.minutes),
        Message(title, ("ended early, on HQ, by:",), f"noc maintenance end {name}"),
    )


def read_incident(words: Sequence[str]) -> IncidentParams:
    """An incident's number. Raises Usage."""
    return IncidentParams(incident=_number(words[:1], words[1:]))


def read_ack(words: Sequence[str]) -> AckParams:
    """An incident's number, and what the others should know in any number of words. Raises Usage."""
    return AckParams(incident=_number(words[:1]), note=" ".join(words[1:])[:200])


def read_silence(words: Sequence[str]) -> SilenceParams:
    """A span of time, then nodes; none of them for all. Raises Usage."""
    if not words:
        raise Usage("how long is missing", fix="/silence 1h virginia")
    minutes = read_span(words[0], most_ms=WEEK_MS) // 60_000
    return SilenceParams(nodes=list(words[1:]) or ["all"], minutes=minutes)


def read_list(words: Sequence[str]) -> ListParams:
    """Nothing for those that are open, `all` for the newest as well. Raises Usage."""
    if list(words) not in ([], ["all"]):
        raise Usage("that is not all, and nothing else can follow", fix="/incidents all")
    return ListParams(only_open=not words)


def incident_row(incident: Mapping[str, Any]) -> IncidentRow:
    """An incident as the watch describes it."""
    same = ("id", "severity", "topic", "cause", "started_at", "ended_at", "acknowledged_by", "parent")
    return IncidentRow(
        **{name: incident[name] for name in same}, subject=incident["node"], untrusted_detail=incident["detail"]
    )


def _event(event: Mapping[str, Any]) -> IncidentEvent:
    detail = json.dumps(event["detail"], ensure_ascii=False)
    return IncidentEvent(at=event["at"], kind=event["kind"], untrusted_detail=detail)


def _number(words: Sequence[str], rest: Sequence[str] = ()) -> int:
    if rest or not words or not words[0].isascii() or not words[0].isdigit() or len(words[0]) > 15:
        raise Usage("an incident's number is missing", fix="/incidents lists them")
    return int(words[0])
