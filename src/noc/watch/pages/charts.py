"""Telemetry over time as SVG: a line of means in a band from least to most, with gaps where nothing was heard."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, floor, log10
from typing import Final, Literal
from zoneinfo import ZoneInfo

from noc.watch.store.history import Point

WIDTH: Final = 640
HEIGHT: Final = 150
LEFT: Final = 58
RIGHT: Final = 8
TOP: Final = 8
BOTTOM: Final = 22
MOST_POINTS: Final = 160
"""More would lie on the same pixels."""

GAP_BUCKETS: Final = 1.5

RangeName = Literal["1h", "24h", "7d", "30d", "1y"]
RANGES: Final[dict[RangeName, int]] = {
    "1h": 3_600_000,
    "24h": 86_400_000,
    "7d": 7 * 86_400_000,
    "30d": 30 * 86_400_000,
    "1y": 365 * 86_400_000,
}
"""Name → ms."""

_STEPS: Final[dict[RangeName, tuple[timedelta, str]]] = {
    "1h": (timedelta(minutes=10), "%H:%M"),
    "24h": (timedelta(hours=4), "%H:%M"),
    "7d": (timedelta(days=1), "%a %-d"),
    "30d": (timedelta(days=5), "%-d %b"),
    "1y": (timedelta(days=61), "%b %Y"),
}


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, in units of the picture, and what it says."""

    at: float
    text: str


@dataclass(frozen=True)
class Chart:
    """One field's picture; `last` is its newest value, `said` the whole in words."""

    field: str
    label: str
    line: str
    band: str
    across: Sequence[Tick]
    up: Sequence[Tick]
    last: str
    said: str


@dataclass(frozen=True)
class Axis:
    """The time that a chart shows, ms UTC, and the clock on its marks."""

    name: RangeName
    since: int
    until: int
    zone: ZoneInfo

    def x(self, at: int) -> float:
        """Where a time lies."""
        return LEFT + (WIDTH - LEFT - RIGHT) * (at - self.since) / (self.until - self.since)

    def ticks(self) -> list[Tick]:
        """Marks at round times on the fleet's clock."""
        step, form = _STEPS[self.name]
        moment = datetime.fromtimestamp(self.since / 1000, self.zone).replace(minute=0, second=0, microsecond=0)
        if step >= timedelta(hours=4):
            moment = moment.replace(hour=0)
        found = []
        while (at := round(moment.timestamp() * 1000)) <= self.until:
            if at >= self.since and LEFT + 12 <= self.x(at) <= WIDTH - RIGHT - 12:
                found.append(Tick(round(self.x(at), 1), f"{moment:{form}}"))
            moment += step
        return found


def chart(field: str, label: str, unit: str, points: Sequence[Point], axis: Axis, *, grain: int) -> Chart | None:
    """Draw one field.

    Args:
        field: its name in the telemetry.
        label: its name for people.
        unit: `MB`, `%`, or "" for a plain number.
        points: what it was, the oldest first.
        axis: the time to show.
        grain: seconds from one point to the next; more than one and a half of them without a point is a gap.

    Returns:
        None where there is nothing to draw.
    """
    shown = list(thinned(points, axis, grain))
    if not shown:
        return None
    width = max(grain * 1000, (axis.until - axis.since) // MOST_POINTS)
    low, high, marks = scale(min(each.least for each in shown), max(each.most for each in shown), percent=unit == "%")

    def y(value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / (high - low)), 1)

    pieces = list(strokes(shown, width * GAP_BUCKETS))
    last, least, most = shown[-1].mean, min(each.least for each in shown), max(each.most for each in shown)
    return Chart(
        field=field,
        label=label,
        line="".join(_line([(axis.x(each.at), y(each.mean)) for each in piece]) for piece in pieces),
        band="".join(_band(piece, axis, y_of=y) for piece in pieces),
        across=axis.ticks(),
        up=[Tick(y(mark), amount(mark, unit)) for mark in marks],
        last=amount(last, unit),
        said=f"{label}: {amount(last, unit)} at the end, from {amount(least, unit)} to {amount(most, unit)}"
        + (f", {len(pieces) - 1} {'gap' if len(pieces) == 2 else 'gaps'}" if len(pieces) > 1 else ""),
    )


def thinned(points: Iterable[Point], axis: Axis, grain: int) -> Iterator[Point]:
    """As many points as a picture can show: neighbours become one, from the least to the most of them."""
    width = max(grain * 1000, (axis.until - axis.since) // MOST_POINTS)
    bucket: list[Point] = []
    for point in points:
        if point.at < axis.since:
            continue
        if bucket and point.at // width != bucket[0].at // width:
            yield _joined(bucket)
            bucket = []
        bucket.append(point)
    if bucket:
        yield _joined(bucket)


def _joined(points: Sequence[Point]) -> Point:
    count = sum(point.count for point in points)
    mean = sum(point.mean * point.count for point in points) / count
    middle = points[len(points) // 2].at
    return Point(middle, min(each.least for each in points), max(each.most for each in points), mean, count)


def strokes(points: Iterable[Point], gap_ms: float) -> Iterator[list[Point]]:
    """Pieces without a gap."""
    piece: list[Point] = []
    for point in points:
        if piece and point.at - piece[-1].at > gap_ms:
            yield piece
            piece = []
        piece.append(point)
    if piece:
        yield piece


def scale(least: float, most: float, *, percent: bool) -> tuple[float, float, list[float]]:
    """An axis that begins at nought where it can, with marks at round numbers: its ends, and the marks."""
    if percent and least >= 0 and 50 < most <= 100:
        return 0.0, 100.0, [0, 25, 50, 75, 100]
    low, high = min(0.0, least), max(most, 1.0 if not percent else 2.0)
    step = nice((high - low) / 4)
    bottom, top = floor(low / step), ceil(high / step)
    return bottom * step, top * step, [number * step for number in range(bottom, top + 1)]


def nice(step: float) -> float:
    """The next round number from a step on: 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** floor(log10(step))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= step * 0.999_999)


def amount(value: float, unit: str) -> str:
    """A number on an axis with its unit, short."""
    size = abs(value)
    text = f"{value / 1000:.3g}k" if size >= 10_000 and not unit else f"{value:.0f}" if size >= 100 else f"{value:.3g}"
    return f"{text} {unit}".strip()


def _line(points: Sequence[tuple[float, float]]) -> str:
    (x, y), *others = points
    return f"M{x:.1f} {y:g}" + ("".join(f"L{px:.1f} {py:g}" for px, py in others) or "h1")


def _band(piece: Sequence[Point], axis: Axis, *, y_of: Callable[[float], float]) -> str:
    if len(piece) < 2 or all(each.least == each.most for each in piece):
        return ""
    over = [(axis.x(each.at), y_of(each.most)) for each in piece]
    under = [(axis.x(each.at), y_of(each.least)) for each in reversed(piece)]
    return _line(over) + "".join(f"L{x:.1f} {y:g}" for x, y in under) + "z"
