"""What the API answers when it cannot do what was asked: the error document, with the status that fits the cause."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from noc.errors import NocError, NotFound, NotPermitted
from noc.watch.errors import IncidentOver, Malformed, RunnerAway, RunNotBegun, StoreTrouble, TooLarge, WindowFixed

RETRY_AFTER_S: Final = 2
STATUSES: Final[Mapping[type[NocError], int]] = {
    Malformed: 400,
    NotPermitted: 403,
    NotFound: 404,
    IncidentOver: 409,
    WindowFixed: 409,
    RunNotBegun: 409,
    TooLarge: 413,
    StoreTrouble: 503,
    RunnerAway: 503,
}
OTHERWISE: Final = 422


def status_of(error: NocError, *, known: bool) -> int:
    """The status for an error; who is not known at all (`known`) is asked to sign in rather than refused."""
    if isinstance(error, NotPermitted) and not known:
        return 401
    return next((status for kind, status in STATUSES.items() if isinstance(error, kind)), OTHERWISE)


async def on_error(request: Request, error: Exception) -> Response:
    """Any NocError as JSON: code, what, why, fix, and the problems of a file where it has some."""
    assert isinstance(error, NocError)
    status = status_of(error, known=request.scope.get("state", {}).get("caller") is not None)
    headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": str(RETRY_AFTER_S)}}.get(status)
    return JSONResponse({"error": error.as_dict()}, status, headers)


async def on_store(request: Request, _error: Exception) -> Response:
    """A read that the database refused: 503, and no word of the statement."""
    return await on_error(request, StoreTrouble("the watch's database cannot be read", fix="see the server's log"))


async def on_http(_request: Request, error: Exception) -> Response:
    """An address that is none, or a method that it does not know: the same document."""
    assert isinstance(error, HTTPException)
    said = {"code": f"HTTP-{error.status_code}", "what": error.detail, "why": "", "fix": "see /api/v1/openapi.json"}
    return JSONResponse({"error": said}, error.status_code, error.headers)


HANDLERS: Final[Mapping[Any, Any]] = {NocError: on_error, SQLAlchemyError: on_store, HTTPException: on_http}
