"""Plans that wait for somebody to agree: told in the operations chats, by whatever door they came, until it is over."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from noc.agent.bot.buttons import DIGITS, request_buttons
from noc.agent.bot.errors import ChannelAway, ChatRefused, TokenRefused
from noc.agent.bot.kept import Keeper
from noc.agent.bot.post import Post
from noc.agent.bot.showing import Runs
from noc.agent.bot.transport import Button, MessageRef, Transport
from noc.agent.doors.house import House
from noc.agent.words.message import Message
from noc.agent.words.request import request_message
from noc.errors import NocError
from noc.runs.admission.errors import RequestNotFound

LOOK_S = 3.0
AGAIN_S = 30.0
"""Seconds until a chat that a request could not be told in is tried again."""
PATIENCE_S = 20.0
"""Seconds after which a chat service that does not answer holds up no other."""

log = logging.getLogger(__name__)


class Requests:
    """Announces what waits, and says under the same message what became of it."""

    def __init__(self, house: House, transports: Sequence[Transport], keeper: Keeper, runs: Runs) -> None:
        """Announce requests.

        Args:
            house: the doors.
            transports: every chat service.
            keeper: knows the messages of requests that are open.
            runs: is told which runs begin.
        """
        self._house, self._transports, self._keeper, self._runs = house, transports, keeper, runs
        self._states: dict[str, str] = {}
        self._tried: dict[str, float] = {}
        self._woken, self._trouble = asyncio.Event(), ""
        self._ending: set[str] = set()
        self._silent: dict[str, str] = {}

    def wake(self) -> None:
        """Look at once: something has happened."""
        self._woken.set()

    async def watch(self) -> None:
        """Announce until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._woken.clear()
                try:
                    await self._look(group)
                    self._trouble = ""
                except NocError as error:
                    if str(error) != self._trouble:
                        log.warning("%s", error)
                    self._trouble = str(error)
                try:
                    async with asyncio.timeout(LOOK_S):
                        await self._woken.wait()
                except TimeoutError:
                    continue

    async def over(self, ref: MessageRef, digits: str) -> None:
        """Take the buttons from a message whose request is over, and say there what became of it."""
        try:
            request, labels = await self._read(digits)
            if request is None:
                await self._settle(ref, Message("this plan waits no more"))
            elif request["state"] not in ("pending", "approved"):
                await self._settle(ref, await self._words(request, labels))
        except NocError as error:
            log.warning("%s", error)

    async def _look(self, group: asyncio.TaskGroup) -> None:
        waiting = {str(each["digest"]): each for each in (await self._house.runner().ask("pending"))["requests"]}
        for digest, request in waiting.items():
            missing = self._missing(digest) and time.monotonic() - self._tried.get(digest, -AGAIN_S) >= AGAIN_S
            if self._states.get(digest) != request["state"] or missing:
                self._tried[digest] = time.monotonic()
                await self._try_announce(digest, str(request["state"]))
        for digest in [each for each in self._keeper.now.requests if each not in waiting and each not in self._ending]:
            self._ending.add(digest)
            group.create_task(self._end(digest))

    def _missing(self, digest: str) -> list[Post]:
        """Where a request was not told yet."""
        return [post for post in self._posts(digest) if post.ref is None]

    async def _try_announce(self, digest: str, state: str) -> None:
        """Announce a request; one that cannot be shown keeps no other from it. Raises as the runner's door."""
        try:
            await self._announce(digest)
        except NocError:
            raise
        except Exception:
            log.exception("request %s cannot be shown", digest[:12])
            self._states[digest] = state

    async def _announce(self, digest: str) -> None:
        """Show a request as it stands: everywhere where that is new, else only where it could not be told before."""
        request, labels = await self._read(digest)
        if request is None:
            return
        message, buttons = await self._words(request, labels), request_buttons(request)
        posts = self._posts(digest)
        new = self._states.get(digest) != request["state"]
        await asyncio.gather(*(self._show(post, message, buttons) for post in posts if new or post.ref is None))
        self._states[digest] = str(request["state"])
        self._keeper.now.requests[digest] = [post.ref for post in posts if post.ref]
        self._keeper.save()

    async def _show(self, post: Post, message: Message, buttons: Sequence[Button]) -> None:
        """Show it in one chat; why that cannot be is logged where it is new."""
        channel, said = post.transport.channel, ""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await post.show(message, buttons)
        except (ChannelAway, ChatRefused, TokenRefused, TimeoutError) as error:
            said = str(error) or "it does not answer"
            if said != self._silent.get(channel):
                log.warning("%s: %s", channel, said)
        self._silent[channel] = said

    async def _end(self, digest: str) -> None:
        """Say what became of a request that waits no more; a chat that is away for long holds up no other."""
        try:
            request, labels = await self._read(digest)
            if request is not None:
                if request["run"]:
                    self._runs.follow(str(request["run"]))
                message = await self._words(request, labels)
                await asyncio.gather(*(post.end(message) for post in self._posts(digest)))
                await self._tell_requester(request, message)
            self._forget(digest)
        except NocError as error:
            log.warning("%s", error)
        except Exception:
            log.exception("what became of request %s cannot be shown", digest[:12])
            self._forget(digest)
        finally:
            self._ending.discard(digest)

    def _forget(self, digest: str) -> None:
        self._states.pop(digest, None)
        self._tried.pop(digest, None)
        self._keeper.now.requests.pop(digest, None)
        self._keeper.save()

    async def _tell_requester(self, request: Mapping[str, Any], message: Message) -> None:
        """Tell who asked elsewhere that nothing comes of it; where a run comes of it, that is shown there."""
        asked = self._keeper.now.asked.get(str(request["digest"])[:DIGITS])
        if asked is None or request["run"]:
            return
        for transport in self._transports:
            if transport.channel == asked.channel and transport.operations_chat != asked.chat:
                await Post(transport, asked.chat).end(replace(message, code=""))

    def _posts(self, digest: str) -> list[Post]:
        known = {ref.channel: ref for ref in self._keeper.now.requests.get(digest, [])}
        return [Post(each, each.operations_chat, known.get(each.channel)) for each in self._transports]

    async def _read(self, digits: str) -> tuple[dict[str, Any] | None, Mapping[str, str]]:
        """A request with its plan, None where there is none; and what the plan's releases are called."""
        try:
            answer = await self._house.runner().ask("pending", request=digits)
        except NocError as error:
            if error.code != RequestNotFound.code:
                raise
            return None, {}
        return answer["request"], answer.get("labels", {})

    async def _words(self, request: Mapping[str, Any], labels: Mapping[str, str]) -> Message:
        try:
            timezone = (await self._house.fleet()).timezone
        except NocError:
            timezone = "UTC"
        message = request_message(request, timezone, labels)
        if request["state"] != "pending" or not request["signed"]:
            return message
        return replace(message, lines=(*message.lines, f"on HQ: noc approve {request['digest'][:12]} --key FILE"))

    async def _settle(self, ref: MessageRef, message: Message) -> None:
        for transport in self._transports:
            if transport.channel == ref.channel:
                await transport.edit(ref, message)
