"""A link to one node that is made anew when it breaks, for questions that may be asked twice."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from noc.hosts.activation import Activator
from noc.hosts.errors import ConnectionLost, Overdue, Unreachable
from noc.hosts.shell import Shell
from noc.runs.site.site import Ways

_T = TypeVar("_T")
_RETRY_S = 1.0


class Link:
    """A node behind a way to reach it. One connection, kept while it holds."""

    def __init__(self, dial: Callable[[], Awaitable[Shell]], ways: Ways) -> None:
        """Prepare a link; nothing is connected before the first use.

        Args:
            dial: makes a verified connection.
            ways: gives the activator at the other end.
        """
        self._dial, self._ways = dial, ways
        self._shell: Shell | None = None
        self._dialling = asyncio.Lock()

    async def shell(self) -> Shell:
        """The open connection, made now where there is none."""
        async with self._dialling:
            if self._shell is None:
                self._shell = await self._dial()
            return self._shell

    async def ask(self, question: Callable[[Activator], Awaitable[_T]], *, within_s: float = 0) -> _T:
        """Put a question to the node's activator, again over a new connection while the old ones break.

        Args:
            question: what to ask; asking twice does no harm.
            within_s: seconds for which to try again; 0 asks once.

        Raises:
            ConnectionLost, Unreachable, Overdue: it did not work within that time; and whatever the activator says.
        """
        end = asyncio.get_running_loop().time() + within_s
        while True:
            try:
                return await question(self._ways.activator(await self.shell()))
            except (ConnectionLost, Unreachable, Overdue):
                await self.close()
                if asyncio.get_running_loop().time() >= end:
                    raise
                await asyncio.sleep(_RETRY_S)

    async def close(self) -> None:
        """End the connection, where there is one."""
        shell, self._shell = self._shell, None
        if shell is not None:
            with suppress(ConnectionLost):
                await shell.close()
