"""The client: one hand-written page and its files, served from memory."""

import hashlib
import pkgutil
from dataclasses import dataclass

from clavitor.app import Route
from clavitor.http import Headers, Request, Response

FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/api.js": ("api.js", "text/javascript; charset=utf-8"),
    "/crypto.js": ("crypto.js", "text/javascript; charset=utf-8"),
    "/tools.js": ("tools.js", "text/javascript; charset=utf-8"),
    "/vault.js": ("vault.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


@dataclass(frozen=True, slots=True)
class File:
    """One file of the page, ready to be sent."""

    content: bytes
    headers: Headers

    @staticmethod
    def of(content: bytes, kind: str, more: Headers = ()) -> "File":
        """A file with further headers, if any: whoever has it with others does not have it."""
        etag = f'"{hashlib.sha256(b"".join([content, *(value.encode() for _, value in more)])).hexdigest()[:32]}"'
        # Always asked for again: after a deployment no browser may mix files of two releases.
        return File(content, (("content-type", kind), ("cache-control", "no-cache"), ("etag", etag), *more))

    async def get(self, request: Request) -> Response:
        """The file, or 304 for a browser that has it."""
        if request.headers.get("if-none-match") == dict(self.headers)["etag"]:
            return Response(304, headers=self.headers)
        return Response(200, self.content, self.headers)


def routes() -> list[Route]:
    """What the page's files answer to; each is read once, from the checkout or from the zipapp."""
    return [Route("GET", path, load(name, kind).get) for path, (name, kind) in FILES.items()]


def load(name: str, kind: str) -> File:
    """A file of the page, from the checkout or from the zipapp."""
    content = pkgutil.get_data("clavitor", f"page/{name}")
    assert content is not None
    return File.of(content, kind)
