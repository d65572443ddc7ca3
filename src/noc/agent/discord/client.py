"""Discord as a transport of the bot: the gateway brings commands and presses, the HTTP API takes answers and edits.

A command that is not answered within three seconds is shown as failed. So what takes longer is put off in time, which
people see as "thinking"; where nothing was said in the end, as to a stranger, that goes away again.
"""

import asyncio
import logging
import ssl
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import discord

from noc.agent.bot.errors import ChannelAway, ChatRefused, MessageGone, TokenRefused
from noc.agent.bot.transport import Button, Channel, Handler, Incoming, MessageRef, Reach
from noc.agent.discord.commands import Command
from noc.agent.discord.library import Client
from noc.agent.discord.reading import CHANNEL, DIRECT, read
from noc.agent.discord.refusing import TooOld, told
from noc.agent.discord.rendering import rendered, view
from noc.agent.words.message import Message
from noc.errors import NocError
from noc.fleet.chatting import Discord

PUT_OFF_S = 1.5
"""Seconds after which a command that is not answered yet is put off; three are too late."""
TOKEN_S = 840.0
"""Seconds in which an interaction takes answers: 15 minutes, and one less for the way."""
AT_ONCE, MOST_WAITING, MOST_OPEN = 8, 64, 500
_TROUBLE_S = (1.0, 5.0, 15.0, 60.0, 120.0)
"""Seconds between attempts: so long that a day of them stays below the 1,000 identifications that Discord allows, after
which it withdraws the token (https://docs.discord.com/developers/events/gateway#identifying)."""
SPARE_SESSIONS = 20
_WRONG_TOKEN_S = 300.0
_STEADY_S = 300.0

log = logging.getLogger(__name__)


@dataclass
class Exchange:
    """A command or a press, and how far its answer is."""

    interaction: discord.Interaction
    whispered: bool
    """Whether answers are shown to who asked alone, in a channel that others read."""
    began: float = field(default_factory=time.monotonic)
    put_off: bool = False
    said: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def over(self) -> bool:
        """Whether it takes no answer any more: it is too old, or the connection by which it came is closed."""
        return time.monotonic() - self.began > TOKEN_S or self.interaction.client.is_closed()


class DiscordTransport:
    """One bot in one guild."""

    def __init__(self, settings: Discord, token: str, ca: Path | None = None, commands: Sequence[Command] = ()) -> None:
        """Use a bot.

        Args:
            settings: its part of the fleet file.
            token: its token, which stays in memory.
            ca: certificates to trust instead of the system's.
            commands: what the guild's menu offers.
        """
        self._settings, self._token = settings, token
        self._tls = ssl.create_default_context(cafile=ca)
        self._commands = {command.name: command for command in commands}
        self._client: Client | None = None
        self._signing_in = asyncio.Lock()
        self._handler: Handler | None = None
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._exchanges: OrderedDict[str, Exchange] = OrderedDict()
        self._whispers: OrderedDict[str, Exchange] = OrderedDict()

    @property
    def channel(self) -> Channel:
        """Its name."""
        return CHANNEL

    @property
    def operations_chat(self) -> str:
        """The chat in which requests, runs and briefings are told."""
        return str(self._settings.channel)

    async def send(
        self, chat: str, message: Message, buttons: Sequence[Button] = (), *, reply_to: Incoming | None = None
    ) -> MessageRef:
        """Say something; as `Transport.send`."""
        exchange = self._exchanges.get(reply_to.handle) if reply_to else None
        if exchange and not exchange.over:
            try:
                number = await self._reply(exchange, message, buttons)
            except TooOld:
                number = None
            if number is not None:
                return MessageRef(CHANNEL, chat, str(number))
        where = await self._where(chat)
        sent = await told(partial(where.send, rendered(message), view=view(buttons), suppress_embeds=True))
        return MessageRef(CHANNEL, chat, str(sent.id))

    async def edit(self, ref: MessageRef, message: Message, buttons: Sequence[Button] = ()) -> None:
        """Replace a message; as `Transport.edit`."""
        text, row = rendered(message), view(buttons)
        exchange = self._whispers.get(ref.id)
        if exchange is not None and exchange.over:
            raise MessageGone("the message cannot be edited any more", why="only one person has seen it")
        if exchange is None:
            there = (await self._where(ref.chat)).get_partial_message(int(ref.id))
            await told(partial(there.edit, content=text, view=row))
            return
        act = partial(exchange.interaction.followup.edit_message, int(ref.id), content=text, view=row)
        try:
            await told(act)
        except TooOld:
            raise MessageGone("the message cannot be edited any more") from None

    async def answer(self, press: Incoming, text: str = "") -> None:
        """Say something to who pressed a button; as `Transport.answer`. The press itself was acknowledged before."""
        exchange = self._exchanges.get(press.handle)
        if not text or exchange is None or exchange.over:
            return
        words = rendered(Message(text))
        try:
            await told(partial(exchange.interaction.followup.send, words, ephemeral=True, wait=True))
        except TooOld:
            return

    async def reach(self) -> Reach:
        """Whether the token works, the chat can be reached and commands can be offered."""
        client = await self._signed_in()
        chat = await told(partial(client.fetch_channel, self._settings.channel))
        if not isinstance(chat, discord.TextChannel) or chat.guild.id != self._settings.guild:
            fix = "give a text channel of the guild as channel in [discord] of fleet.toml"
            raise ChatRefused("the channel is not of the guild", why=f"channel {self._settings.channel}", fix=fix)
        await told(partial(client.http.get_guild_commands, client.application_id or 0, self._settings.guild))
        return Reach(f"@{client.user.name}" if client.user else "", f"#{chat.name}")

    async def close(self) -> None:
        """Let everything go."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    async def run(self, handler: Handler) -> None:
        """Hand what comes in to a handler, until cancelled; as `Transport.run`. New troubles are logged once."""
        self._handler, failures, said = handler, 0, ""
        while True:
            began = time.monotonic()
            try:
                await self._listen()
                trouble: NocError | TooOld = ChannelAway("Discord's gateway has hung up")
            except (NocError, TooOld) as error:
                trouble = error
            if time.monotonic() - began > _STEADY_S:
                failures, said = 0, ""
            if str(trouble) != said:
                log.warning("%s", trouble)
            said, failures = str(trouble), failures + 1
            wait = (
                _WRONG_TOKEN_S if isinstance(trouble, TokenRefused) else _TROUBLE_S[min(failures, len(_TROUBLE_S)) - 1]
            )
            await asyncio.sleep(wait)

    async def _listen(self) -> None:
        """Offer the commands, and take what comes until the connection cannot be resumed."""
        client = await self._signed_in()
        offered = [command.payload() for command in self._commands.values()]
        offer = partial(
            client.http.bulk_upsert_guild_commands, client.application_id or 0, self._settings.guild, offered
        )
        await told(offer)
        try:
            if client.sessions_left < SPARE_SESSIONS:
                why = f"{client.sessions_left} sessions are left for today, and one too many costs the token"
                raise ChannelAway("the bot begins no more sessions at Discord for now", why=why)
            await told(partial(client.connect, reconnect=False), within_s=None)
        finally:
            await client.close()

    async def _signed_in(self) -> Client:
        """The account, signed in; a new one where the last one was closed. Raises as `told`."""
        async with self._signing_in:
            if self._client is None or self._client.is_closed():
                client = Client(self._tls, self._heard)
                try:
                    await told(partial(client.sign_in, self._settings.api, self._token))
                except BaseException:
                    await client.close()
                    raise
                self._client = client
            return self._client

    async def _where(self, chat: str) -> discord.PartialMessageable | discord.DMChannel:
        """A chat by its name, to write to."""
        client = await self._signed_in()
        if chat.startswith(DIRECT):
            return await told(partial(client.create_dm, discord.Object(int(chat.removeprefix(DIRECT)))))
        return client.get_partial_messageable(int(chat))

    async def _heard(self, interaction: discord.Interaction) -> None:
        """Take a command or a press, unless too many wait already."""
        incoming = read(interaction, self._settings, self._commands, datetime.now(UTC))
        task = asyncio.current_task()
        if incoming is None or self._handler is None or task is None or len(self._tasks) >= MOST_WAITING:
            return
        exchange = Exchange(interaction, whispered=incoming.private and interaction.guild_id is not None)
        _remember(self._exchanges, incoming.handle, exchange)
        self._tasks.add(task)
        try:
            await (self._pressed if incoming.button else self._asked)(exchange, partial(self._handler, incoming))
        except (TooOld, NocError) as error:
            log.info("what somebody did at Discord came to nothing: %s", error or type(error).__name__)
        finally:
            self._tasks.discard(task)

    async def _pressed(self, exchange: Exchange, handle: Callable[[], Awaitable[None]]) -> None:
        """A press is acknowledged at once, which shows nothing. One that Discord has given up, and has told its person
        so, is not obeyed any more."""
        await told(exchange.interaction.response.defer)
        exchange.said = True
        async with self._at_once:
            await handle()

    async def _asked(self, exchange: Exchange, handle: Callable[[], Awaitable[None]]) -> None:
        """A command is put off only where its answer takes long: to a stranger there is none."""
        later = asyncio.create_task(self._put_off(exchange))
        try:
            async with self._at_once:
                await handle()
        finally:
            later.cancel()
            await asyncio.gather(later, return_exceptions=True)
            if exchange.put_off and not exchange.said:
                await told(exchange.interaction.delete_original_response)

    async def _put_off(self, exchange: Exchange) -> None:
        await asyncio.sleep(PUT_OFF_S)
        async with exchange.lock:
            if not exchange.said:
                defer = exchange.interaction.response.defer
                await told(partial(defer, ephemeral=exchange.whispered, thinking=True))
                exchange.put_off = True

    async def _reply(self, exchange: Exchange, message: Message, buttons: Sequence[Button]) -> int | None:
        """Answer a command itself, or who asked alone; the message's number, None where it belongs into the chat."""
        interaction, whispered = exchange.interaction, exchange.whispered
        text, row = rendered(message), view(buttons)
        more = {"view": row} if row else {}
        async with exchange.lock:
            if not exchange.said and not exchange.put_off:
                send = interaction.response.send_message
                sent = await told(partial(send, text, ephemeral=whispered, suppress_embeds=True, **more))
                number = sent.message_id or 0
            elif not exchange.said or whispered:  # the first of them stands in the place of "thinking"
                follow = partial(interaction.followup.send, ephemeral=whispered, suppress_embeds=True, wait=True)
                number = (await told(partial(follow, text, **more))).id
            else:
                return None
            exchange.said = True
        if whispered:
            _remember(self._whispers, str(number), exchange)
        return number


def _remember(table: OrderedDict[str, Exchange], key: str, exchange: Exchange) -> None:
    table[key] = exchange
    if len(table) > MOST_OPEN:
        table.popitem(last=False)
