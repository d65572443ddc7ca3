"""An answer from elsewhere that pages show: asked for while somebody looks, and never waited for by who looks long."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from noc.errors import NocError
from noc.watch.clock import now

FRESH_S: Final = 2.0
PATIENCE_S: Final = 0.5
"""So long a page waits for an answer; one that comes later it shows a moment later."""

T = TypeVar("T")


class Fresh(Generic[T]):
    """The last answer to one question, asked again in the background once it is old; one asks at a time.

    Attributes:
        value: the last good answer, None before there was one.
        error: why the last try gave none, None where it did.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        """Nothing was asked yet."""
        self._ask = ask
        self.value: T | None = None
        self.error: NocError | None = None
        self._asked = float("-inf")
        self._task: asyncio.Task[None] | None = None

    async def look(self, patience_s: float | None = PATIENCE_S) -> None:
        """Bring `value` and `error` up to date, as far as that is done in so many seconds; None for all it takes."""
        task, is_known = self._task, self.value is not None or self.error is not None
        if task is None and now().mono - self._asked >= FRESH_S:
            self._task = task = asyncio.create_task(self._renew())
        elif task is None or is_known:
            return
        await asyncio.wait({task}, timeout=patience_s)
        if task.cancelled():  # it came too early; what holds now is asked for anew
            await self.look(patience_s)
        elif task.done():
            task.result()

    def forget(self) -> None:
        """Ask again at the next look: something has changed, so that what is being asked comes too early."""
        self.stop()
        self._asked = float("-inf")

    def stop(self) -> None:
        """Give up what is being asked."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _renew(self) -> None:
        self._asked = now().mono
        try:
            self.value, self.error = await self._ask(), None
        except NocError as error:
            self.error = error
        finally:
            if self._task is asyncio.current_task():
                self._task = None
