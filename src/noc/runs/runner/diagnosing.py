"""Looking into nodes and working on them at the runner's door: who may, what is written down of it, and how many.

Why a tunnel is dead, and which paths carry, may be asked by whomever the door lets in: it shows no node's inside.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from hashlib import sha256
from shlex import join
from typing import Any

from noc.errors import NocError, NotFound
from noc.fleet.model import Node
from noc.runs.admission.caller import Caller
from noc.runs.diagnosis.errors import NodeInHand, TooManyTalks
from noc.runs.diagnosis.execution import execute, read_order
from noc.runs.diagnosis.logs import logs
from noc.runs.diagnosis.reach import reach
from noc.runs.diagnosis.roles import check_may_enter
from noc.runs.diagnosis.shell import IDLE_S, MAX_IDLE_S, converse, read_terminal
from noc.runs.diagnosis.tunnel import examine
from noc.runs.diagnosis.wish import read_wish
from noc.runs.runner.door import Answers, ClientGone, Operation, Said, Talk
from noc.runs.runner.runner import Runner
from noc.runs.site.site import Site, open_site

AT_ONCE = 24
"""Talks that are open at a time, over all clients."""
LEFT, STOPPED = "left: the client went away", "cut: the runner was stopped"
_TOLD_ARGV = 1000

Facts = dict[str, Any]


class Diagnosing:
    """The door's talks over nodes: logs, exec, ssh; and its operations: tunnel, reach."""

    def __init__(self, runner: Runner) -> None:
        """Offer them over a runner: they stand in its audit, and its run may have a node in hand."""
        self._runner, self._open = runner, 0

    @property
    def talks(self) -> dict[str, Talk]:
        """By the name that requests give."""
        return {"logs": self._logs, "exec": self._exec, "ssh": self._ssh}

    @property
    def operations(self) -> dict[str, Operation]:
        """Those that need nothing more of the client, by name as well."""
        return {"tunnel": self._tunnel, "reach": self._reach}

    async def _tunnel(self, request: Mapping[str, Any], _caller: Caller) -> Answers:
        site, let_in = self._site(), request.get("let_in")
        node = _one(site, request)
        async with aclosing(examine(site, node, let_in if isinstance(let_in, bool) else None)) as answers:
            async for answer in answers:
                yield answer

    async def _reach(self, request: Mapping[str, Any], _caller: Caller) -> Answers:
        site = self._site()
        yield await reach(site, _one(site, request))

    async def _logs(self, request: Mapping[str, Any], caller: Caller, said: Said) -> Answers:
        site, nodes, wish = *self._asked(request, caller, "read logs"), read_wish(request)
        detail = {"units": list(wish.units), "since": wish.since, "until": wish.until, "grep": wish.grep}
        with self._noted(f"read logs of {_names(nodes)}", caller, **detail):
            yield {"nodes": [node.name for node in nodes]}
            async for answer in _while_there(logs(site, nodes, wish), said):
                yield answer
        yield {"end": True}

    async def _exec(self, request: Mapping[str, Any], caller: Caller, said: Said) -> Answers:
        site, nodes = self._asked(request, caller, "exec")
        order = read_order(request)
        line = join(order.argv)
        what = f"exec on {_names(nodes)}: {line}"
        detail: Facts = {"command": line[:_TOLD_ARGV], "nodes": [node.name for node in nodes][:200]}
        if len(line) > _TOLD_ARGV:
            detail["sha256"] = sha256(line.encode()).hexdigest()
        with self._runner.audit.refusals(what, caller.name, **detail):
            self._check_free(nodes, anyway=bool(request.get("anyway")))
        exits: dict[str, int | str] = {}
        with self._noted(what, caller, **detail) as facts:
            facts["exits"] = exits
            yield {"nodes": [node.name for node in nodes]}
            async for answer in _while_there(execute(site, nodes, order), said):
                if "line" not in answer:
                    exits[answer["node"]] = answer.get("exit", answer.get("error", {}).get("code", ""))
                yield answer
            if any(exits.values()):
                facts["result"] = "failed"
        yield {"end": True}

    async def _ssh(self, request: Mapping[str, Any], caller: Caller, said: Said) -> Answers:
        site, _ = self._asked({"nodes": [request["node"]]}, caller, "open a shell")
        node = _one(site, request)
        terminal = read_terminal(request)
        idle_s = min(max(float(request.get("idle_s") or IDLE_S), 1), MAX_IDLE_S)
        with self._noted(f"shell on {node.name}", caller) as facts:
            facts["result"] = LEFT
            shell = await site.through_tunnel(node)
            try:
                channel = await shell.channel(terminal=terminal)
                yield {"open": node.name, "idle_s": idle_s, "run": self._in_hand([node])}
                async with aclosing(converse(channel, said, idle_s)) as answers:
                    async for answer in answers:
                        if "exit" in answer:
                            facts.update(answer, result="ok")
                        else:
                            yield answer
            finally:
                await shell.close()
        if "exit" in facts:
            yield {"exit": facts["exit"]}

    def _site(self) -> Site:
        return open_site(self._runner.paths)

    def _asked(self, request: Mapping[str, Any], caller: Caller, what: str) -> tuple[Site, Sequence[Node]]:
        """The fleet and the nodes of a request by somebody who may make it."""
        site, names = self._site(), [str(name) for name in request["nodes"]]
        with self._runner.audit.refusals(f"{what} on {', '.join(names)}", caller.name):
            check_may_enter(caller, site.fleet)
        return site, _there(site, site.fleet.select(names), everybody="all" in names)

    def _in_hand(self, nodes: Sequence[Node]) -> str | None:
        """The run that is under way and has one of these nodes in its plan, None for none."""
        run = self._runner.current
        return run.id if run is not None and any(node.name in run.plan.nodes for node in nodes) else None

    def _check_free(self, nodes: Sequence[Node], *, anyway: bool) -> None:
        run = None if anyway else self._in_hand(nodes)
        if run is not None:
            why = f"run {run} has them in its plan" if len(nodes) > 1 else f"run {run} has it in its plan"
            fix = f"noc run follow {run}, and then again; or give it with --anyway"
            raise NodeInHand(f"nothing is run on {_names(nodes)} now", why=why, fix=fix)

    @contextmanager
    def _noted(self, what: str, caller: Caller, /, **detail: Any) -> Iterator[Facts]:  # noqa: ANN401 - any JSON value
        """One of the talks that may be open, in the audit with its beginning and its end, however it ends.

        What is given goes to the end's facts; `result` among them is how it ended where nothing was raised.
        """
        if self._open >= AT_ONCE:
            why = f"{self._open} shells, commands and looks at logs are open"
            raise TooManyTalks("the runner opens no further talk", why=why, fix="end one of them, or wait")
        intent = self._runner.audit.intend(what, caller.name, **detail)
        facts: Facts = {}
        result, self._open = LEFT, self._open + 1
        try:
            yield facts
            result = str(facts.pop("result", "ok"))
        except ClientGone:
            raise
        except asyncio.CancelledError:
            result = STOPPED
            raise
        except NocError as error:
            result, facts["error"] = "failed", error.as_dict()
            raise
        except Exception as error:
            result, facts["error"] = "failed", repr(error)
            raise
        finally:
            self._open -= 1
            self._runner.audit.outcome(intent, result, **facts)


def _there(site: Site, nodes: Sequence[Node], *, everybody: bool) -> Sequence[Node]:
    """Of all nodes those that have a tunnel; nodes that were asked for by name as they are."""
    return [node for node in nodes if site.book.record(node.name).wireguard_key] if everybody else nodes


def _one(site: Site, request: Mapping[str, Any]) -> Node:
    """The one node that is meant. Raises NotFound, also for all of them."""
    name = str(request["node"])
    if name == "all":
        raise NotFound("that is for one node at a time", fix="name it; noc nodes lists them")
    return site.fleet.node(name)


def _names(nodes: Sequence[Node]) -> str:
    return ", ".join(node.name for node in nodes) if len(nodes) <= 5 else f"{len(nodes)} nodes"


async def _while_there(answers: Answers, said: Said) -> Answers:
    """Answers until they end, or until the client goes away, which ends them at once."""
    listening = asyncio.create_task(_listen(said))
    try:
        async with aclosing(answers):
            while True:
                coming = asyncio.ensure_future(anext(answers, None))
                await asyncio.wait({coming, listening}, return_when=asyncio.FIRST_COMPLETED)
                if listening.done():
                    coming.cancel()
                    await asyncio.gather(coming, return_exceptions=True)
                    listening.result()
                    raise ClientGone
                if (answer := coming.result()) is None:
                    return
                yield answer
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _listen(said: Said) -> None:
    async for _ in said:
        """What is said meanwhile has no meaning; that it ends has."""
