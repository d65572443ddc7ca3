"""What people do about an incident on its page: take it over, write something, silence its subject."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from noc.watch.access.caller import need
from noc.watch.access.forms import read_form
from noc.watch.errors import BadRequest
from noc.watch.pages.look import HEADERS
from noc.watch.service.watch import Watch

MAX_TEXT: Final = 2_000
SILENCES: Final = (30, 60, 240, 720, 1440)
"""Minutes that the form offers."""


@dataclass(frozen=True)
class Acts:
    """The forms of an incident's page."""

    watch: Watch

    def routes(self) -> list[BaseRoute]:
        """Where the forms go."""
        page = "/incidents/{id:int}"
        return [
            Route(f"{page}/acknowledge", self.acknowledge, methods=["POST"]),
            Route(f"{page}/note", self.note, methods=["POST"]),
            Route(f"{page}/silence", self.silence, methods=["POST"]),
        ]

    async def acknowledge(self, request: Request) -> Response:
        """Take an incident over. Raises NocError."""
        caller = need(request, "agent")
        fields = await read_form(request)
        await self.watch.acknowledge(request.path_params["id"], caller.name, text_of(fields, "note"))
        return back(request)

    async def note(self, request: Request) -> Response:
        """Write something about an incident. Raises NocError."""
        caller = need(request, "operator")
        text = text_of(await read_form(request), "text")
        if not text:
            raise BadRequest("the note is empty")
        await self.watch.note(request.path_params["id"], caller.name, text)
        return back(request)

    async def silence(self, request: Request) -> Response:
        """Let nobody be told of a subject for a while. Raises NocError."""
        caller = need(request, "operator")
        fields = await read_form(request)
        minutes, scope = fields.get("minutes", ""), fields.get("scope", "")
        if minutes not in map(str, SILENCES):
            raise BadRequest("a silence lasts as long as the form offers")
        await self.watch.silence((scope,), int(minutes), caller.name, text_of(fields, "reason"))
        return back(request)


def text_of(fields: Mapping[str, str], name: str) -> str:
    """What a person wrote in a field, without space around it. Raises BadRequest for too much."""
    text = fields.get(name, "").replace("\r\n", "\n").strip()
    if len(text) > MAX_TEXT:
        raise BadRequest(f"a text has at most {MAX_TEXT} characters")
    return text


def back(request: Request) -> Response:
    """To the incident's page, which is asked for anew."""
    return RedirectResponse(f"/incidents/{request.path_params['id']}", 303, headers=HEADERS)
