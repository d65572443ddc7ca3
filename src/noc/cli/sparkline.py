"""Numbers over time as text: a line of blocks, and a plot of several lines. A gap is drawn as a gap."""

from collections.abc import Sequence
from math import floor
from typing import Final

BLOCKS: Final = "▁▂▃▄▅▆▇█"
PARTS: Final = " ▁▂▃▄▅▆▇█"

Timed = tuple[int, float]
"""A time (ms) and a value."""


def slots(points: Sequence[Timed], since: int, until: int, width: int) -> list[float | None]:
    """The mean of each of `width` equal parts of a span of time; None for one in which there is no point.

    Args:
        points: in any order; those outside of the span are left out.
        since, until: the span, ms.
        width: how many parts.
    """
    found: list[list[float]] = [[] for _ in range(width)]
    for at, value in points:
        if since <= at < until:
            found[(at - since) * width // (until - since)].append(value)
    return [sum(values) / len(values) if values else None for values in found]


def sparkline(values: Sequence[float | None]) -> str:
    """One character a value, from the least to the most: a space where there is none, low ones where all are alike."""
    known = [value for value in values if value is not None]
    if not known:
        return " " * len(values)
    least, extent = min(known), max(known) - min(known)
    return "".join(" " if value is None else _block(value - least, extent) for value in values)


def _block(above: float, extent: float) -> str:
    return BLOCKS[min(len(BLOCKS) - 1, floor(above / extent * len(BLOCKS)))] if extent else BLOCKS[0]


def plot(values: Sequence[float | None], height: int) -> list[str]:
    """Columns of blocks, `height` lines high, the top line first. The least value is a low line, the most is full."""
    known = [value for value in values if value is not None]
    if not known:
        return [" " * len(values)] * height
    least, extent = min(known), max(known) - min(known)
    steps = height * (len(PARTS) - 1)
    filled = [None if value is None else _filled(value - least, extent, steps) for value in values]
    return ["".join(_part(each, line) for each in filled) for line in range(height - 1, -1, -1)]


def _filled(above: float, extent: float, steps: int) -> int:
    return 1 + (round(above / extent * (steps - 1)) if extent else 0)


def _part(filled: int | None, line: int) -> str:
    full = len(PARTS) - 1
    return PARTS[0] if filled is None else PARTS[max(0, min(full, filled - line * full))]
