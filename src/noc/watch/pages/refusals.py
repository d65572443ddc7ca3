"""What a browser is shown when a page cannot be had: the sign-in form, or the error in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from noc.errors import NocError
from noc.watch.access.doors import is_for_programs
from noc.watch.api import refusals
from noc.watch.clock import now
from noc.watch.errors import ForeignForm, LinkSpent, TooManyTries
from noc.watch.pages.login import Login
from noc.watch.pages.look import HEADERS


@dataclass(frozen=True)
class Refusals:
    """Answers programs as the API does, and people with a page."""

    login: Login

    def handlers(self) -> Mapping[Any, Any]:
        """The API's own, with pages for people."""
        return {**refusals.HANDLERS, NocError: self.on_error, HTTPException: self.on_http}

    async def on_error(self, request: Request, error: Exception) -> Response:
        """Any error that says what, why and how to mend it."""
        assert isinstance(error, NocError)
        if not wants_page(request):
            return await refusals.on_error(request, error)
        known = request.scope.get("state", {}).get("caller") is not None
        status = refusals.status_of(error, known=known)
        if isinstance(error, LinkSpent | TooManyTries):
            return self.login.sign_in_page(429 if isinstance(error, TooManyTries) else 403, refusal=str(error))
        if status == 401:
            cross = request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
            return self.login.sign_in_page(401, again=request.url.path if cross else "")
        status = 403 if isinstance(error, ForeignForm) else status
        return self._page(request, status, error.what, why=error.why, fix=error.fix)

    async def on_http(self, request: Request, error: Exception) -> Response:
        """An address that is none."""
        assert isinstance(error, HTTPException)
        if not wants_page(request):
            return await refusals.on_http(request, error)
        return self._page(request, error.status_code, error.detail)

    def _page(self, request: Request, status: int, what: str, *, why: str = "", fix: str = "") -> Response:
        values = {"status": status, "what": what, "why": why, "fix": fix, "back": page_of_form(request)}
        html = self.login.look.render("refused.html", now(), **values)
        return HTMLResponse(html, status, HEADERS)


def page_of_form(request: Request) -> str:
    """The page that a form was sent from, which is where its address begins; "" for what is no form of a page."""
    return request.url.path.rpartition("/")[0] if request.method == "POST" else ""


def wants_page(request: Request) -> bool:
    """Whether a person looks at the answer."""
    return not is_for_programs(request.url.path) and "text/html" in request.headers.get("accept", "")
