"""Spans of time as people type them: `90m`, `24h`, `7d`."""

import re
from typing import Final

from noc.errors import Usage

UNITS_MS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}
WEEK_MS: Final = UNITS_MS["w"]
YEAR_MS: Final = UNITS_MS["y"]


def read_span(text: str, *, most_ms: int = 10 * YEAR_MS) -> int:
    """Milliseconds. Raises Usage for what is no span, or longer than `most_ms`, which is a week or whole years."""
    found = re.fullmatch(r"([0-9]{1,6})([mhdwy])", text)
    span = int(found[1]) * UNITS_MS[found[2]] if found else 0
    if not span:
        raise Usage(f"{text[:40]!r} is no span of time", fix="write a number and m, h, d, w or y, as 24h")
    if span > most_ms:
        longest = f"{most_ms // YEAR_MS}y" if most_ms >= YEAR_MS else f"{most_ms // UNITS_MS['d']}d"
        raise Usage(f"{text} is too long", fix=f"write at most {longest}")
    return span
