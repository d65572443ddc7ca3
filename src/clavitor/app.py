"""From a request to its answer: routes, errors, the headers that every answer carries, one log line each."""

import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address

from clavitor.counters import HourCounter
from clavitor.errors import HttpError
from clavitor.http import Headers, Request, Response

log = logging.getLogger(__name__)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE"})
QUIET = frozenset({"/health"})  # asked all day long by machines; a line each would only wear the disk
RETRY_AFTER = 2
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
SECURITY: Headers = (
    ("content-security-policy", CONTENT_POLICY),
    ("strict-transport-security", "max-age=31536000"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
)


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path whose `{…}` segments are handed to the handler, and that handler."""

    method: str
    path: str
    handle: Callable[..., Awaitable[Response]]

    def match(self, path: str) -> list[str] | None:
        """The values of the path's variable segments, or None where the path is another."""
        mine, theirs = self.path.split("/"), path.split("/")
        pairs = list(zip(mine, theirs, strict=False))
        if len(mine) != len(theirs) or any(a != b and not a.startswith("{") for a, b in pairs):
            return None
        return [b for a, b in pairs if a.startswith("{")]


class App:
    """Answers every request, also those that go wrong.

    Args:
        routes: tried in order.
        requests: counts what was answered.
        errors: counts what was answered with 500 or more.
    """

    def __init__(self, routes: Sequence[Route], requests: HourCounter, errors: HourCounter) -> None:
        self._routes, self._requests, self._errors = routes, requests, errors

    async def handle(self, request: Request) -> Response:
        """Answer one request; raises nothing."""
        began = time.perf_counter()
        request = replace(request, peer=client_address(request))
        name = "-"
        try:
            route, values = self._find(request)
            name = route.path
            response = await route.handle(request, *values)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the client is answered
            response = _failure(error)
        self._requests.add()
        if response.status >= 500:
            self._errors.add()
        if name not in QUIET or response.status >= 400:
            # The route's name, not the path, and no method that is not ours: what a client typed never reaches the log.
            method = request.method if request.method in METHODS else "-"
            log.info("%s %s %d %.1f ms", method, name, response.status, 1000 * (time.perf_counter() - began))
        own = {name for name, _ in response.headers}
        return replace(response, headers=(*response.headers, *(pair for pair in SECURITY if pair[0] not in own)))

    def _find(self, request: Request) -> tuple[Route, list[str]]:
        method = "GET" if request.method == "HEAD" else request.method
        known = False
        for route in self._routes:
            values = route.match(request.path)
            if values is not None and route.method == method:
                return route, values
            known = known or values is not None
        raise HttpError(405, "no such method here") if known else HttpError(404, "no such page")


def client_address(request: Request) -> str:
    """Whose request it is. Only the proxy on this machine is believed, and only what it appended itself."""
    forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    try:
        if forwarded and ip_address(request.peer).is_loopback:
            return str(ip_address(forwarded))
    except ValueError:
        pass
    return request.peer


def _failure(error: Exception) -> Response:
    if isinstance(error, HttpError):
        retry = (("retry-after", str(error.retry_after)),) if error.retry_after is not None else ()
        elsewhere = {"url": error.url} if error.url else {}
        return Response.of({"error": error.message, **elsewhere}, status=error.status, headers=retry)
    log.error("a request failed", exc_info=error)
    if isinstance(error, sqlite3.OperationalError):
        headers = (("retry-after", str(RETRY_AFTER)),)
        return Response.of({"error": "the database cannot take this now"}, status=503, headers=headers)
    return Response.of({"error": "this is the service's fault, and has been written down"}, status=500)
