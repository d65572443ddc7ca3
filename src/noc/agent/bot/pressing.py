"""Buttons: what somebody decides by pressing one, and what they hear of it."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from noc.agent.bot.announcing import Requests
from noc.agent.bot.buttons import DIGITS, What, plan_buttons, read_button
from noc.agent.bot.errors import MessageGone
from noc.agent.bot.kept import Keeper, Shown
from noc.agent.bot.showing import Runs
from noc.agent.bot.transport import Button, Incoming, Transport
from noc.agent.doors.actor import Actor
from noc.agent.doors.house import House
from noc.agent.verbs.plans import PlanMade
from noc.agent.verbs.starting import Started
from noc.agent.verbs.table import BY_NAME
from noc.agent.verbs.verb import Call, Done
from noc.agent.words.message import Message
from noc.agent.words.neutral import stripped
from noc.errors import NocError

_SENTENCE = 200
_GONE = "this plan cannot begin here any more: ask for it again"

Press = Callable[[Transport, Incoming, Actor, str], Awaitable[str]]
"""Does what a button is for, given the digits that stand on it; returns what who pressed it is told, "" for nothing."""


class Presses:
    """Does what buttons are for."""

    def __init__(self, house: House, keeper: Keeper, requests: Requests, runs: Runs) -> None:
        """Do it over a house.

        Args:
            house: the doors.
            keeper: knows which plans were shown to whom.
            requests, runs: tell of what is set going.
        """
        self._house, self._keeper, self._requests, self._runs = house, keeper, requests, runs
        self._by_what: Mapping[What, Press] = {
            "begin": self._begin,
            "cancel": self._cancel,
            "approve": partial(self._decide, "approve"),
            "deny": partial(self._decide, "deny"),
            "plan": self._plan,
        }

    def offer(self, incoming: Incoming, actor: Actor, plan: PlanMade) -> tuple[Button, ...]:
        """The buttons under a plan that somebody has asked for; none where it cannot begin."""
        if plan.blocked or not plan.has_work:
            return ()
        shown = Shown(by=actor.name, channel=incoming.channel, chat=incoming.chat)
        self._keeper.now.plans[plan.digest[:DIGITS]] = shown
        self._keeper.save()
        return plan_buttons(plan.digest)

    async def press(self, transport: Transport, incoming: Incoming, actor: Actor) -> None:
        """Do what a button is for, and answer whoever pressed it, once. Raises as `Transport.answer`."""
        pressed = read_button(incoming.button)
        if pressed is None:
            await transport.answer(incoming, "that button is none of mine")
            return
        refused = False
        try:
            told = await self._by_what[pressed.what](transport, incoming, actor, pressed.digits)
        except NocError as error:
            told, refused = shortly(error), True
        await transport.answer(incoming, told)
        if refused and incoming.message and pressed.what in ("approve", "deny"):
            await self._requests.over(incoming.message, pressed.digits)

    async def _begin(self, transport: Transport, incoming: Incoming, actor: Actor, digits: str) -> str:
        shown = self._keeper.now.plans.get(digits)
        if shown is None:
            return _GONE
        if shown.by != actor.name:
            return f"{shown.by} has asked for this plan, and begins it; ask for your own"
        self._keeper.now.asked[digits] = shown
        self._keeper.save()
        done: Done[Started] = await self._do(actor, "run_start", digest=digits)
        self._forget(digits)
        if done.answer.run:
            self._runs.follow(done.answer.run)
        self._requests.wake()
        await _replace(transport, incoming, done.message)
        return ""

    async def _cancel(self, transport: Transport, incoming: Incoming, actor: Actor, digits: str) -> str:
        shown = self._keeper.now.plans.get(digits)
        if shown is None:
            return _GONE
        if shown.by != actor.name:
            return f"{shown.by} has asked for this plan"
        self._forget(digits)
        await _replace(transport, incoming, Message("the plan is let go: nothing has begun"))
        return ""

    async def _decide(self, verb: str, _transport: Transport, _incoming: Incoming, actor: Actor, digits: str) -> str:
        done = await self._do(actor, verb, request=digits)
        run = getattr(done.answer, "run", "")
        if run:
            self._runs.follow(run)
        self._requests.wake()
        return done.message.title

    async def _plan(self, transport: Transport, incoming: Incoming, actor: Actor, digits: str) -> str:
        done = await self._do(actor, "plan_show", request=digits)
        await transport.send(incoming.chat, done.message, reply_to=incoming)
        return ""

    async def _do(self, actor: Actor, name: str, **fields: str) -> Done[Any]:
        verb = BY_NAME[name]
        return await verb.act(Call(self._house, actor), verb.params.model_validate(fields))

    def _forget(self, digits: str) -> None:
        self._keeper.now.plans.pop(digits, None)
        self._keeper.save()


async def _replace(transport: Transport, incoming: Incoming, message: Message) -> None:
    """Put something in the place of the message under which the button stood, if that is still there."""
    if incoming.message:
        with suppress(MessageGone):
            await transport.edit(incoming.message, message)


def shortly(error: NocError) -> str:
    """A refusal for whoever pressed a button: what, why, and what mends it; the channel cuts it to what it shows."""
    return ". ".join(stripped(each, _SENTENCE) for each in (error.what, error.why, error.fix) if each)
