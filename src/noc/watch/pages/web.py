"""The page's routes: the document, its static files, and the stream of what changed."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncGenerator
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from noc.watch.pages.page import Page, Rendered
from noc.watch.service.watch import Watch

log = logging.getLogger(__name__)

MOST_READERS: Final = 64
LOOK_EVERY_S: Final = 1.0
SAY_EVERY_S: Final = 5.0
TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


_GROWING: Final = re.compile(r'(<time (?:data-age|class)="[^"]*">)[^<]*')


class Web:
    """Serves the page, and tells every open one what changed, at most once a second."""

    def __init__(self, watch: Watch, page: Page) -> None:
        """Take the watch and its page."""
        self._watch, self._page = watch, page
        self._readers: set[asyncio.Queue[str | None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def routes(self) -> list[BaseRoute]:
        """The page's paths."""
        return [
            Route("/", self.document),
            Route("/events", self.events),
            Route("/static/{name}", self.static),
        ]

    async def stop(self) -> None:
        """End every stream."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
        for reader in self._readers:
            _offer(reader, None)

    async def document(self, _request: Request) -> Response:
        """The whole page."""
        return HTMLResponse(self._page.whole(await self._page.render()), headers=HEADERS)

    async def static(self, request: Request) -> Response:
        """A static file; its address changes with its content, so browsers may keep it."""
        name = request.path_params["name"]
        content = self._page.files.get(name)
        if content is None:
            return Response(status_code=404)
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(content, headers=HEADERS | kept, media_type=TYPES["." + name.rpartition(".")[2]])

    async def events(self, _request: Request) -> Response:
        """The stream of changes; it begins with everything, because something may have changed since the page."""
        if len(self._readers) >= MOST_READERS or self._closed:
            return JSONResponse({"error": {"what": "too many open pages"}}, 503, {"Retry-After": "10"})
        if self._task is None:
            self._task = asyncio.create_task(self._pump())
        return StreamingResponse(self._stream(), media_type="text/event-stream", headers=HEADERS)

    async def _stream(self) -> AsyncGenerator[str, None]:
        reader: asyncio.Queue[str | None] = asyncio.Queue(8)
        self._readers.add(reader)
        try:
            yield self._message(await self._page.render(), None)
            while (message := await reader.get()) is not None:
                yield message
        finally:
            self._readers.discard(reader)

    async def _pump(self) -> None:
        """Render once for all readers, and send what is not as it was."""
        before: Rendered | None = None
        said = 0.0
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self._readers:
                before = None
                continue
            try:
                rendered = await self._page.render()
            except Exception:  # the open pages say that they are stale; the next look may succeed
                log.exception("the page could not be rendered")
                continue
            message = self._message(rendered, before)
            if before is None or differ(before, rendered) or rendered.now.mono - said >= SAY_EVERY_S:
                said = rendered.now.mono
                for reader in list(self._readers):
                    _offer(reader, message)
            before = rendered

    def _message(self, rendered: Rendered, before: Rendered | None) -> str:
        parts, rows = changes(before, rendered)
        document = {
            "now": rendered.now.wall,
            "clock": self._page.clock(rendered.now.wall)[:8],
            "title": rendered.title,
            "parts": parts,
            "rows": rows,
        }
        return f"data: {json.dumps(document, ensure_ascii=False, separators=(',', ':'))}\n\n"


def changes(before: Rendered | None, after: Rendered) -> tuple[dict[str, str], dict[str, str]]:
    """The sections and the rows that differ; where the order of the rows differs, the whole table is a section."""
    if before is None:
        return after.parts, {}
    parts = {
        name: html
        for name, html in after.parts.items()
        if name != "nodes" and timeless(before.parts[name]) != timeless(html)
    }
    if list(before.rows) != list(after.rows):
        return parts | {"nodes": after.parts["nodes"]}, {}
    return parts, {name: html for name, html in after.rows.items() if timeless(before.rows[name]) != timeless(html)}


def timeless(html: str) -> str:
    """The same HTML without the words that grow by themselves: ages, and the clock."""
    return _GROWING.sub(r"\1", html)


def differ(before: Rendered, after: Rendered) -> bool:
    """Whether anything but the time of rendering changed."""
    parts, rows = changes(before, after)
    return bool(parts or rows)


def _offer(reader: "asyncio.Queue[str | None]", message: str | None) -> None:
    """Give a reader a message; one that does not read any more loses its stream, and will ask again."""
    if reader.full():
        while not reader.empty():
            reader.get_nowait()
        message = None
    reader.put_nowait(message)
