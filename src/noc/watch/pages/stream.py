"""Open pages and what they are told: each view is rendered once for all its readers, and only what changed is sent."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Final

from noc.watch.pages.views import Rendered, View, changes

log = logging.getLogger(__name__)

MOST_READERS: Final = 64
MOST_OF_ONE_CALLER: Final = 8
MOST_WAITING: Final = 8
"""Messages that wait for a reader; one that is further behind loses its stream, and its page asks again."""

LOOK_EVERY_S: Final = 1.0
SAY_EVERY_S: Final = 5.0


@dataclass(eq=False)
class Reader:
    """One open page: who looks at which view, and what it was not told yet."""

    caller: str
    path: str
    view: View
    waiting: "asyncio.Queue[str | None]" = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))

    def offer(self, message: str) -> bool:
        """Give it a message; False where too many wait already."""
        if self.waiting.full():
            return False
        self.waiting.put_nowait(message)
        return True

    def end(self) -> None:
        """End its stream: what waits is not sent any more."""
        while not self.waiting.empty():
            self.waiting.get_nowait()
        self.waiting.put_nowait(None)


@dataclass
class _Shown:
    rendered: Rendered
    said: float


class Stream:
    """Tells every open page what changed, at most once a second.

    Whoever opens one page more than allowed loses the one that he opened first, so that pages which nobody reads any
    more keep nobody out.
    """

    def __init__(self, clock: Callable[[int], str]) -> None:
        """Take the fleet's clock: ms to words."""
        self._clock = clock
        self._readers: list[Reader] = []
        self._shown: dict[str, _Shown] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def readers(self) -> int:
        """How many pages are open."""
        return len(self._readers)

    def stop(self) -> None:
        """End every stream."""
        if self._task is not None:
            self._task.cancel()
        for reader in list(self._readers):
            self._drop(reader)

    async def follow(self, caller: str, path: str, view: View) -> AsyncGenerator[str, None]:
        """The messages for one page, from everything on: something may have changed since it was sent."""
        reader = self._admit(Reader(caller, path, view))
        if self._task is None:
            self._task = asyncio.create_task(self._pump())
        try:
            rendered = await view.render()
            self._shown.setdefault(path, _Shown(rendered, rendered.now.mono))
            yield self._message(rendered, None, view.table)
            while (message := await reader.waiting.get()) is not None:
                yield message
        finally:
            self._forget(reader)

    def _admit(self, reader: Reader) -> Reader:
        own = [each for each in self._readers if each.caller == reader.caller]
        if len(own) >= MOST_OF_ONE_CALLER:
            self._drop(own[0])
        elif len(self._readers) >= MOST_READERS:
            self._drop(self._readers[0])
        self._readers.append(reader)
        return reader

    def _drop(self, reader: Reader) -> None:
        self._forget(reader)
        reader.end()

    def _forget(self, reader: Reader) -> None:
        if reader in self._readers:
            self._readers.remove(reader)

    async def _pump(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            views = {reader.path: reader.view for reader in self._readers}
            self._shown = {path: shown for path, shown in self._shown.items() if path in views}
            for path, view in views.items():
                try:
                    await self._look(path, view)
                except Exception:  # the open pages say that they are stale; the next look may succeed
                    log.exception("%s could not be rendered", path)

    async def _look(self, path: str, view: View) -> None:
        rendered = await view.render()
        before = self._shown.get(path)
        parts, rows = changes(before.rendered if before else None, rendered, view.table)
        is_due = before is None or parts or rows or rendered.now.mono - before.said >= SAY_EVERY_S
        said = rendered.now.mono if is_due else before.said if before else 0.0
        self._shown[path] = _Shown(rendered, said)
        if is_due:
            self._tell(path, self._message(rendered, before.rendered if before else None, view.table))

    def _tell(self, path: str, message: str) -> None:
        for reader in [each for each in self._readers if each.path == path]:
            if not reader.offer(message):
                self._drop(reader)

    def _message(self, rendered: Rendered, before: Rendered | None, table: str) -> str:
        parts, rows = changes(before, rendered, table)
        document = {
            "now": rendered.now.wall,
            "clock": self._clock(rendered.now.wall)[:8],
            "title": rendered.title,
            "parts": parts,
            "rows": rows,
        }
        return f"data: {json.dumps(document, ensure_ascii=False, separators=(',', ':'))}\n\n"
