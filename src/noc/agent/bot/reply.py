"""The answer to one thing that somebody said: one message, which first says that it takes a while where it does."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from noc.agent.bot.errors import MessageGone
from noc.agent.bot.transport import Button, Incoming, MessageRef, Transport
from noc.agent.words.message import Message

SOON_S = 2.0
"""Seconds after which somebody hears that their question is under way."""

T = TypeVar("T")


class Reply:
    """An answer that is on its way."""

    def __init__(self, transport: Transport, incoming: Incoming) -> None:
        """Answer something, where it was said."""
        self._transport, self._incoming = transport, incoming
        self._ref: MessageRef | None = None

    async def say(self, message: Message, buttons: Sequence[Button] = ()) -> None:
        """Say it; in place of what was said before. Raises as `Transport.send`."""
        if self._ref is not None:
            try:
                await self._transport.edit(self._ref, message, buttons)
            except MessageGone:
                self._ref = None
        if self._ref is None:
            chat = self._incoming.chat
            self._ref = await self._transport.send(chat, message, buttons, reply_to=self._incoming)

    async def wait(self, work: Awaitable[T], what: str) -> T:
        """What work comes to. Raises what it raises; it is given up where the answer is.

        Args:
            work: to be done.
            what: it is, for who has to wait.
        """
        task = asyncio.ensure_future(work)
        try:
            if not (await asyncio.wait([task], timeout=SOON_S))[0]:
                await self.say(Message(f"{what} …"))
            return await task
        finally:
            task.cancel()
