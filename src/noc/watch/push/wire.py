"""Uptime Kuma's push wire, as a stock pusher speaks it, and what ours adds (`seq`, `boot`, `v`, `t`).

Where the answers differ from Kuma's they are more truthful: trouble of our own is 503, never 404; a near miss of
the path is 404, never a page with 200; a repeated parameter counts with its last value; HEAD and OPTIONS store nothing.
"""

import re
from math import isfinite
from typing import Final
from urllib.parse import unquote, unquote_plus, urlsplit

from noc.watch.store.records import Beat, Telemetry

PREFIX: Final = "/api/push/"
MAX_MSG: Final = 2_000
MAX_PING: Final = 100_000_000_000
MAX_PARAMETERS: Final = 64
MAX_SEQ: Final = 2**63 - 1
CUT: Final = " […]"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_FLOAT = re.compile(r"\s*([+-]?(?:Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))")
_NAME = re.compile(r"[A-Za-z0-9._:+~-]{1,64}")


class BadPush(ValueError):
    """A push that says something impossible; the sentence is the answer's `msg`, as Kuma words it."""


def plain(text: str, most: int) -> str:
    """Text from outside on one line: no control or direction characters, cut to `most` characters."""
    return _CONTROL.sub(" ", text)[:most]


def split_target(target: bytes) -> tuple[str, str]:
    """Path and query of a request's target, which names a host as well where a proxy was meant (RFC 9112, 3.2.2)."""
    text = target.decode(errors="replace")
    if not text.startswith("/"):
        try:
            parts = urlsplit(text)
        except ValueError:
            return "", ""
        return unquote(parts.path), parts.query
    path, _, query = text.partition("?")
    return unquote(path) if "%" in path else path, query


def token_of(path: str) -> str | None:
    """The token in a push's path, with or without one slash behind it; None for any other path."""
    if not path.startswith(PREFIX):
        return None
    token = path[len(PREFIX) :].removesuffix("/")
    return token if token and "/" not in token else None


def read_push(query: str, node: str, at: int, telemetry: Telemetry | None = None, warn: str = "") -> Beat:
    """Read a push's query string.

    Args:
        query: the query string, still escaped.
        node: the node that the token belongs to.
        at: when it was received, ms UTC.
        telemetry: what its body says.
        warn: what was wrong with the body.

    Raises:
        BadPush: the ping is out of range, or there are more than 64 parameters.
    """
    given = _parameters(query)
    return Beat(
        node=node,
        at=at,
        up=given.get("status", "").lower() in {"", "up"},
        msg=_message(given.get("msg", "")),
        ping=_ping(given.get("ping", "")),
        seq=_sequence(given.get("seq", "")),
        boot=_name(given.get("boot", "")),
        version=_name(given.get("v", "")),
        sent=_sent(given.get("t", "")),
        telemetry=telemetry,
        warn=warn,
    )


def _parameters(query: str) -> dict[str, str]:
    """The parameters by name, as a form has them; of one that is repeated the last counts."""
    if query.count("&") >= MAX_PARAMETERS:
        raise BadPush("Too many parameters.")
    if "%" in query or "+" in query:
        pairs = (part.partition("=") for part in query.split("&") if part)
        return {unquote_plus(name): unquote_plus(value) for name, _, value in pairs}
    return {name: value for name, _, value in (part.partition("=") for part in query.split("&") if part)}


def _message(text: str) -> str:
    if not text or text == "OK":
        return "OK"
    text = plain(text, MAX_MSG + 1)
    return text if len(text) <= MAX_MSG else text[: MAX_MSG - len(CUT)] + CUT


def _leading_number(text: str) -> float | None:
    found = _FLOAT.match(text)
    return float(found[1]) if found else None


def _ping(text: str) -> float | None:
    value = _leading_number(text) if text else None
    if value is not None and not 0 <= value <= MAX_PING:
        raise BadPush(f"Invalid ping value. Must be between 0 and {MAX_PING} ms.")
    return value or None


def _sequence(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
    return number if number is not None and number <= MAX_SEQ else None


def _name(text: str) -> str | None:
    return text if text and _NAME.fullmatch(text) else None


def _sent(text: str) -> int | None:
    seconds = _leading_number(text)
    return round(seconds * 1000) if seconds is not None and isfinite(seconds) and 0 <= seconds < 1e11 else None
