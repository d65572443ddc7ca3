"""A link to one node that is made anew when it breaks, for questions that may be asked twice."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from noc.hosts.activation import Activator
from noc.hosts.errors import ConnectionLost, Overdue, Unreachable
from noc.hosts.shell import Shell
from noc.runs.site.ways import Ways

_T = TypeVar("_T")
_RETRY_S = 1.0


class Link:
    """A node behind a way to reach it. One connection with one activator at its end, kept while it holds.

    Attributes:
        kept: it was left open for a while: its connection may have ended unseen, so a first failure says nothing.
    """

    def __init__(self, dial: Callable[[], Awaitable[Shell]], ways: Ways) -> None:
        """Prepare a link; nothing is connected before the first use.

        Args:
            dial: makes a verified connection.
            ways: gives the activator at the other end.
        """
        self._dial, self._ways = dial, ways
        self.kept = False
        self._shell: Shell | None = None
        self._activator: Activator | None = None
        self._dialling = asyncio.Lock()

    async def shell(self) -> Shell:
        """The open connection, made now where there is none."""
        async with self._dialling:
            if self._shell is None:
                self._shell = await self._dial()
            return self._shell

    async def activator(self) -> Activator:
        """The activator at the other end of the open connection, which is made now where there is none."""
        shell = await self.shell()
        if self._activator is None:
            self._activator = self._ways.activator(shell)
        return self._activator

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
                return await question(await self.activator())
            except (ConnectionLost, Unreachable, Overdue):
                await self.close()
                kept, self.kept = self.kept, False
                if kept:
                    continue
                if asyncio.get_running_loop().time() >= end:
                    raise
                await asyncio.sleep(_RETRY_S)

    async def close(self) -> None:
        """End the connection, where there is one."""
        shell, self._shell, self._activator = self._shell, None, None
        if shell is not None:
            with suppress(ConnectionLost):
                await shell.close()
