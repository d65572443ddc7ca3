"""Spans of time as people type them: `90m`, `24h`, `7d`."""

import re
from typing import Final

from noc.errors import Usage

UNITS_MS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}
MOST_MS: Final = 10 * UNITS_MS["y"]


def read_span(text: str) -> int:
    """Milliseconds. Raises Usage for what is no span, or longer than ten years."""
    found = re.fullmatch(r"([0-9]{1,6})([mhdwy])", text)
    span = int(found[1]) * UNITS_MS[found[2]] if found else 0
    if not 0 < span <= MOST_MS:
        raise Usage(f"{text[:40]!r} is no span of time", fix="write a number and m, h, d, w or y, as 24h")
    return span
