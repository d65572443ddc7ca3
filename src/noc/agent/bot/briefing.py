"""Briefings in the operations chats, once the watch has queued them for the channel that `[briefing]` names.

The day's, and those about milestones: what came of a run is told there under the run's own message.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from noc.agent.bot.kept import Keeper
from noc.agent.bot.post import Post
from noc.agent.bot.transport import Transport
from noc.agent.doors.house import House
from noc.agent.words.message import Message
from noc.agent.words.neutral import neutral
from noc.errors import NocError

LOOK_S = 60.0
USEFUL = timedelta(hours=6)
"""So long a briefing is news, as the watch has it, too."""
_TOLD = ("briefing-day-", "briefing-milestone-")
_LISTED = 100
_LINES, _BYTES = 40, 300

log = logging.getLogger(__name__)


class Briefings:
    """Tells each briefing once."""

    def __init__(self, house: House, transports: Sequence[Transport], keeper: Keeper) -> None:
        """Tell them.

        Args:
            house: the doors.
            transports: every chat service.
            keeper: knows which were told.
        """
        self._house, self._transports, self._keeper = house, transports, keeper

    async def watch(self) -> None:
        """Tell them as they come, until cancelled. A watch that is away is asked again."""
        while True:
            try:
                await self._look()
            except (NocError, KeyError, ValueError) as error:  # away, or a watch of another version
                log.debug("%s", error)
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        told = await self._house.watch().get("/api/v1/alerts", limit=_LISTED)
        now = datetime.fromisoformat(told["now"])
        new = [
            row
            for row in reversed(told["alerts"])
            if row["id"].startswith(_TOLD) and now - datetime.fromisoformat(row["created_at"]) < USEFUL
        ]
        for row in (each for each in new if each["id"] not in self._keeper.now.briefed):
            self._keeper.now.briefed.append(str(row["id"]))
            self._keeper.save()
            message = _shown(row["message"])
            await asyncio.gather(*(Post(each, each.operations_chat).end(message) for each in self._transports))


def _shown(briefing: dict[str, str]) -> Message:
    lines = [neutral(line, _BYTES) for line in briefing["text"].splitlines()[:_LINES] if line.strip()]
    return Message(neutral(briefing["title"], _BYTES), tuple(lines))
