"""One incident through the API: how it went, who takes it over, what people write about it."""

import asyncio
from typing import Annotated, Any

from pydantic import Field

from noc.errors import NotFound
from noc.watch.access.caller import caller_of
from noc.watch.api import answers
from noc.watch.api.operation import Answer, Asked, Nothing, Operation, Part
from noc.watch.clock import iso, now
from noc.watch.service.watch import Watch
from noc.watch.store.queries import read_incident

Words = Annotated[str, Field(max_length=1_000)]


class Acknowledgement(Part):
    """What whoever takes an incident over says about it."""

    note: Words = ""


class NewNote(Part):
    """Something about an incident, open or not."""

    text: Annotated[Words, Field(min_length=1)]


class IncidentApi:
    """The handlers; the watch decides."""

    def __init__(self, watch: Watch) -> None:
        """Take the watch that is asked."""
        self._watch = watch

    def operations(self) -> list[Operation[Any, Any]]:
        """Their table."""
        incident = "/api/v1/incidents/{id:int}"
        return [
            Operation(
                method="GET",
                path=incident,
                summary="One incident with its alerts, its notes and what happened of it.",
                role="viewer",
                handle=self.show,
                answers=answers.IncidentStory,
            ),
            Operation(
                method="POST",
                path=f"{incident}/ack",
                summary="Take an open incident over, so that nobody is reminded of it; 409 once it has ended.",
                role="agent",
                body=Acknowledgement,
                handle=self.acknowledge,
            ),
            Operation(
                method="POST",
                path=f"{incident}/notes",
                summary="Write something about an incident, open or not.",
                role="operator",
                body=NewNote,
                handle=self.note,
            ),
        ]

    async def show(self, asked: Asked[Nothing, Nothing]) -> Answer:
        """One incident's story."""
        found = await asyncio.to_thread(read_incident, self._watch.store.engine, asked.id())
        if found is None:
            raise NotFound(f"there is no incident {asked.id()}", fix="noc incidents --all lists them")
        return {"now": iso(now().wall), "timezone": self._watch.config.fleet.timezone} | found

    async def acknowledge(self, asked: Asked[Nothing, Acknowledgement]) -> Answer:
        """Take an incident over."""
        await self._watch.acknowledge(asked.id(), caller_of(asked.request).name, asked.body.note)
        return None

    async def note(self, asked: Asked[Nothing, NewNote]) -> Answer:
        """Write about an incident."""
        await self._watch.note(asked.id(), caller_of(asked.request).name, asked.body.text)
        return None
