"""The steps that bring one node's tunnel back without its console: two locks open, one repair, one lock shut again."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from noc.errors import NocError
from noc.fleet.model import Node
from noc.hosts.errors import ConnectionLost, HostError, Unreachable
from noc.hosts.shell import Shell
from noc.mesh.keys import check_public
from noc.mesh.status import PeerStatus
from noc.runs.admission.clock import lasting
from noc.runs.errors import RunCut
from noc.runs.record.events import State
from noc.runs.record.run import Run
from noc.runs.record.steps import Step
from noc.runs.rescue.doors import has_door, open_door, shut_door
from noc.runs.rescue.errors import DoorLeftOpen, LockShut
from noc.runs.site.configuration import node_config
from noc.runs.site.handshake import await_counters, counters
from noc.runs.site.site import Site

DIAL_S = 5.0
SLACK_S = 120.0
HUB_APPLIES_S = 20
HANDSHAKE_S = 60
REPAIR_S = 150
DOOR_S = 120
_POLL_S = 1.0


async def last_sign(site: Site, node: Node) -> datetime | None:
    """When HQ last heard a node through the tunnel, as handshake or as heartbeat; None where it never did."""
    status = await counters(site, node.name)
    shaken = status.handshake_at if status else None
    beat = await site.watch.last(node.name)
    signs = [datetime.fromtimestamp(shaken, UTC)] if shaken else []
    return max([*signs, *([beat.at.astimezone(UTC)] if beat else [])], default=None)


def lock_opens_in(last: datetime | None, rescue_after: float, now: datetime) -> float:
    """Seconds until a node lets HQ in by itself, as far as HQ can know; 0 where it was never heard."""
    return max(0.0, rescue_after - (now - last).total_seconds()) if last else 0.0


class NodeRescue:
    """One node on its way back into the tunnel. Its public address is used only for as long as the tunnel is dead."""

    def __init__(self, run: Run, site: Site, node: Node) -> None:
        """Prepare; nothing is connected yet."""
        self._run, self._site, self._node = run, site, node
        self._outside: Shell | None = None
        self._opened = False
        self._since = 0.0
        self.carried = False

    @property
    def steps(self) -> tuple[Step, ...]:
        """The cloud's lock is opened as late as can be: once the node's own should be open."""
        after = self._site.fleet.rescue.rescue_after
        return (
            Step("wait", after + SLACK_S, self.wait),
            Step("open", DOOR_S, self.open),
            Step("enter", after + 2 * SLACK_S, self.enter),
            Step("repair", REPAIR_S, self.repair),
            Step("handshake", HANDSHAKE_S, self.handshake),
            Step("tunnel-ssh", 60, self.tunnel_ssh),
        )

    async def close(self) -> None:
        """End the connection, and shut what was opened, whatever came of the rescue. Raises DoorLeftOpen."""
        if self._outside is not None:
            await self._outside.close()
        if not self._opened:
            return
        name = self._node.name
        self._run.record("shut", State.STARTED, name)
        told: list[str] = []
        try:
            await shut_door(self._site, self._node, told.append)
        except NocError as error:
            self._run.record("shut", State.FAILED, name, error=error.as_dict())
            fix = "the runner tries again every minute; or withdraw it at the cloud's console"
            raise DoorLeftOpen(f"the cloud's rule for 22 of {name} may still stand", why=str(error), fix=fix) from error
        self._run.record("shut", State.OK, name, changed=told)

    async def wait(self) -> Sequence[str]:
        """Wait for the node's own lock, while the tunnel may still come back by itself."""
        last, now = await last_sign(self._site, self._node), datetime.now(UTC)
        left_s = lock_opens_in(last, self._site.fleet.rescue.rescue_after, now)
        self._tell("wait", f"its own lock opens in {lasting(left_s)}, as far as HQ knows" if last else "never heard")
        end = time.monotonic() + left_s
        while not await self._carries():
            if time.monotonic() >= end:
                return []
            await self._pause(min(DIAL_S, end - time.monotonic()))
        return ["its tunnel carries again"]

    async def open(self) -> Sequence[str]:
        """Open the cloud's lock, where HQ has one to open."""
        if self.carried:
            return []
        if not has_door(self._site, self._node):
            self._tell("open", "no rule of HQ's in any cloud: 22 must be open to HQ there already")
            return []
        told: list[str] = []
        self._opened = True
        await open_door(self._site, self._node, told.append)
        return told

    async def enter(self) -> Sequence[str]:
        """Reach the node at its public address, under HQ's authority alone."""
        if self.carried:
            return []
        address, trust = str(self._site.book.record(self._node.name).address), self._site.authority(self._node)
        end = time.monotonic() + self._site.fleet.rescue.rescue_after + SLACK_S
        while True:
            try:
                self._outside = await self._site.ways.dial(self._node.name, address, trust, timeout_s=DIAL_S)
            except Unreachable as error:
                why = error.why
            else:
                return [f"reached at {address}"]
            if await self._carries():
                return ["its tunnel carries again"]
            if time.monotonic() >= end:
                fix = (
                    f"is {address} its address, and 22 open to HQ there? {self._site.fleet.hub.address} in hub.rescue?"
                )
                raise LockShut(f"{self._node.name} lets nobody in at 22", why=why, fix=fix)
            await self._pause(_POLL_S)

    async def repair(self) -> Sequence[str]:
        """Make both ends know each other again; the node goes back to what it had where that does not carry."""
        if self._outside is None:
            return []
        name, platform = self._node.name, self._site.ways.platform(self._node)
        public = check_public(await platform.tunnel_key(self._outside), name)
        learnt = self._site.book.learn(name, wireguard_key=public, wireguard_key_before=None)
        self._site.book.render(self._site.fleet)
        await await_counters(self._site, name, HUB_APPLIES_S, lambda status: status is not None)
        self._since = time.time() - 1
        change = await platform.repair_tunnel(self._outside, node_config(self._site, self._node))
        return [*(["its public key"] if learnt else []), *change.changed]

    async def handshake(self) -> Sequence[str]:
        """See a handshake at the hub that is younger than the repair."""
        if self._outside is not None:
            await await_counters(self._site, self._node.name, HANDSHAKE_S - 1, self._fresh)
        return []

    def _fresh(self, status: PeerStatus | None) -> bool:
        return status is not None and (status.handshake_at or 0) >= int(self._since)

    async def tunnel_ssh(self) -> Sequence[str]:
        """Prove SSH through the tunnel."""
        shell = await self._site.through_tunnel(self._node)
        await shell.close()
        self.carried = True
        self._site.book.learn(self._node.name, hub=self._site.fleet.hub.address, hub_key=None)
        return []

    async def _carries(self) -> bool:
        """Whether the node can be reached through the tunnel now."""
        try:
            shell = await self._site.through_tunnel(self._node, timeout_s=DIAL_S)
            await shell.close()
        except (HostError, ConnectionLost):
            return False
        self.carried = True
        return True

    async def _pause(self, seconds: float) -> None:
        """Wait, unless the run is to end. Raises RunCut."""
        try:
            await asyncio.wait_for(self._run.stopping.wait(), max(seconds, 0.05))
        except TimeoutError:
            self._run.check()
            return
        raise RunCut(f"the rescue of {self._node.name} was given up", why="the run was asked to stop")

    def _tell(self, step: str, words: str) -> None:
        self._run.record(step, State.PROGRESS, self._node.name, say=words)
