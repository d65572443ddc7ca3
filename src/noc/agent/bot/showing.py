"""Runs in chats: one message that follows the run, and one at its end that says what came of it, and whose it was."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime

from noc.agent.bot.buttons import DIGITS
from noc.agent.bot.errors import ChannelAway, ChatRefused, TokenRefused
from noc.agent.bot.kept import Keeper
from noc.agent.bot.post import Post
from noc.agent.bot.transport import Transport
from noc.agent.doors.house import House
from noc.agent.words.message import Message
from noc.agent.words.run import run_message
from noc.errors import NocError
from noc.runs.admission.caller import RUNNER
from noc.runs.errors import RunnerAbsent, RunNotFound
from noc.runs.record.events import RUN, Event, State
from noc.runs.runner.view import View, advance

LOOK_S = 3.0
AGAIN_S = 3.0
BAD_SHOWN = 5

log = logging.getLogger(__name__)


class Watched:
    """One run as it is followed.

    Attributes:
        run: its id.
        view: as it stands.
        by, approved_by: who asked for it, and who agreed; "" where nobody had to.
        digest: of its plan.
        changed: set with the next record, and another one then.
        over: whether nothing more comes of it.
    """

    def __init__(self, run: str) -> None:
        """Follow a run from its beginning."""
        self.run, self.view = run, View()
        self.by, self.approved_by, self.digest = "", "", ""
        self.changed, self.over = asyncio.Event(), False

    def hear(self, event: Event) -> None:
        """Take one more record in."""
        self.view = advance(self.view, event)
        if event.step == RUN and event.state is State.STARTED:
            detail = event.detail
            self.by, self.approved_by = str(detail.get("by", "")), str(detail.get("approved_by", ""))
            self.digest = str(detail.get("plan", {}).get("digest", ""))
        self._wake()

    def end(self) -> None:
        """Note that nothing more comes."""
        self.over = True
        self._wake()

    def _wake(self) -> None:
        """Wake everybody who waits for the next record."""
        self.changed.set()
        self.changed = asyncio.Event()

    def whose(self) -> str:
        """Who asked and who agreed, in words."""
        agreed = f", approved by {self.approved_by}" if self.approved_by else ""
        return f"asked for by {self.by}{agreed}"


class Runs:
    """Follows the runs that people have asked for, and shows them where they are told of."""

    def __init__(self, house: House, transports: Sequence[Transport], keeper: Keeper) -> None:
        """Show runs.

        Args:
            house: the doors.
            transports: every chat service.
            keeper: knows the messages of runs that were under way.
        """
        self._house, self._transports, self._keeper = house, transports, keeper
        self._wanted: set[str] = set(keeper.now.runs)
        self._begun: set[str] = set()
        self._woken = asyncio.Event()

    def follow(self, run: str) -> None:
        """Show a run from now on, unless it is shown already."""
        self._wanted.add(run)
        self._woken.set()

    async def watch(self) -> None:
        """Show runs as they begin, until cancelled; those of the schedule have their own reports."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._look()
                for run in sorted(self._wanted - self._begun):
                    self._begun.add(run)
                    group.create_task(self._show_all(run))
                self._woken.clear()
                try:
                    async with asyncio.timeout(LOOK_S):
                        await self._woken.wait()
                except TimeoutError:
                    continue

    async def _look(self) -> None:
        """Find out what is under way, whoever began it."""
        try:
            lease = (await self._house.runner().ask("lease"))["lease"]
        except NocError as error:
            log.debug("%s", error)
            return
        if lease and lease["holder"]["user"] != RUNNER:
            self._wanted.add(str(lease["run"]))

    async def _show_all(self, run: str) -> None:
        """Show a run until it is over; one that cannot be shown keeps no other from it."""
        try:
            await self._show(run)
        except Exception:
            log.exception("run %s cannot be shown", run)
        self._keeper.now.runs.pop(run, None)
        self._keeper.save()

    async def _show(self, run: str) -> None:
        watched = Watched(run)
        reading = asyncio.create_task(self._read(watched))
        try:
            while not watched.digest and not watched.over:
                await watched.changed.wait()
            posts = self._posts(watched)
            await asyncio.gather(*(self._show_in(post, watched, posts) for post in posts))
        finally:
            reading.cancel()

    async def _show_in(self, post: Post, watched: Watched, posts: Sequence[Post]) -> None:
        """Show a run in one chat until it is over; a chat that is away holds up no other."""
        while not watched.over:
            changed = watched.changed
            await asyncio.sleep(post.due_s)
            await self._show_once(post, watched)
            self._keep(watched.run, posts)
            if not watched.over:
                await changed.wait()
        if watched.view.run:
            await _tell(post, watched)

    async def _read(self, watched: Watched) -> None:
        """Fold a run's records, again from the first where the runner went away in between."""
        while not watched.over:
            try:
                watched.view = View()
                async with aclosing(self._house.runner().stream("follow", run=watched.run)) as records:
                    async for record in records:
                        watched.hear(Event.model_validate(record))
                watched.end()
            except RunnerAbsent as error:
                log.info("%s", error)
                await asyncio.sleep(AGAIN_S)
            except (NocError, ValueError) as error:
                if not isinstance(error, NocError) or error.code != RunNotFound.code:
                    log.warning("run %s cannot be followed: %s", watched.run, error)
                watched.view = View()
                watched.end()

    def _posts(self, watched: Watched) -> list[Post]:
        """Where a run is shown: in the operations chats, and where somebody has asked for it."""
        known = {(ref.channel, ref.chat): ref for ref in self._keeper.now.runs.get(watched.run, [])}
        places = [(transport, transport.operations_chat) for transport in self._transports]
        if asked := self._keeper.now.asked.get(watched.digest[:DIGITS]):
            places += [(each, asked.chat) for each in self._transports if each.channel == asked.channel]
        return [Post(where, chat, known.get((where.channel, chat))) for where, chat in dict.fromkeys(places)]

    async def _show_once(self, post: Post, watched: Watched) -> None:
        """Show how a run stands; a chat that cannot be reached now gets a later state, and a line of the log once."""
        trouble = ""
        try:
            await post.show(_standing(watched))
        except (ChannelAway, ChatRefused, TokenRefused) as error:
            trouble = str(error)
            if trouble != post.trouble:
                log.warning("%s: %s", post.transport.channel, trouble)
        post.trouble = trouble

    def _keep(self, run: str, posts: Sequence[Post]) -> None:
        refs = [post.ref for post in posts if post.ref]
        if self._keeper.now.runs.get(run) != refs:
            self._keeper.now.runs[run] = refs
            self._keeper.save()


async def _tell(post: Post, watched: Watched) -> None:
    """The last state; and what came of it as a message of its own, since an edit calls nobody."""
    told = _standing(watched)
    await post.end(told)
    await Post(post.transport, post.chat).end(_result(watched))


def _standing(watched: Watched) -> Message:
    message = run_message(watched.view, datetime.now(UTC))
    approved = (f"approved by {watched.approved_by}",) if watched.approved_by else ()
    return replace(message, lines=(*message.lines[:1], *approved, *message.lines[1:]))


def _result(watched: Watched) -> Message:
    """What came of a run, for people who look away meanwhile: the nodes that are not as they should be by name."""
    bad = [f"{each.node}: {each.verdict}" for each in watched.view.verdicts if not each.good]
    more = (f"and {len(bad) - BAD_SHOWN} more",) if len(bad) > BAD_SHOWN else ()
    return Message(_standing(watched).title, (watched.whose(), *bad[:BAD_SHOWN], *more, f"run {watched.run}"))
