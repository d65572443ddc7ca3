"""What people decide about plans that wait, on the page of each: the forms, and who may send them at all.

The watch only passes a decision on, in the name of the person whom the session or the kernel proves. Whether that
person may decide, and about what, the runner says.
"""

import re
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from noc.errors import NotFound
from noc.fleet.model import Role
from noc.watch.access.caller import Caller, need
from noc.watch.access.forms import read_form
from noc.watch.errors import DecidedElsewhere
from noc.watch.pages.acts import text_of
from noc.watch.pages.asked import DIGEST
from noc.watch.pages.look import HEADERS
from noc.watch.pages.waiting import Waiting

PROVEN: Final = frozenset({"session", "socket"})
"""How somebody may have come who decides: by a key that stands for one person, or by a login of HQ."""
_DIGEST: Final = re.compile(DIGEST)


@dataclass(frozen=True)
class Decisions:
    """The forms of a request's page."""

    waiting: Waiting

    def routes(self) -> list[BaseRoute]:
        """Where the forms go; a form names the whole digest, so that it decides about what its page showed."""
        page = "/approvals/{digest}"
        return [
            Route(f"{page}/approve", self.approve, methods=["POST"]),
            Route(f"{page}/deny", self.deny, methods=["POST"]),
        ]

    async def approve(self, request: Request) -> Response:
        """Agree to a plan, and begin its run. Raises NocError."""
        caller = decider(request, "approver")
        await read_form(request)
        digest = digest_of(request)
        try:
            await self.waiting.door.approve(digest, caller.name)
        finally:
            self.waiting.forget()
        return _back(digest)

    async def deny(self, request: Request) -> Response:
        """Do not agree; or, for who asked, want it no more. Raises NocError."""
        caller = decider(request, "agent")
        fields = await read_form(request)
        digest = digest_of(request)
        try:
            await self.waiting.door.ask("deny", person=caller.name, request=digest, reason=text_of(fields, "reason"))
        finally:
            self.waiting.forget()
        return _back(digest)


def decider(request: Request, role: Role) -> Caller:
    """The person who sent a form. Raises NotPermitted, and DecidedElsewhere for who comes in no own name."""
    caller = need(request, role)
    if caller.via not in PROVEN:
        raise DecidedElsewhere(f"{caller.name} does not decide this way", fix="sign in, or on HQ: noc approve")
    return caller


def digest_of(request: Request) -> str:
    """The digest in a form's address. Raises NotFound for what is none."""
    digest: str = request.path_params["digest"]
    if _DIGEST.fullmatch(digest) is None:
        raise NotFound("no plan has a digest like that")
    return digest


def _back(digest: str) -> Response:
    return RedirectResponse(f"/approvals/{digest}", 303, headers=HEADERS)
