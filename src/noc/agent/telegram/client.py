"""Telegram's Bot API as a transport of the bot: long polling, and messages that it sends and edits.

The library is python-telegram-bot, of which only the calls are used: what comes in is read by a loop of our own, so
that every update is noted as read before anything follows from it.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from telegram import (
    Bot,
    BotCommand,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    MessageEntity,
    ReplyParameters,
    Update,
)

from noc.agent.bot.errors import ChannelAway, ChatRefused, TokenRefused
from noc.agent.bot.kept import Keeper
from noc.agent.bot.transport import Button, Channel, Handler, Incoming, MessageRef, Reach
from noc.agent.telegram.errors import AnswerUnreadable
from noc.agent.telegram.reading import raw_updates, read
from noc.agent.telegram.refusing import AlreadySo, TooOld, Waiting, told
from noc.agent.telegram.rendering import MAX_ANSWER, cut, keyboard, rendered
from noc.agent.telegram.requests import Requests
from noc.agent.words.message import Message
from noc.fleet.chatting import Telegram

POLL_S = 25
LONGEST_WAIT_S = 60.0
"""Seconds that a call waits altogether where the API asks for a pause."""
AT_ONCE = 8
_TROUBLE_S = (1.0, 2.0, 5.0, 10.0, 30.0)
_UPDATES = ["message", "callback_query"]

T = TypeVar("T")
log = logging.getLogger(__name__)


class TelegramTransport:
    """One bot at Telegram."""

    def __init__(
        self,
        settings: Telegram,
        token: str,
        keeper: Keeper,
        ca: Path | None = None,
        commands: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Use a bot.

        Args:
            settings: its part of the fleet file.
            token: its token, which stays in memory.
            keeper: knows how far it has read.
            ca: certificates to trust instead of the system's.
            commands: what its menu offers: names without the slash, each with its help.
        """
        self._chat, self._token, self._keeper = str(settings.chat), token, keeper
        self._commands = [BotCommand(name, cut(words, 256)) for name, words in commands]
        tls = ssl.create_default_context(cafile=ca)
        ask, self._polling = Requests(tls), Requests(tls)
        self._requests = (ask, self._polling)
        base = settings.api.rstrip("/")
        self._bot = Bot(token, f"{base}/bot", f"{base}/file/bot", request=ask, get_updates_request=self._polling)

    @property
    def channel(self) -> Channel:
        """Its name."""
        return "telegram"

    @property
    def operations_chat(self) -> str:
        """The chat in which requests, runs and briefings are told."""
        return self._chat

    async def send(
        self, chat: str, message: Message, buttons: Sequence[Button] = (), *, reply_to: Incoming | None = None
    ) -> MessageRef:
        """Say something; as `Transport.send`."""
        reply = None
        if reply_to is not None and not reply_to.private and not reply_to.button:
            reply = ReplyParameters(int(reply_to.handle), allow_sending_without_reply=True)
        sent = await self._call(
            partial(self._bot.send_message, chat, reply_parameters=reply, **_said(message, buttons))
        )
        return MessageRef("telegram", chat, str(sent.message_id))

    async def edit(self, ref: MessageRef, message: Message, buttons: Sequence[Button] = ()) -> None:
        """Replace a message; as `Transport.edit`."""
        what = {"chat_id": ref.chat, "message_id": int(ref.id), **_said(message, buttons)}
        try:
            await self._call(partial(self._bot.edit_message_text, **what))
        except AlreadySo:
            return

    async def answer(self, press: Incoming, text: str = "") -> None:
        """Say something to who pressed a button; as `Transport.answer`."""
        shown = cut(text, MAX_ANSWER) or None
        act = partial(self._bot.answer_callback_query, press.handle, shown, show_alert=bool(shown))
        try:
            await self._call(act)
        except TooOld:
            return

    async def reach(self) -> Reach:
        """Whether the token works and the chat can be reached."""
        bot = await self._call(self._bot.get_me)
        chat = await self._call(partial(self._bot.get_chat, self._chat))
        return Reach(f"@{bot.username}", chat.title or chat.full_name or self._chat)

    async def close(self) -> None:
        """Let the connections go."""
        for each in self._requests:
            await each.shutdown()

    async def run(self, handler: Handler) -> None:
        """Hand what comes in to a handler, until cancelled; as `Transport.run`."""
        at_once = asyncio.Semaphore(AT_ONCE)
        name = await self._persist(self._introduce)
        async with asyncio.TaskGroup() as group:
            while True:
                for update in await self._persist(self._poll):
                    self._keeper.read_up_to("telegram", update.update_id + 1)
                    if (incoming := read(update, name, datetime.now(UTC))) is not None:
                        await at_once.acquire()
                        group.create_task(_handled(handler, incoming, at_once))

    async def _introduce(self) -> str:
        """Our own name; on the way there a webhook is removed, which would take our updates, and the menu is set."""
        me = await self._call(self._bot.get_me)
        await self._call(self._bot.delete_webhook)
        if self._commands:
            await self._call(partial(self._bot.set_my_commands, self._commands))
        return me.username or ""

    async def _poll(self) -> tuple[Update, ...]:
        offset = self._keeper.offset("telegram") or None
        ask = partial(self._bot.get_updates, offset, timeout=POLL_S, allowed_updates=_UPDATES)
        try:
            return await self._call(ask)
        except AnswerUnreadable:
            return self._readable()

    def _readable(self) -> tuple[Update, ...]:
        """Those updates of the last answer that can be read: one that cannot must not keep all later ones away."""
        found = []
        for raw in raw_updates(self._polling.last):
            try:
                found.append(Update.de_json(raw, self._bot))
            except (TypeError, KeyError, ValueError, AttributeError) as error:
                log.warning("an update of Telegram's cannot be read, and is passed over: %s", type(error).__name__)
                self._keeper.read_up_to("telegram", raw["update_id"] + 1)
        return tuple(found)

    async def _persist(self, act: Callable[[], Awaitable[T]]) -> T:
        """Do something until it works. Each new trouble is logged once, and its end."""
        failures, said = 0, ""
        while True:
            try:
                done = await act()
            except (ChannelAway, ChatRefused, TokenRefused) as error:
                if str(error) != said:
                    log.warning("%s", error)
                said, failures = str(error), failures + 1
                await asyncio.sleep(_TROUBLE_S[min(failures, len(_TROUBLE_S)) - 1])
            else:
                if said:
                    log.warning("Telegram answers again")
                return done

    async def _call(self, act: Callable[[], Awaitable[T]]) -> T:
        """Call the API, and wait where it asks for it. Raises as `told`, but not Waiting."""
        waited = 0.0
        while True:
            try:
                return await told(act, self._token)
            except Waiting as pause:
                waited += pause.seconds
                if waited > LONGEST_WAIT_S:
                    why = f"it asks for a pause of {pause.seconds:g} s"
                    raise ChannelAway("Telegram hears nothing more for now", why=why) from None
                await asyncio.sleep(pause.seconds)


async def _handled(handler: Handler, incoming: Incoming, at_once: asyncio.Semaphore) -> None:
    try:
        await handler(incoming)
    finally:
        at_once.release()


def _said(message: Message, buttons: Sequence[Button]) -> dict[str, Any]:
    text, entities = rendered(message)
    rows = [[InlineKeyboardButton.de_json(button) for button in row] for row in keyboard(buttons)]
    return {
        "text": text,
        "entities": [MessageEntity(**entity) for entity in entities],
        "reply_markup": InlineKeyboardMarkup(rows) if rows else None,
        "link_preview_options": LinkPreviewOptions(is_disabled=True),
    }
