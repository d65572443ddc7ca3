"""What HQ sees of one node while it is changed: the node's own word, its public face, and its heartbeat."""

import asyncio
from contextlib import suppress
from typing import Any

from noc.fleet.model import Node
from noc.hosts.activation import Verdict as NodeVerdict
from noc.hosts.errors import ActivationRefused, CommandFailed, ConnectionLost, Overdue, Unreachable
from noc.hosts.web import Health
from noc.runs.rollout.gate import Sight, error_share
from noc.runs.site.link import Link
from noc.runs.site.site import Site
from noc.runs.site.watchdoor import Heartbeat

SERVICE = "clavitor.service"
_RECONNECT_S = 20
_POLL_S = 0.05
_SHORT_S, _FIRST_PUSH_S = 0.01, 0.5


class Eyes:
    """Looks at one node. What can be asked before it is needed is, so that no look waits for a connection.

    Attributes:
        boot_before: the process that answered before the change; None where none did.
        errors_before: the share of requests that it failed to serve.
    """

    def __init__(self, site: Site, node: Node, link: Link, order: str, *, fresh: bool) -> None:
        """Prepare.

        Args:
            site: the fleet.
            node: the node.
            link: the way to it.
            order: the change's name on the node.
            fresh: make a new connection for each look at the public face, since its proxy may have changed.
        """
        self._site, self._node, self._link, self._order = site, node, link, order
        self._face = site.web.face(site.fleet.hostname(node), keep=not fresh)
        self._verdict: NodeVerdict | None = None
        self._early: asyncio.Task[Health] | None = None
        self.boot_before: str | None = None
        self.errors_before = 0.0

    async def open(self) -> None:
        """Look at what is there before the change; it also opens the connections of the looks that follow."""
        public, heartbeat = await asyncio.gather(self.public(), self._site.watch.last(self._node.name))
        self.boot_before = public.boot_id
        self.errors_before = error_share(heartbeat)[0]

    async def public(self) -> Health:
        """The public face."""
        return await self._face.health()

    async def state(self, *, wait_s: float = 0, not_state: str | None = None, within_s: float = 0) -> NodeVerdict:
        """The node's own verdict, as Activator.status; again over new connections for `within_s` seconds."""
        said = await self._link.ask(lambda a: a.status(self._order, wait_s, not_state), within_s=within_s)
        self._verdict = said
        return said

    def watch(self) -> None:
        """Ask the public face until another process answers, while the node is still busy with its restart."""
        self._early = asyncio.create_task(self._other_process())

    async def _other_process(self) -> Health:
        while True:
            seen = await self.public()
            if seen.boot_id not in (None, self.boot_before):
                return seen
            await asyncio.sleep(_POLL_S)

    async def look(self) -> Sight:
        """One look. The first after a verdict of the node takes that, and what came of the change meanwhile."""
        known, self._verdict = self._verdict, None
        verdict, public, heartbeat = await asyncio.gather(
            _given(known) if known else self._said(), self._seen(known), self._heard(known)
        )
        boot = verdict.health.get("boot_id")
        return Sight(verdict.state, verdict.reason, str(boot) if boot else None, None, public, heartbeat)

    async def look_closely(self) -> Sight:
        """One look, the restarts counted."""
        sight, restarts = await asyncio.gather(self.look(), self.restarts())
        return Sight(sight.state, sight.reason, sight.boot_id, restarts, sight.public, sight.heartbeat)

    async def stirs(self, within_s: float) -> None:
        """End as soon as the node's verdict is another than `activated`, or after that many seconds."""
        with suppress(ConnectionLost, Overdue, Unreachable, ActivationRefused):
            await self._link.ask(lambda a: a.status(self._order, within_s, "activated"))

    async def _said(self) -> NodeVerdict:
        said = await self.state(within_s=_RECONNECT_S)
        self._verdict = None
        return said

    async def _seen(self, verdict: NodeVerdict | None) -> Health:
        """The public face: what it said already, where that was the process of the node's verdict."""
        early, self._early = self._early, None
        if early is None or verdict is None:
            return await self.public()
        # A question that was put while the service restarted is answered as soon as it can be.
        done, _ = await asyncio.wait({early}, timeout=_POLL_S)
        seen = early.result() if done else Health()
        await _end(early)
        return seen if seen.boot_id == verdict.health.get("boot_id") else await self.public()

    async def _heard(self, verdict: NodeVerdict | None) -> Heartbeat | None:
        """What was heard last; a process pushes as soon as it is ready, so a new one is waited for a moment."""
        clock = asyncio.get_running_loop().time
        end = clock() + (_FIRST_PUSH_S if verdict else 0)
        while True:
            heard = await self._site.watch.last(self._node.name)
            if clock() >= end or (verdict and heard and heard.boot == verdict.health.get("boot_id")):
                return heard
            await asyncio.sleep(_SHORT_S)

    async def restarts(self) -> int | None:
        """How often systemd has restarted the service since it was started; None where that cannot be read."""
        try:
            status = await self._site.ways.platform(self._node).status(await self._link.shell(), SERVICE)
        except (ConnectionLost, Overdue, Unreachable, CommandFailed):
            return None
        return int(status["NRestarts"]) if status.get("NRestarts", "").isdecimal() else None

    async def close(self) -> None:
        """End what goes on, and the connection to the public face."""
        if self._early is not None:
            await _end(self._early)
        await self._face.close()


async def _end(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _given(verdict: NodeVerdict) -> NodeVerdict:
    return verdict
