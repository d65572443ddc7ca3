"""The values that requests are made of, read strictly."""

import base64
import binascii
import re
from collections.abc import Mapping

from clavitor.errors import HttpError

NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{2,63}")
ENTRY_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
ETAG = re.compile(r'"([1-9][0-9]{0,14})"')
MIN_ITERATIONS, MAX_ITERATIONS = 600_000, 10_000_000


def text(document: Mapping[str, object], field: str, *, longest: int = 200) -> str:
    """A required text of the document."""
    value = document.get(field)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise HttpError(400, f"{field} must be a text of 1 to {longest} characters")
    return value


def account_name(document: Mapping[str, object]) -> str:
    """The account's name, in lower case."""
    name = text(document, "name").lower()
    if not NAME.fullmatch(name):
        raise HttpError(400, "name must be 3 to 64 letters, digits or . _ @ + - and start with a letter or digit")
    return name


def octets(document: Mapping[str, object], field: str, shortest: int, longest: int) -> bytes:
    """A required field in unpadded base64url, of so many bytes once decoded."""
    value = text(document, field, longest=-(-longest * 4 // 3))
    try:
        data = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise HttpError(400, f"{field} is not base64url") from None
    if not shortest <= len(data) <= longest:
        raise HttpError(400, f"{field} must be {shortest} to {longest} bytes long")
    return data


def encode(data: bytes) -> str:
    """Unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def iterations(document: Mapping[str, object]) -> int:
    """The client's PBKDF2 cost, held within bounds that protect the account and the client."""
    value = document.get("iterations")
    if not isinstance(value, int) or not MIN_ITERATIONS <= value <= MAX_ITERATIONS:
        raise HttpError(400, f"iterations must be {MIN_ITERATIONS} to {MAX_ITERATIONS}")
    return value


def entry_id(value: str) -> str:
    """An entry's id: a random UUID in lower case, as the client drew it."""
    if not ENTRY_ID.fullmatch(value):
        raise HttpError(400, "an entry's id is a version 4 UUID in lower case")
    return value


def expected_version(headers: Mapping[str, str]) -> int:
    """The version that the client has seen, from If-Match.

    Raises:
        HttpError: 428 without the header, 400 for anything but one entity tag of ours.
    """
    value = headers.get("if-match")
    if value is None:
        raise HttpError(428, "say with If-Match which version is changed")
    match = ETAG.fullmatch(value.strip())
    if not match:
        raise HttpError(400, "If-Match must be the entry's ETag")
    return int(match[1])
