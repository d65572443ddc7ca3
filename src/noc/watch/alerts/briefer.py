"""Queues briefings: the day's, and one after each deployment and each milestone."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

from sqlalchemy import Engine

from noc.fleet.model import Fleet
from noc.watch.alerts.briefing import write_briefing, write_news
from noc.watch.alerts.facts import Facts, read_facts
from noc.watch.alerts.outbox import Submit
from noc.watch.clock import now
from noc.watch.store.records import MessageQueued

About = Literal["day", "run", "milestone"]
USEFUL_MS: Final = 6 * 3_600_000
"""So long a briefing that could not go out at once is still news."""


class Briefer:
    """Writes briefings. The outbox knows each by its name, so that one which is asked for again stays as it is."""

    def __init__(
        self, engine: Engine, submit: Submit, fleet: Callable[[], Fleet], states: Callable[[], Mapping[str, str]]
    ) -> None:
        """Take where the past is read, how records are written, the fleet and its nodes' states as they are now."""
        self._engine, self._submit, self._fleet, self._states = engine, submit, fleet, states

    async def queue(self, about: About, name: str, title: str, lines: Sequence[str]) -> str:
        """Queue a briefing for the channel that the fleet file names; durable when this returns.

        Args:
            about: what it tells of.
            name: of the day, the run or the milestone; one of the same name is queued once.
            title: what happened; the day's is written here.
            lines: what there is to say of it beside what the watch knows itself.

        Returns:
            The message's name.

        Raises:
            StoreTrouble: the past could not be read, or the message not be stored.
        """
        wall, fleet = now().wall, self._fleet()
        facts = await self._facts(wall)
        message = write_briefing(facts, fleet, lines) if about == "day" else write_news(title, lines, facts, fleet)
        identity = f"briefing-{about}-{name}"
        queued = MessageQueued(identity, fleet.briefing.channel, "briefing", message, wall, wall + USEFUL_MS)
        await self._submit([queued])
        return identity

    async def write(self, wall: int) -> dict[str, str]:
        """Title and text of the day's briefing for a time (ms UTC). Raises StoreTrouble."""
        return write_briefing(await self._facts(wall), self._fleet())

    async def _facts(self, wall: int) -> Facts:
        return await asyncio.to_thread(read_facts, self._engine, self._states(), wall)
