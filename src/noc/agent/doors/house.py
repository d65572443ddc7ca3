"""Everything that a verb reaches: the fleet file, the runner's door and the watch's, each for whoever asks."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from noc.agent.doors.actor import Actor, Channel
from noc.agent.doors.runner import RunnerDoor
from noc.agent.doors.watch import WatchDoor
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.runs.paths import Paths


@dataclass(frozen=True)
class House:
    """HQ as the agent and the bots see it. It holds no key and no connection: each request makes its own.

    Attributes:
        directory: the fleet directory.
        runner_socket, watch_socket: the doors.
    """

    directory: Path
    runner_socket: Path
    watch_socket: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """HQ's own; `NOC_FLEET`, `NOC_RUNNER_SOCKET` and `NOC_WATCH_SOCKET` name others."""
        paths = Paths.from_environment(environment)
        return cls(paths.fleet, paths.runner_socket, paths.watch_socket)

    @classmethod
    def at(cls, directory: Path, environment: Mapping[str, str] = os.environ) -> Self:
        """HQ's own doors, with the fleet directory that was named."""
        return replace(cls.from_environment(environment), directory=directory)

    async def fleet(self) -> Fleet:
        """The fleet file as it is now. Raises as `noc.fleet.load.load`."""
        return await asyncio.to_thread(load, self.directory)

    def runner(self, actor: Actor | None = None) -> RunnerDoor:
        """The runner, asked for somebody; None for the login of this process, as which the bot asks what waits."""
        return RunnerDoor(self.runner_socket, actor.vouched if actor else None)

    def watch(self, actor: Actor | None = None) -> WatchDoor:
        """The watch, asked for somebody; None for the login of this process."""
        return WatchDoor(self.watch_socket, actor.person if actor else "")

    async def actor(self, channel: Channel, number: str) -> Actor:
        """The person behind an identity, as the runner knows it at this moment.

        Args:
            channel: where somebody wrote.
            number: their number there, in decimal.

        Raises:
            NocError: code E551 where nobody is linked to it; RunnerAbsent where nobody can say.
        """
        known = await RunnerDoor(self.runner_socket, {"channel": channel, "id": number}).ask("whoami")
        return Actor(str(known["person"]), known["role"], channel, number)
