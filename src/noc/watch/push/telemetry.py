"""The telemetry in a push's body: the contract's 11 fields, typed, and any other field that is a number."""

import json
from dataclasses import dataclass
from typing import Any, Final

import orjson

from noc.watch.push.wire import plain
from noc.watch.store.records import Telemetry, Value

MAX_BODY: Final = 8_000
MAX_EXTRA_FIELDS: Final = 32
MAX_NAME: Final = 64
MAX_TEXT: Final = 200
LARGEST: Final = 1e15


@dataclass(frozen=True, slots=True)
class Number:
    """What a field's number may be."""

    low: float = -LARGEST
    high: float = LARGEST
    whole: bool = False


FIELDS: Final[dict[str, Number | None]] = {
    "ram_mb": Number(0),
    "disk_pct": Number(0, 100),
    "cpu_pct": Number(0, 100_000),
    "db_size_mb": Number(0),
    "db_integrity": None,  # the one that is text
    "active_sessions": Number(0, whole=True),
    "req_1h": Number(0, whole=True),
    "err_1h": Number(0, whole=True),
    "cert_days_remaining": Number(),
    "nix_gen": Number(0, whole=True),
    "uptime_s": Number(0),
}
EXTRA: Final = Number()


def read_telemetry(body: bytes) -> tuple[Telemetry | None, str]:
    """Read a push's body.

    A node that pushes is alive whatever its body holds: nothing here raises.

    Args:
        body: the raw body; empty where the pusher sends none.

    Returns:
        The good fields (None if there is no document at all), and what was wrong in one line ("" if nothing).
    """
    if not body or body.isspace():
        return None, ""
    if len(body) > MAX_BODY:
        return None, f"the body is larger than {MAX_BODY} bytes"
    try:
        document = _decode(body)
    except (ValueError, RecursionError):
        return None, "the body is not JSON"
    if not isinstance(document, dict):
        return None, "the body is not a JSON object"
    return _read_fields(document)


def _decode(body: bytes) -> Any:  # noqa: ANN401 - any JSON document
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return json.loads(body)  # knows numbers of any size, NaN and infinity, so that the field can be named


def _read_fields(document: dict[str, Any]) -> tuple[Telemetry, str]:
    good: Telemetry = {}
    problems: list[str] = []
    for name, value in document.items():
        known = name in FIELDS
        if not known and len(good) >= len(FIELDS) + MAX_EXTRA_FIELDS:
            problems.append("too many fields")
            break
        label = name if known else plain(name, MAX_NAME)
        try:
            good[label] = None if value is None else _check(value, FIELDS[name] if known else EXTRA)
        except ValueError as refusal:
            problems.append(f"{label} {refusal}")
    return good, "; ".join(problems)[:500]


def _check(value: Any, rule: Number | None) -> Value:  # noqa: ANN401 - whatever JSON holds
    kind = type(value)
    if rule is None:
        if kind is not str:
            raise ValueError("is not text")
        return plain(value, MAX_TEXT)
    if kind is not int and kind is not float:
        raise ValueError("is not a number")
    if not rule.low <= value <= rule.high:  # refuses NaN and the infinities as well
        raise ValueError(f"is outside {rule.low:g} to {rule.high:g}")
    if rule.whole and kind is float:
        if value != int(value):
            raise ValueError("is not a whole number")
        return int(value)
    number: Value = value
    return number
