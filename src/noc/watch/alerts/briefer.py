"""Queues the day's briefing when its time has come, once, however often the watch starts."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import Engine

from noc.fleet.model import Fleet
from noc.watch.alerts.briefing import USEFUL_MS, briefing_id, due_at, is_due, write_briefing
from noc.watch.alerts.facts import first_event, read_facts
from noc.watch.alerts.outbox import Submit
from noc.watch.clock import now
from noc.watch.errors import StoreTrouble
from noc.watch.store.records import MessageQueued

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 20.0


class Briefer:
    """Looks at the clock. The database knows a briefing by its time, so one that is queued again stays as it is."""

    def __init__(
        self, engine: Engine, submit: Submit, fleet: Callable[[], Fleet], states: Callable[[], Mapping[str, str]]
    ) -> None:
        """Take where the past is read, how records are written, the fleet and its nodes' states as they are now."""
        self._engine, self._submit, self._fleet, self._states = engine, submit, fleet, states
        self._done: int | None = None

    async def run(self) -> None:
        """Queue briefings until cancelled."""
        while True:
            try:
                await self.look(now().wall)
            except StoreTrouble as trouble:
                log.warning("the briefing waits: %s", trouble)
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self, wall: int) -> None:
        """Queue the briefing that is due at a time (ms UTC), if one is. Raises StoreTrouble."""
        fleet = self._fleet()
        due = due_at(fleet.briefing, fleet.timezone, wall)
        if due is None or due == self._done:
            return
        if is_due(due, wall, await asyncio.to_thread(first_event, self._engine)):
            message = await self.write(wall)
            channel, expires = fleet.briefing.channel, due + USEFUL_MS
            await self._submit([MessageQueued(briefing_id(due), channel, "briefing", message, wall, expires)])
        self._done = due

    async def write(self, wall: int) -> dict[str, str]:
        """Title and text of the briefing for a time (ms UTC). Raises StoreTrouble."""
        facts = await asyncio.to_thread(read_facts, self._engine, self._states(), wall)
        return write_briefing(facts, self._fleet())
