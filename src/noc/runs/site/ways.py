"""How one machine is reached, and what is then at hand there: the seam behind which tests put machines of their own."""

from pathlib import Path
from typing import Protocol

from noc.fleet.model import Node
from noc.hosts import platforms
from noc.hosts.activation import Activator
from noc.hosts.platform import Platform
from noc.hosts.shell import Shell
from noc.hosts.ssh import Target, Trust, connect


class Ways(Protocol):
    """How one machine is reached, and what is then at hand there. Tests put their own machines behind this seam."""

    async def dial(
        self, name: str, address: str, trust: Trust | None, *, timeout_s: float, segment: int | None = None
    ) -> Shell:
        """Reach and verify a machine; arguments and what it raises as `noc.hosts.ssh.connect`."""
        ...

    def only(self, key: Path) -> "Ways":
        """The same ways with that private key of HQ's, and no other."""
        ...

    def platform(self, node: Node) -> Platform:
        """What the node's operating system offers."""
        ...

    def activator(self, shell: Shell) -> Activator:
        """The activator at the other end of a shell."""
        ...


class SSHWays:
    """The ways of production: SSH with the fleet's key."""

    def __init__(self, key: Path, *more: Path) -> None:
        """Use a private key, and offer others after it."""
        self._key, self._more = key, more

    async def dial(
        self, name: str, address: str, trust: Trust | None, *, timeout_s: float, segment: int | None = None
    ) -> Shell:
        """See Ways."""
        target = Target(name, address, self._key, trust, more=self._more)
        return await connect(target, timeout_s=timeout_s, segment=segment)

    def only(self, key: Path) -> "Ways":
        """See Ways."""
        return SSHWays(key)

    def platform(self, node: Node) -> Platform:
        """See Ways."""
        return platforms.get(node.platform)

    def activator(self, shell: Shell) -> Activator:
        """See Ways."""
        return Activator(shell)
