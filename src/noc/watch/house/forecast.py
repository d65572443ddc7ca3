"""When a disk is full, by a straight line through its past."""

from collections.abc import Sequence
from math import sqrt
from typing import Final

LEAST_POINTS: Final = 24
LEAST_DAYS: Final = 1.0
SURE: Final = 2.0
"""The slope must be so many times its own standard error; else it cannot be told from noise."""
FURTHEST_DAYS: Final = 3_650.0


def days_left(points: Sequence[tuple[float, float]], full: float = 100.0) -> float | None:
    """Days from the last point until a straight line through all of them, by least squares, is at `full`.

    Args:
        points: time in days, level; in order of time.
        full: the level that is the end.

    Returns:
        None where it cannot be known: fewer than 24 points, less than a day, a level that does not rise, a rise that
        cannot be told from noise, or an end that is more than ten years away.
    """
    if len(points) < LEAST_POINTS or points[-1][0] - points[0][0] < LEAST_DAYS:
        return None
    slope, error = _slope(points)
    if slope <= 0 or slope < SURE * error:
        return None
    left = max(0.0, full - points[-1][1]) / slope
    return left if left <= FURTHEST_DAYS else None


def _slope(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The slope of the line of least squares, and its standard error."""
    count = len(points)
    middle = sum(at for at, _ in points) / count
    mean = sum(level for _, level in points) / count
    spread = sum((at - middle) ** 2 for at, _ in points)
    slope = sum((at - middle) * (level - mean) for at, level in points) / spread
    rest = sum((level - mean - slope * (at - middle)) ** 2 for at, level in points)
    return slope, sqrt(rest / (count - 2) / spread)
