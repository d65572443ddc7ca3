"""One message in one chat that is edited as things go on: no more often than chats bear, and the last state always."""

import asyncio
import logging
import time
from collections.abc import Sequence

from noc.agent.bot.errors import ChannelAway, ChatRefused, MessageGone, TokenRefused
from noc.agent.bot.transport import Button, MessageRef, Transport
from noc.agent.words.message import Message

EVERY_S = 3.0
"""Seconds between two edits (Telegram takes 20 messages a minute in a group: https://core.telegram.org/bots/faq)."""
AGAIN_S = (1.0, 5.0, 15.0, 30.0)

log = logging.getLogger(__name__)


class Post:
    """A message that shows how something stands."""

    def __init__(self, transport: Transport, chat: str, ref: MessageRef | None = None) -> None:
        """Show something in a chat.

        Args:
            transport: of which service.
            chat: where.
            ref: the message, where it is there already.
        """
        self.transport, self.chat, self.ref = transport, chat, ref
        self._shown: tuple[Message, tuple[Button, ...]] | None = None
        self._at = -EVERY_S
        self.trouble = ""
        """Why it could not be shown when that was last tried."""

    @property
    def due_s(self) -> float:
        """Seconds until it may be edited again."""
        return max(0.0, self._at + EVERY_S - time.monotonic())

    async def show(self, message: Message, buttons: Sequence[Button] = ()) -> None:
        """Show a state, at once; what is shown already is not sent again. Raises as `Transport.send`."""
        if self._shown == (message, tuple(buttons)):
            return
        self._at = time.monotonic()
        if self.ref is not None:
            try:
                await self.transport.edit(self.ref, message, buttons)
            except MessageGone:
                self.ref = None
        if self.ref is None:
            self.ref = await self.transport.send(self.chat, message, buttons)
        self._shown = (message, tuple(buttons))

    async def end(self, message: Message, buttons: Sequence[Button] = ()) -> None:
        """Show the last state, again and again where the chat service is away for a moment; then it is logged."""
        for wait_s in (*AGAIN_S, None):
            await asyncio.sleep(self.due_s if self.ref else 0)
            try:
                return await self.show(message, buttons)
            except (ChatRefused, TokenRefused) as error:
                return log.warning("%s: %s", self.chat, error)
            except ChannelAway as error:
                if wait_s is None:
                    return log.warning("%s: %s", self.chat, error)
                await asyncio.sleep(wait_s)
        return None
