"""Forms of the pages: a token that only our own page knows, and the origin that the browser names."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request

from noc.watch.errors import BadRequest, ForeignForm

MAX_FORM: Final = 8_000
MOST_FIELDS: Final = 20
FIELD: Final = "form"
"""The name of the hidden field."""

_OWN_KEY: Final = secrets.token_bytes(32)


def form_token(secret: str | None, uid: int | None = None) -> str:
    """What a form must carry: derived from the session's secret, or for a caller of the socket from its uid."""
    key = _OWN_KEY if secret is None else secret.encode()
    return hmac.new(key, f"form of {uid}".encode(), hashlib.sha256).hexdigest()


def is_same_origin(headers: Mapping[str, str], *, scheme: str) -> bool:
    """Whether a browser says that the request comes from a page of ours; without such a word it does not.

    The headers are the Fetch standard's `Origin` and the Fetch Metadata's `Sec-Fetch-Site`.
    """
    origin = headers.get("origin")
    if origin is not None and origin != "null":
        parts = urlsplit(origin)
        return (parts.scheme, parts.netloc) == (scheme, headers.get("host"))
    return headers.get("sec-fetch-site") == "same-origin"


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a small form, each once, without the token, which is checked.

    Raises:
        BadRequest: it is no form, or too large.
        ForeignForm: the token is not the one of this caller.
    """
    fields = await read_fields(request)
    expected = request.scope.get("state", {}).get(FIELD, "")
    if not expected or not hmac.compare_digest(fields.pop(FIELD, "").encode(), expected.encode()):
        raise ForeignForm("this form is not of a page that is open now", fix="reload the page and send it again")
    return fields


async def read_fields(request: Request) -> dict[str, str]:
    """The fields of a form without a token, such as the one to sign in. Raises BadRequest."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise BadRequest("this is no form")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise BadRequest(f"the form is larger than {MAX_FORM} bytes")
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace")
    except ValueError as error:
        raise BadRequest("this is no form") from error
    return {name: values[0] for name, values in fields.items()}
