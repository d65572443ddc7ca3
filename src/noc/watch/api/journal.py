"""What the API tells of incidents and events."""

import asyncio
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from noc.watch.api import answers
from noc.watch.api.nodes import Limit
from noc.watch.api.operation import LARGEST_ID, Answer, Asked, Nothing, Operation, Part
from noc.watch.clock import iso, now
from noc.watch.errors import BadRequest
from noc.watch.service.watch import Watch
from noc.watch.store.queries import read_events, read_incidents


class WhichIncidents(Part):
    """Only open ones or all of them, of one subject or of all, since when, and at most how many."""

    open: bool = False
    node: Annotated[str, Field(max_length=64)] = ""
    since: AwareDatetime | None = None
    limit: Limit = 100


class WhichEvents(Part):
    """The ones behind an event's number, and at most how many."""

    after: Annotated[int, Field(ge=0, le=LARGEST_ID)] = 0
    limit: Limit = 100


class JournalApi:
    """The handlers that read incidents and events."""

    def __init__(self, watch: Watch) -> None:
        """Take the watch that is asked."""
        self._watch = watch

    def operations(self) -> list[Operation[Any, Any]]:
        """Their table."""
        return [
            Operation(
                method="GET",
                path="/api/v1/incidents",
                summary="Incidents, open ones first, then the newest.",
                role="viewer",
                query=WhichIncidents,
                handle=self.incidents,
                answers=answers.Incidents,
            ),
            Operation(
                method="GET",
                path="/api/v1/events",
                summary="What happened, in order, behind the event `after`.",
                role="viewer",
                query=WhichEvents,
                handle=self.events,
                answers=answers.Events,
            ),
        ]

    async def incidents(self, asked: Asked[WhichIncidents, Nothing]) -> Answer:
        """Incidents, open ones first."""
        document = await asyncio.to_thread(
            read_incidents,
            self._watch.store.engine,
            only_open=asked.query.open,
            limit=asked.query.limit,
            timezone=self._watch.config.fleet.timezone,
            node=asked.query.node,
            since=None if asked.query.since is None else round(asked.query.since.timestamp() * 1000),
        )
        if not document["incidents"]:
            self._refuse_unknown(asked.query.node)
        return {"now": iso(now().wall)} | document

    async def events(self, asked: Asked[WhichEvents, Nothing]) -> Answer:
        """What happened, in order."""
        rows = await asyncio.to_thread(
            read_events, self._watch.store.engine, after=asked.query.after, limit=asked.query.limit
        )
        return {"now": iso(now().wall), "events": rows}

    def _refuse_unknown(self, subject: str) -> None:
        """Nothing open must not be said of a name that was mistyped. Raises BadRequest."""
        known = {"", *self._watch.config.nodes, *(case.subject for case in self._watch.judge.cases())}
        if subject not in known:
            raise BadRequest(f"nothing that is watched is called {subject}", fix="noc nodes lists the nodes")
