"""Journals of several nodes as one: each read over a channel of its own through the tunnel, merged by time.

What is held is bounded whatever nodes say: a line, the entries of a node that are ahead of the others, and those that
wait for their time. A node that says more has to wait.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Any

from noc.errors import NocError
from noc.fleet.model import Node
from noc.hosts.errors import CommandFailed, Overdue
from noc.hosts.shell import Result, Shell
from noc.runs.diagnosis.entry import Entry, entry_of
from noc.runs.diagnosis.leash import leashed
from noc.runs.diagnosis.lines import Lines
from noc.runs.diagnosis.merging import Knot, Window
from noc.runs.diagnosis.wish import Wish, journalctl
from noc.runs.record.tame import tame
from noc.runs.site.site import Site

AHEAD = 64
DIAL_S = 8.0
SILENT_S = 60.0
"""Seconds without a word after which a journal that is only read, not followed, counts as stuck."""
RETRY_S = 3.0
_AT_ONCE = 8
_LAST_WORDS = 500

Answer = dict[str, Any]
_Said = Entry | NocError | str | None
"""What a source says: an entry, why it is silent, "back", its end."""


class Source:
    """The journal of one node, read into a queue by a task of its own."""

    def __init__(self, site: Site, node: Node, wish: Wish, dialling: asyncio.Semaphore) -> None:
        """Prepare; nothing is connected before `run`."""
        self._site, self._node, self._wish, self._dialling = site, node, wish, dialling
        self._cursor = ""

    async def run(self, out: "asyncio.Queue[tuple[str, _Said]]") -> None:
        """Read it; where it is followed and the way to it breaks, again, from where it was cut."""
        name, told = self._node.name, ""
        while True:
            try:
                async with aclosing(self._entries()) as entries:
                    async for entry in entries:
                        if entry is not None:
                            await out.put((name, entry))
                        elif told:
                            told = ""
                            await out.put((name, "back"))
            except NocError as error:
                if str(error) != told:
                    await out.put((name, error))
                told = str(error)
                refused = isinstance(error, CommandFailed)
            else:
                refused = False
            if refused or not self._wish.follow:
                await out.put((name, None))
                return
            await asyncio.sleep(RETRY_S)

    async def _entries(self) -> AsyncGenerator[Entry | None, None]:
        """None once the journal is open, then its entries."""
        async with self._dialling:
            shell = await self._site.through_tunnel(self._node, timeout_s=DIAL_S)
        try:
            async with aclosing(self._read(shell)) as entries:
                if self._wish.grep and self._wish.lines and not self._wish.follow:
                    # With both of them some versions of journalctl begin at the end (--lines bounds what that holds).
                    for entry in sorted([each async for each in entries if each], key=lambda entry: entry.at_us):
                        yield entry
                    return
                async for each in entries:
                    yield each
        finally:
            await shell.close()

    async def _read(self, shell: Shell) -> AsyncGenerator[Entry | None, None]:
        argv = journalctl(self._wish, self._cursor)
        channel, lines, words = await shell.channel(*leashed(argv)), Lines(), b""
        async with AsyncExitStack() as ending:
            ending.push_async_callback(channel.close)
            heard = await ending.enter_async_context(aclosing(channel.heard()))
            yield None
            while (said := await self._next(heard)) is not None:
                stream, piece = said
                if stream == "err":
                    words = (words + piece)[-_LAST_WORDS:]
                    continue
                for line in lines.take(piece):
                    if entry := entry_of(self._node.name, line):
                        self._cursor = entry.cursor
                        yield entry
            status = await channel.status()
        # Of a pattern that nothing matches journalctl says 1, and not a word.
        if status and (words or status != 1):
            result = Result(argv, status, "", words.decode(errors="replace"))
            raise CommandFailed(f"the journal of {self._node.name} cannot be read", result=result)

    async def _next(self, heard: AsyncGenerator[tuple[str, bytes], None]) -> tuple[str, bytes] | None:
        try:
            async with asyncio.timeout(None if self._wish.follow else SILENT_S):
                return await anext(heard, None)
        except TimeoutError:
            why = f"nothing came for {SILENT_S:g} s"
            raise Overdue(f"the journal of {self._node.name} is stuck", why=why, fix="noc health") from None


async def logs(site: Site, nodes: Sequence[Node], wish: Wish) -> AsyncGenerator[Answer, None]:
    """Read the journals of nodes as one.

    Args:
        site: the fleet.
        nodes: whose.
        wish: what of it.

    Yields:
        `{"entry": {"at_us", "node", "unit", "priority", "message"}}` in the order of time; `{"silent": {"node",
        "why"}}` for a node that cannot be heard, while the others go on; `{"back": node}` where one that is followed
        can be read again.
    """
    dialling = asyncio.Semaphore(_AT_ONCE)
    sources = {node.name: Source(site, node, wish, dialling) for node in nodes}
    merge = _followed(sources) if wish.follow else _in_order(sources)
    async with aclosing(merge) as answers:
        async for answer in answers:
            yield answer


async def _in_order(sources: dict[str, Source]) -> AsyncGenerator[Answer, None]:
    queues: dict[str, asyncio.Queue[tuple[str, _Said]]] = {name: asyncio.Queue(AHEAD) for name in sources}
    knot = Knot(frozenset(sources))
    reading = [asyncio.create_task(source.run(queues[name])) for name, source in sources.items()]
    try:
        while True:
            for name in sorted(knot.waiting):
                _, said = await queues[name].get()
                if isinstance(said, Entry):
                    knot.add(said)
                elif isinstance(said, NocError):
                    yield _silent(name, said)
                elif said is None:
                    knot.end(name)
            if knot.waiting:
                continue
            if (entry := knot.next()) is None:
                return
            yield {"entry": entry.as_dict()}
    finally:
        await _ended(reading)


async def _followed(sources: dict[str, Source]) -> AsyncGenerator[Answer, None]:
    said_by_all: asyncio.Queue[tuple[str, _Said]] = asyncio.Queue(AHEAD)
    window, clock, left = Window(), asyncio.get_running_loop().time, len(sources)
    reading = [asyncio.create_task(source.run(said_by_all)) for source in sources.values()]
    try:
        while left:
            try:
                async with asyncio.timeout(window.due_s(clock())):
                    name, said = await said_by_all.get()
            except TimeoutError:
                pass
            else:
                if isinstance(said, Entry):
                    window.add(said, clock())
                elif said is None:
                    left -= 1
                else:
                    yield {"back": name} if isinstance(said, str) else _silent(name, said)
            for entry in window.ready(clock()):
                yield {"entry": entry.as_dict()}
        for entry in window.rest():
            yield {"entry": entry.as_dict()}
    finally:
        await _ended(reading)


def _silent(name: str, error: NocError) -> Answer:
    return {"silent": {"node": name, "why": tame(str(error))}}


async def _ended(tasks: Sequence["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
