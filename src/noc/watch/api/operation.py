"""One operation of the REST API: its route, its checks and its place in the OpenAPI document come from one value."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from noc.errors import NotFound
from noc.fleet.model import Role
from noc.watch.access.caller import need
from noc.watch.errors import BadRequest, Malformed, TooLarge

Method = Literal["GET", "POST", "PUT", "DELETE"]

MAX_BODY: Final = 8_000
MAX_NAME: Final = 128
LARGEST_ID: Final = 2**62
DOCUMENTED: Final = "see what the operation takes: /api/v1/openapi.json"


class Part(BaseModel):
    """A piece of a request or an answer: what is not in it may not be there."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Nothing(Part):
    """No parameters, or no body."""


Query = TypeVar("Query", bound=BaseModel)
Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Asked(Generic[Query, Body]):
    """A request that passed its checks.

    Attributes:
        query: the parameters in its address.
        body: its document.
        request: itself, for what stands in its path and for who sent it.
    """

    query: Query
    body: Body
    request: Request

    def name(self) -> str:
        """The `{name}` in its path. Raises NotFound for one that is too long for any name."""
        name: str = self.request.path_params["name"]
        if len(name) > MAX_NAME:
            raise NotFound("nothing has a name that long")
        return name

    def id(self) -> int:
        """The `{id}` in its path. Raises NotFound for one that is too large for any."""
        number: int = self.request.path_params["id"]
        if number > LARGEST_ID:
            raise NotFound(f"nothing has the number {number:.3g}")
        return number


Answer = Mapping[str, Any] | Response | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[Query, Body]):
    """One method on one path.

    Attributes:
        path: as Starlette writes it; a `{name}` or `{id:int}` in it is read with `Asked`.
        summary: what it does, for the document.
        role: what the caller must be at least; None where anybody may who reaches the listener.
        handle: answers; a mapping is sent as JSON, None as 204, and a Response as it is.
        answers: what the mapping looks like; None where no JSON comes back.
        media: of an answer that is text rather than JSON.
        status: of a good answer.
        others: what comes with other good statuses, which the handler answers by itself.
        conflicts: whether a PUT may meet something that is changed elsewhere (409).
    """

    method: Method
    path: str
    summary: str
    role: Role | None
    handle: Callable[[Asked[Query, Body]], Awaitable[Answer]]
    answers: type[BaseModel] | None = None
    query: type[Query] = Nothing  # type: ignore[assignment]
    body: type[Body] = Nothing  # type: ignore[assignment]
    media: str | None = None
    status: int = 200
    others: Mapping[int, type[BaseModel]] | None = None
    conflicts: bool = False

    async def serve(self, request: Request) -> Response:
        """Check one request, and answer it. Raises NocError."""
        if self.role is not None:
            need(request, self.role)
        query = read_query(request, self.query)
        asked = Asked(query, await self._document(request), request)
        answer = await self.handle(asked)
        if isinstance(answer, Response):
            return answer
        return Response(status_code=204) if answer is None else JSONResponse(answer, self.status)

    async def _document(self, request: Request) -> Body:
        raw = b"{}" if self.body is Nothing else await read_body(request, MAX_BODY)
        return read_document(raw, self.body)


def routes(operations: Iterable[Operation[Any, Any]]) -> list[BaseRoute]:
    """One route a path, so that a wrong method is told every right one (RFC 9110, 15.5.6)."""
    by_path: dict[str, dict[str, Operation[Any, Any]]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, {})[operation.method] = operation
    return [Route(path, _endpoint(methods), methods=list(methods)) for path, methods in by_path.items()]


def _endpoint(methods: Mapping[str, Operation[Any, Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await methods["GET" if request.method == "HEAD" else request.method].serve(request)

    return endpoint


def read_query(request: Request, kind: type[Query]) -> Query:
    """The parameters in a request's address; of a repeated one that takes a single value the last counts.

    Raises:
        BadRequest: there is one that the operation does not know, or a value that it cannot take.
    """
    given: dict[str, Any] = dict(request.query_params)
    for name, field in kind.model_fields.items():
        if name in given and getattr(field.annotation, "__origin__", None) is tuple:
            given[name] = request.query_params.getlist(name)
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        what = "the address says something that cannot be read"
        raise BadRequest(what, why=first_problem(error), fix=DOCUMENTED) from None


def read_document(raw: bytes, kind: type[Body]) -> Body:
    """A request's body as what the operation takes.

    Raises:
        Malformed: it is no JSON.
        BadRequest: it is, but says something else.
    """
    try:
        return kind.model_validate_json(raw)
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise Malformed("the body is not JSON", fix=DOCUMENTED) from None
        raise BadRequest("the body cannot be acted on", why=first_problem(error), fix=DOCUMENTED) from None


def first_problem(error: ValidationError) -> str:
    """The first thing that a model did not like: where, and what. No value is repeated: it may be long, or secret."""
    first = error.errors(include_input=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"]))[:100]
    return f"{where}: {first['msg']}" if where else str(first["msg"])


async def read_body(request: Request, most: int) -> bytes:
    """A request's body of at most so many bytes. Raises TooLarge for a longer one, unread."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TooLarge(f"the body is larger than {most} bytes")
    return bytes(body)
