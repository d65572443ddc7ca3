"""The bot: who speaks, what they want, and what they hear. A stranger hears nothing."""

import logging
import time
from collections import Counter
from contextlib import suppress
from functools import partial
from typing import Any

from noc.agent.bot.announcing import Requests
from noc.agent.bot.commands import HELP, LINK, Command, read_command
from noc.agent.bot.errors import ChannelAway, ChatRefused, MessageGone, TokenRefused
from noc.agent.bot.kept import Keeper
from noc.agent.bot.pace import Heard, Pace
from noc.agent.bot.pressing import Presses, shortly
from noc.agent.bot.reply import Reply
from noc.agent.bot.showing import Runs
from noc.agent.bot.transport import Handler, Incoming, Transport
from noc.agent.doors.actor import Actor
from noc.agent.doors.house import House
from noc.agent.verbs.asking import help_message, read_words
from noc.agent.verbs.deciding import Approved
from noc.agent.verbs.plans import PlanMade
from noc.agent.verbs.table import COMMANDS
from noc.agent.verbs.verb import AnyVerb, Call, Done
from noc.agent.words.message import Message
from noc.agent.words.neutral import stripped
from noc.agent.words.refusal import refusal_message
from noc.errors import NocError
from noc.runs.admission.clock import lasting
from noc.runs.admission.errors import Stranger

OLD_S = 300.0
"""Seconds after which a command is not obeyed any more: it waited while the bot was away, and things have moved on."""
AT_ONCE = 3
"""Questions and plans of one person that are under way at once, so that they keep nobody else's from being heard."""

log = logging.getLogger(__name__)


class Bot:
    """Hears people in every chat service, in its operations chat and alone, and answers them."""

    def __init__(self, house: House, keeper: Keeper, requests: Requests, runs: Runs) -> None:
        """Answer people.

        Args:
            house: the doors.
            keeper: knows what was shown, and who was known.
            requests, runs: tell of what somebody here sets going.
        """
        self._house, self._keeper, self._requests, self._runs = house, keeper, requests, runs
        self._presses, self._pace = Presses(house, keeper, requests, runs), Pace()
        self._asking = Counter[str]()

    def handler(self, transport: Transport) -> Handler:
        """What takes everything that comes in by a chat service."""
        return partial(self._hear, transport)

    async def _hear(self, transport: Transport, incoming: Incoming) -> None:
        try:
            await self._answer(transport, incoming)
        except (ChannelAway, ChatRefused, MessageGone, TokenRefused) as error:
            log.warning("%s: %s", transport.channel, error)
        except Exception:  # what nobody foresaw ends one answer, and not the bot
            log.exception("something that came by %s could not be answered", transport.channel)
            if self._keeper.knows(f"{incoming.channel}:{incoming.id}"):
                with suppress(NocError):
                    await _tell(transport, incoming, Message("that failed here: HQ's log of noc-bot says why"))

    async def _answer(self, transport: Transport, incoming: Incoming) -> None:
        account, command = f"{incoming.channel}:{incoming.id}", read_command(incoming.text)
        if not incoming.private and incoming.chat != transport.operations_chat:
            return
        heard = self._pace.hear(account, time.monotonic())
        if heard is Heard.NO or not (incoming.button or command or incoming.private):
            return
        if command and incoming.private and _brings_code(command):
            await self._link(transport, incoming, account, command)
        elif (actor := await self._who(transport, incoming, account)) is None:
            return
        elif heard is Heard.TOLD:
            await _tell(transport, incoming, Message("that is too much at once: wait a minute"))
        elif incoming.button:
            await self._presses.press(transport, incoming, actor)
        elif incoming.age_s > OLD_S:
            since = lasting(incoming.age_s)
            await _tell(transport, incoming, Message(f"I was away when you said that, {since} ago: say it again"))
        else:
            await self._command(Reply(transport, incoming), incoming, actor, command)

    async def _who(self, transport: Transport, incoming: Incoming, account: str) -> Actor | None:
        """The person who speaks; None for a stranger, and where nobody can say, which those who were known are told."""
        try:
            actor = await self._house.actor(incoming.channel, incoming.id)
        except NocError as error:
            if error.code == Stranger.code:
                self._keeper.meet(account, known=False)
                await self._note_stranger(incoming)
            elif self._keeper.knows(account):
                message = Message(shortly(error)) if incoming.button else refusal_message(error)
                await _tell(transport, incoming, message)
            return None
        self._keeper.meet(account, known=True)
        return actor

    async def _note_stranger(self, incoming: Incoming) -> None:
        try:
            await self._house.runner().ask("stranger", channel=incoming.channel, id=incoming.id)
        except NocError as error:
            log.warning("a stranger could not be written down: %s", error)

    async def _link(self, transport: Transport, incoming: Incoming, account: str, command: Command) -> None:
        """Link whoever speaks, to the bot alone: the one thing for which a stranger gets an answer."""
        unknown = Actor("", "viewer", incoming.channel, incoming.id)
        reply = Reply(transport, incoming)
        if (done := await self._do(reply, unknown, COMMANDS[LINK], command)) is not None:
            self._keeper.meet(account, known=True)
            await reply.say(done.message)

    async def _command(self, reply: Reply, incoming: Incoming, actor: Actor, command: Command | None) -> None:
        if command is None or command.name in HELP:
            await reply.say(help_message(actor.role))
        elif command.name == LINK and not incoming.private:
            again = f"with a new code, since this one was seen here: noc link {incoming.channel}"
            await reply.say(Message("say that to me alone", (again,)))
        elif (verb := COMMANDS.get(command.name)) is None:
            await reply.say(Message(f"there is no /{stripped(command.name, 40)}", ("/help lists what works",)))
        elif verb.reads and self._asking[actor.name] >= AT_ONCE:
            await reply.say(Message(f"you have asked {AT_ONCE} things that are not answered yet: wait for them"))
        elif (done := await self._counted(reply, actor, verb, command)) is not None:
            plan = done.answer if isinstance(done.answer, PlanMade) else None
            await reply.say(done.message, self._presses.offer(incoming, actor, plan) if plan else ())
            if isinstance(done.answer, Approved):
                self._runs.follow(done.answer.run)
            if not verb.reads:
                self._requests.wake()

    async def _counted(self, reply: Reply, actor: Actor, verb: AnyVerb, command: Command) -> Done[Any] | None:
        """As `_do`, and it is known how much a person has asked that is not answered yet."""
        self._asking[actor.name] += verb.reads
        try:
            return await self._do(reply, actor, verb, command)
        finally:
            self._asking[actor.name] -= verb.reads

    async def _do(self, reply: Reply, actor: Actor, verb: AnyVerb, command: Command) -> Done[Any] | None:
        """What came of a command; None where it was refused, which is said."""
        try:
            params = read_words(verb, command.words)
            done: Done[Any] = await reply.wait(verb.act(Call(self._house, actor), params), f"/{verb.chat}")
        except NocError as error:
            await reply.say(refusal_message(error))
            return None
        return done


def _brings_code(command: Command) -> bool:
    """Whether a command is `/link` with what looks like a code; a stranger hears nothing of any other."""
    if command.name != LINK:
        return False
    try:
        read_words(COMMANDS[LINK], command.words)
    except NocError:
        return False
    return True


async def _tell(transport: Transport, incoming: Incoming, message: Message) -> None:
    """Say something to who spoke, or pressed a button."""
    if incoming.button:
        await transport.answer(incoming, message.title)
    else:
        await transport.send(incoming.chat, message, reply_to=incoming)
