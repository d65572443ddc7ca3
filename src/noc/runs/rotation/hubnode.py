"""One node in a rotation of HQ's tunnel key. Its connection is held over the switch: a gap of seconds ends none."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from noc.fleet.model import Node
from noc.hosts import hubkeys
from noc.hosts.errors import HostError, Overdue
from noc.hosts.shell import Shell
from noc.runs.errors import HandshakeMissing
from noc.runs.record.run import Run
from noc.runs.record.steps import Step, walk
from noc.runs.rollout.bringing import bring
from noc.runs.site.site import Site
from noc.runs.site.systems import NIXOS

HURRY_S = 150
"""Seconds for which a node follows HQ at once: longer than a trial and the way back from it."""
FOLLOW_S = 30.0
_DIAL_S = 6.0
_POLL_S = 0.3


class HubKeyNode:
    """Tells one node, sees it follow, and lets it keep what it follows to."""

    def __init__(self, run: Run, site: Site, node: Node) -> None:
        """Nothing is connected yet."""
        self._run, self._site, self._node = run, site, node
        self._open: Shell | None = None

    @property
    def name(self) -> str:
        """The node's."""
        return self._node.name

    async def close(self) -> None:
        """End the connection."""
        if self._open is not None:
            await self._open.close()
            self._open = None

    async def tell(self, old: str, new: str) -> None:
        """Let it know the next key beside the one in use; written down once its watchdog has it. Raises NocError."""

        async def work() -> Sequence[str]:
            new_to_it = await hubkeys.tell(await self._shell(), (old, new))
            self._site.book.learn(self.name, hub_key_next=new)
            return ["told the next key"] if new_to_it else []

        await self._take("tell", 60, work)

    async def hurry(self) -> None:
        """Let it follow at once from now on. Raises NocError."""

        async def work() -> Sequence[str]:
            await hubkeys.hurry(await self._shell(), HURRY_S)
            return []

        await self._take("arm", 60, work)

    async def follow(self, key: str) -> None:
        """See it carry by a key, and say so through the tunnel that HQ holds by that key. Raises HandshakeMissing."""
        await self._take("follow", FOLLOW_S + 15, lambda: self._followed(key))

    async def come_back(self, key: str) -> None:
        """See it carry by the key from before again; that is no step that a halted run may leave out."""
        await self._followed(key)

    async def keep(self, key: str) -> None:
        """Let it have a key for good, and know no other. Raises NocError."""

        async def work() -> Sequence[str]:
            changed = await self._configured(key)
            await hubkeys.forget(await self._shell())
            self._site.book.learn(self.name, hub_key_next=None, hub_key=None)
            return changed

        await self._take("keep", 600, work)

    async def _configured(self, key: str) -> Sequence[str]:
        if self._node.platform != NIXOS:
            return await hubkeys.keep(await self._shell(), key)
        # There the key is a part of the system, which has to be made anew.
        await bring(self._run, self._site, self._node, order=f"{self._run.id}-hub")
        return ["system"]

    async def _followed(self, key: str) -> Sequence[str]:
        end, why = time.monotonic() + FOLLOW_S, "it was not asked"
        while time.monotonic() < end:
            try:
                if (seen := await hubkeys.carries(await self._shell())) == key:
                    return [f"carries by {key[:8]}…"]
                why = f"its tunnel carries by {seen[:8] or 'no key'}…"
            except (HostError, Overdue) as error:
                why = str(error)
                await self.close()
            await asyncio.sleep(_POLL_S)
        raise HandshakeMissing(f"{self.name} did not follow HQ to {key[:8]}…", why=why)

    async def _shell(self) -> Shell:
        if self._open is None:
            self._open = await self._site.through_tunnel(self._node, timeout_s=_DIAL_S)
        return self._open

    async def _take(self, name: str, deadline_s: float, work: Callable[[], Awaitable[Sequence[str]]]) -> None:
        await walk(self._run, self.name, [Step(name, deadline_s, work)])
