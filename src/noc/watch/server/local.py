"""The local listener's application: the JSON API and the page, for this machine only."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from noc.errors import NocError
from noc.watch.api.rest import on_error

LOOPBACK_NAMES: Final = {"127.0.0.1", "localhost"}
SAFE_METHODS: Final = {"GET", "HEAD"}


class LoopbackOnly:
    """Lets only requests through that name this machine: a page elsewhere that resolves to 127.0.0.1 does not.

    A request that changes something must not come from a page of another origin either.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or answer 403."""
        headers = dict(scope["headers"]) if scope["type"] == "http" else {}
        if scope["type"] == "http" and not _welcome(scope["method"], headers):
            refusal = {"what": "this listener answers to 127.0.0.1 and localhost only"}
            await JSONResponse({"error": refusal}, 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _welcome(method: str, headers: dict[bytes, bytes]) -> bool:
    host = headers.get(b"host", b"").decode("latin-1")
    if host.rpartition(":")[0] not in LOOPBACK_NAMES and host not in LOOPBACK_NAMES:
        return False
    origin = headers.get(b"origin", b"").decode("latin-1")
    return method in SAFE_METHODS or not origin or urlsplit(origin).netloc == host


def local_app(routes: Sequence[BaseRoute], *, over_tcp: bool) -> ASGIApp:
    """The application for the local listener; over TCP, whoever asks must name this machine."""
    handlers: dict[Any, Any] = {NocError: on_error}
    app = Starlette(routes=list(routes), exception_handlers=handlers)
    return LoopbackOnly(app) if over_tcp else app
