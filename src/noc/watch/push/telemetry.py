"""The telemetry in a push's body: the contract's 11 fields, typed, and any other field that is a number."""

import json
from collections.abc import Callable
from typing import Any

from noc.watch.push.wire import plain

MAX_BODY = 8_000
MAX_EXTRA_FIELDS = 32
MAX_NAME = 64
LARGEST = 1e15

Value = float | int | str | None
Problem = str


def _number(low: float = -LARGEST, high: float = LARGEST, *, whole: bool = False) -> Callable[[Any], Value]:
    def check(value: Any) -> Value:  # noqa: ANN401 - whatever JSON holds
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("is not a number")  # noqa: TRY004 - one kind of error for every refusal
        if not low <= value <= high:  # refuses NaN and the infinities as well
            raise ValueError(f"is outside {low:g} to {high:g}")
        if whole and value != int(value):
            raise ValueError("is not a whole number")
        return int(value) if whole else value

    return check


def _text(value: Any) -> Value:  # noqa: ANN401
    if not isinstance(value, str):
        raise ValueError("is not text")  # noqa: TRY004
    return plain(value, 200)


FIELDS: dict[str, Callable[[Any], Value]] = {
    "ram_mb": _number(0),
    "disk_pct": _number(0, 100),
    "cpu_pct": _number(0, 100_000),
    "db_size_mb": _number(0),
    "db_integrity": _text,
    "active_sessions": _number(0, whole=True),
    "req_1h": _number(0, whole=True),
    "err_1h": _number(0, whole=True),
    "cert_days_remaining": _number(),
    "nix_gen": _number(0, whole=True),
    "uptime_s": _number(0),
}
_extra = _number()


def read_telemetry(body: bytes) -> tuple[dict[str, Value] | None, str]:
    """Read a push's body.

    A node that pushes is alive whatever its body holds: nothing here raises.

    Args:
        body: the raw body; empty where the pusher sends none.

    Returns:
        The good fields (None if there is no document at all), and what was wrong in one line ("" if nothing).
    """
    if not body.strip():
        return None, ""
    if len(body) > MAX_BODY:
        return None, f"the body is larger than {MAX_BODY} bytes"
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None, "the body is not JSON"
    if not isinstance(document, dict):
        return None, "the body is not a JSON object"
    return _read_fields(document)


def _read_fields(document: dict[str, Any]) -> tuple[dict[str, Value], str]:
    good: dict[str, Value] = {}
    problems: list[Problem] = []
    for name, value in document.items():
        if name not in FIELDS and len(good) >= len(FIELDS) + MAX_EXTRA_FIELDS:
            problems.append("too many fields")
            break
        try:
            good[plain(name, MAX_NAME)] = None if value is None else FIELDS.get(name, _extra)(value)
        except ValueError as refusal:
            problems.append(f"{plain(name, MAX_NAME)} {refusal}")
    return good, "; ".join(problems)[:500]
