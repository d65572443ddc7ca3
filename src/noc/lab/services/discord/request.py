"""One request over HTTP/1.1."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from noc.lab.services.discord.refusals import Refused, form
from noc.lab.services.refusals import Document

BODY_BYTES = 1 << 20


@dataclass(frozen=True)
class Request:
    """One request over HTTP."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - any JSON value
        """Its body. Raises Refused 50109 for one that is no JSON."""
        kind = self.headers.get("content-type", "").split(";")[0].strip()
        try:
            return json.loads(self.body if kind == "application/json" else b"")
        except ValueError:
            raise Refused(400, 50109, "The request body contains invalid JSON.") from None

    def document(self) -> Document:
        """Its body where that has to be an object."""
        body = self.json()
        if not isinstance(body, dict):
            raise form("_root", "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return body


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """One request; None where no other one comes. Raises ValueError and LimitOverrunError for what is none."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= BODY_BYTES or "transfer-encoding" in headers:
        raise ValueError(target)
    parts = urlsplit(target)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return Request(method, parts.path, query, headers, await reader.readexactly(length))
