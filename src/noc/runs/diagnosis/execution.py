"""One command on several nodes, through the tunnel: word by word as it was given, heard while it runs."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from noc.errors import NocError
from noc.fleet.model import Node
from noc.hosts.channel import Stream
from noc.hosts.errors import Overdue
from noc.hosts.shell import Shell
from noc.runs.diagnosis.errors import BadCommand
from noc.runs.diagnosis.leash import leashed
from noc.runs.diagnosis.lines import Lines
from noc.runs.record.tame import tame
from noc.runs.site.site import Site

MAX_ARGV = 64 * 1024
MAX_OUTPUT = 1024 * 1024
"""Bytes of a node's output that are handed on; what comes after them is counted and dropped."""
MAX_S, MAX_AT_ONCE = 3600.0, 32
_DIAL_S = 10.0
_GRACE_S = 15.0
"""Beyond the deadline that the node itself keeps: for what SIGTERM does not end, and for the way back."""
_AHEAD = 64

Answer = dict[str, Any]


@dataclass(frozen=True)
class Order:
    """What is to be run.

    Attributes:
        argv: the program and its arguments.
        within_s: seconds that it may take on a node.
        at_once: nodes on which it runs at the same time.
    """

    argv: tuple[str, ...]
    within_s: float
    at_once: int


def read_order(request: Mapping[str, Any]) -> Order:
    """What a client wants to be run: `argv`, `within_s`, `at_once`. Raises BadCommand."""
    argv = tuple(map(str, request["argv"]))
    within_s, at_once = float(request.get("within_s", 60)), int(request.get("at_once", 8))
    if not argv or not argv[0]:
        raise BadCommand("there is no command", fix="noc exec NODE -- uptime")
    if any("\0" in word for word in argv) or sum(len(word.encode()) + 1 for word in argv) > MAX_ARGV:
        why = f"it may have {MAX_ARGV} bytes, and none of them may be zero"
        raise BadCommand("the command cannot be carried to a node", why=why)
    if not (0 < within_s <= MAX_S and 1 <= at_once <= MAX_AT_ONCE):
        why = f"--timeout goes to {MAX_S:g} s, --at-once to {MAX_AT_ONCE} nodes"
        raise BadCommand("the command is not run with these bounds", why=why)
    return Order(argv, within_s, at_once)


async def execute(site: Site, nodes: Sequence[Node], order: Order) -> AsyncGenerator[Answer, None]:
    """Run a command on nodes; it ends there with its deadline, and with whoever listens.

    Args:
        site: the fleet.
        nodes: where.
        order: what.

    Yields:
        `{"node", "stream": "out"|"err", "line"}` as it comes, and for each node one `{"node", "exit", "seconds",
        "cut"}`, where `cut` is how many bytes were dropped, or `{"node", "failed"}` where it could not be run or did
        not end. Exit 124 is that of a command whose time was over, 126 and 127 of one that could not be started.
    """
    answers: asyncio.Queue[Answer] = asyncio.Queue(_AHEAD)
    at_once = asyncio.Semaphore(order.at_once)

    async def one(node: Node) -> None:
        async with at_once:
            await answers.put(await _Execution(site, node, order, answers).run())

    running = [asyncio.create_task(one(node)) for node in nodes]
    try:
        left = len(running)
        while left:
            answer = await answers.get()
            left -= "line" not in answer
            yield answer
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class _Execution:
    """One command on one node."""

    def __init__(self, site: Site, node: Node, order: Order, out: "asyncio.Queue[Answer]") -> None:
        self._site, self._node, self._order, self._out = site, node, order, out
        self._told = self._dropped = 0

    async def run(self) -> Answer:
        """The last answer of this node."""
        begun = asyncio.get_running_loop().time()
        try:
            shell = await self._site.through_tunnel(self._node, timeout_s=_DIAL_S)
            try:
                async with asyncio.timeout(self._order.within_s + _GRACE_S):
                    status = await self._on(shell)
            finally:
                await shell.close()
        except TimeoutError:
            what = f"{self._order.argv[0]} did not end on {self._node.name} within {self._order.within_s:g} s"
            return {"node": self._node.name, "failed": tame(Overdue(what, fix="give it more: --timeout").as_dict())}
        except NocError as error:
            return {"node": self._node.name, "failed": tame(error.as_dict())}
        seconds = asyncio.get_running_loop().time() - begun
        return {"node": self._node.name, "exit": status, "seconds": round(seconds, 3), "cut": self._dropped}

    async def _on(self, shell: Shell) -> int:
        channel = await shell.channel(*leashed(self._order.argv, self._order.within_s))
        try:
            lines: dict[Stream, Lines] = {"out": Lines(), "err": Lines()}
            async with aclosing(channel.heard()) as heard:
                async for stream, piece in heard:
                    for line in lines[stream].take(piece):
                        await self._tell(stream, line)
            for stream, rest in lines.items():
                for line in rest.end():
                    await self._tell(stream, line)
            return await channel.status()
        finally:
            await channel.close()

    async def _tell(self, stream: Stream, line: bytes) -> None:
        if self._told + len(line) > MAX_OUTPUT:
            self._dropped += len(line) + 1
            return
        self._told += len(line) + 1
        answer = {"node": self._node.name, "stream": stream, "line": line.decode(errors="replace")}
        await self._out.put(answer)
