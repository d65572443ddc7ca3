"""Work that says what it waits for, so that no client waits in silence."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")
Heard = Callable[[str], None]
EVERY_S = 30.0
"""Seconds after which who waits hears again what for: a client takes a longer silence for a dead runner."""


class Told(Generic[T]):
    """Work under way, whose words are passed on as they come."""

    def __init__(self, work: Callable[[Heard], Awaitable[T]]) -> None:
        """Begin it; it gets a function that takes words."""
        self._words: asyncio.Queue[str | None] = asyncio.Queue()
        self._task = asyncio.ensure_future(work(self._words.put_nowait))
        self._task.add_done_callback(lambda _: self._words.put_nowait(None))

    async def words(self) -> AsyncIterator[str]:
        """What it says, until it has ended; it is given up where nobody listens any more."""
        try:
            while (words := await self._words.get()) is not None:
                yield words
        finally:
            self._task.cancel()

    def result(self) -> T:
        """What came of it, once its words have ended. Raises what it raised."""
        return self._task.result()
