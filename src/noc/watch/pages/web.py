"""The pages' routes: documents, static files, the stream of what changed, and the forms."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from noc.errors import NotFound
from noc.fleet.model import Role
from noc.watch.access.caller import RANK, Caller, need
from noc.watch.access.forms import FIELD
from noc.watch.errors import BadRequest
from noc.watch.pages.acts import SILENCES
from noc.watch.pages.charts import RANGES, RangeName
from noc.watch.pages.dashboard import Dashboard
from noc.watch.pages.incident import IncidentList, IncidentView
from noc.watch.pages.large import LARGE, Asked, LargeView
from noc.watch.pages.look import HEADERS, Look
from noc.watch.pages.lookup import Standing, Wanted
from noc.watch.pages.node import NodeView
from noc.watch.pages.projection import HEIGHT, WIDTH
from noc.watch.pages.request import RequestView
from noc.watch.pages.runs import RunBoard
from noc.watch.pages.stream import Stream
from noc.watch.pages.views import View
from noc.watch.pages.waiting import Waiting
from noc.watch.service.watch import Watch
from noc.watch.store.records import Severity

MAX_ADDRESS: Final = 1_000
LARGEST_ID: Final = 2**53
_DIGITS: Final = re.compile(r"[0-9a-f]{12,64}")
STANDINGS: Final[dict[str, Standing]] = {"": "all", "all": "all", "open": "open", "closed": "closed"}
SEVERITIES: Final[dict[str, Severity | None]] = {"": None, "SEV1": "SEV1", "SEV2": "SEV2"}
TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Web:
    """Serves the pages of one watch.

    Attributes:
        dashboard: started before the first request.
        stream, waiting: stopped before the listener is.
    """

    watch: Watch
    look: Look
    dashboard: Dashboard
    stream: Stream
    waiting: Waiting

    @classmethod
    def of(cls, watch: Watch, runs: RunBoard, waiting: Waiting) -> "Web":
        """The pages of a watch, which is running."""
        look = Look(lambda: watch.config.fleet)
        return cls(watch, look, Dashboard(watch, look, runs, waiting), Stream(look.clock), waiting)

    def routes(self) -> list[BaseRoute]:
        """The pages' paths."""
        return [
            Route("/", self.page),
            Route("/nodes/{name}", self.page),
            Route("/incidents", self.page),
            Route("/incidents/{number}", self.page),
            Route("/approvals/{digest}", self.page),
            Route("/events", self.events),
            Route("/static/{name}", self.static),
        ]

    async def page(self, request: Request) -> Response:
        """A whole document."""
        caller = need(request, "viewer")
        address = address_of(request.url)
        view = self.view(address)
        rendered = await view.render()
        html = self.look.render(
            view.document,
            rendered.now,
            title=rendered.title,
            parts=rendered.parts,
            here=request.url.path,
            stream=address,
            map_size=(WIDTH, HEIGHT),
            me=caller,
            form=request.scope["state"].get(FIELD, ""),
            view=view,
            may_acknowledge=is_allowed(caller, "agent"),
            may_write=is_allowed(caller, "operator"),
            may_approve=is_allowed(caller, "approver"),
            silences=SILENCES,
            ranges=tuple(RANGES),
        )
        return HTMLResponse(html, headers=HEADERS)

    def view(self, address: str) -> View:
        """The view at an address: path and query. Raises NotFound, BadRequest."""
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            raise NotFound("there is no such page")
        query = dict(parse_qsl(parts.query, max_num_fields=10))
        match parts.path.split("/")[1:]:
            case [""] if len(self.watch.config.nodes) > LARGE:
                return LargeView(self.watch, self.look, self.dashboard, Asked.of(query))
            case [""]:
                return self.dashboard
            case ["nodes", name]:
                self.watch.config.fleet.node(name)
                return NodeView(self.watch, self.look, self.dashboard, name, range_of(query.get("range", "24h")))
            case ["incidents"]:
                return IncidentList(self.watch, self.look, self.dashboard, wanted_of(query))
            case ["incidents", number] if number.isascii() and number.isdigit() and int(number) < LARGEST_ID:
                return IncidentView(self.watch, self.look, self.dashboard, int(number))
            case ["approvals", digest] if _DIGITS.fullmatch(digest):
                return RequestView(self.waiting, self.look, self.dashboard, digest)
            case _:
                raise NotFound("there is no such page")

    async def static(self, request: Request) -> Response:
        """A static file; its address changes with its content, so browsers may keep it."""
        name = request.path_params["name"]
        content = self.look.files.get(name)
        if content is None:
            return Response(status_code=404)
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(content, headers=HEADERS | kept, media_type=TYPES["." + name.rpartition(".")[2]])

    async def events(self, request: Request) -> Response:
        """The stream of changes of the page at the address `of`."""
        caller = need(request, "viewer")
        address = request.query_params.get("of", "/")
        if len(address) > MAX_ADDRESS:
            raise BadRequest("no page has an address that long")
        messages = self.stream.follow(f"{caller.via} {caller.name}", address, self.view(address))
        return StreamingResponse(messages, media_type="text/event-stream", headers=HEADERS)


def address_of(url: URL) -> str:
    """A page's path and query, by which its stream is asked for."""
    return f"{url.path}?{url.query}" if url.query else url.path


def range_of(word: str) -> RangeName:
    """The span of time that an address names. Raises BadRequest."""
    for name in RANGES:
        if name == word:
            return name
    raise BadRequest("a chart shows one of " + ", ".join(RANGES))


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """The incidents that an address asks for. Raises BadRequest."""
    standing, severity = query.get("state", ""), query.get("severity", "")
    before, node = query.get("before", ""), query.get("node", "")
    is_number = before.isascii() and before.isdigit() and len(before) < 16
    if standing not in STANDINGS or severity not in SEVERITIES or not (is_number or before == "") or len(node) > 64:
        raise BadRequest("the address asks for incidents that there cannot be")
    return Wanted(STANDINGS[standing], SEVERITIES[severity], node, int(before) if before else None)


def is_allowed(caller: Caller, role: Role) -> bool:
    """Whether a page shows a caller the forms of a role."""
    return RANK[caller.role] >= RANK[role]
