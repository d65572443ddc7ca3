"""A request and a response, as plain values between the connection and the handlers."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from clavitor.errors import HttpError

Headers = tuple[tuple[str, str], ...]
JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, read whole: header names in lower case, the body already within its bound."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    peer: str

    def json(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            HttpError: 415 for another content type, 400 for anything but an object.
        """
        if self.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON_TYPE:
            raise HttpError(415, f"the body must be {JSON_TYPE}")
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):
            raise HttpError(400, "the body is not JSON") from None
        if not isinstance(document, dict):
            raise HttpError(400, "the body is not a JSON object")
        return document


@dataclass(frozen=True, slots=True)
class Response:
    """One response; a body that is an iterator is sent in chunks, as it comes."""

    status: int
    body: bytes | AsyncIterator[bytes] = b""
    headers: Headers = field(default=())

    @staticmethod
    def of(document: object, *, status: int = 200, headers: Headers = ()) -> "Response":
        """A JSON document that no cache may keep."""
        body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
        return Response(status, body, (("content-type", JSON_TYPE), ("cache-control", "no-store"), *headers))


Handler = Callable[[Request], Awaitable[Response]]
