"""Sparklines: the mean of a few telemetry fields in each slot of the last two hours, gaps left open."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from noc.watch.store.records import Beat

SLOTS: Final = 30
PUSHES_A_SLOT: Final = 8
WIDTH: Final = 60
HEIGHT: Final = 14
FIELDS: Final = ("ram_mb", "cpu_pct", "disk_pct", "req_1h", "err_1h")
TOPS: Final = {"cpu_pct": 100.0, "disk_pct": 100.0, "errors": 5.0}
"""What the upper edge means at least: a per cent of a per cent must not look like a mountain."""

MARGIN: Final = 0.05
"""Room over and under a line that has no such edge, as a share of its highest value."""


@dataclass(slots=True)
class _Mean:
    total: float = 0.0
    count: int = 0


class Trails:
    """Means of every node's fields, by slot. A slot is eight push intervals: 4 min at 30 s, so 30 slots show 2 h."""

    def __init__(self, interval_s: float) -> None:
        """Start empty; `interval_s` is the fleet's push interval."""
        self._slot_ms = max(1, round(interval_s * PUSHES_A_SLOT * 1000))
        self._means: dict[str, dict[str, dict[int, _Mean]]] = defaultdict(lambda: defaultdict(dict))

    @property
    def span_ms(self) -> int:
        """How much time the lines show."""
        return self._slot_ms * SLOTS

    def note(self, beat: Beat) -> None:
        """Take a push's telemetry."""
        telemetry = beat.telemetry or {}
        for field in FIELDS:
            value = telemetry.get(field)
            if type(value) is float or type(value) is int:
                self.add(beat.node, field, beat.at, value, 1)

    def fill(self, rollups: Iterable[tuple[str, int, Mapping[str, Any]]]) -> None:
        """Take many: (node, when the minute began in ms, field → [least, most, sum, count])."""
        for node, at, fields in rollups:
            for field in FIELDS:
                if field in fields:
                    _, _, total, count = fields[field]
                    self.add(node, field, at, total, count)

    def add(self, node: str, field: str, at: int, total: float, count: int) -> None:
        """Take `count` values of a field with a sum, received at `at` (ms)."""
        number = at // self._slot_ms
        means = self._means[node][field]
        if number not in means:
            for old in [each for each in means if each <= number - SLOTS]:
                del means[old]
            means[number] = _Mean()
        means[number].total += total
        means[number].count += count

    def paths(self, node: str, now: int) -> dict[str, str]:
        """An SVG path for memory, CPU, disk and share of errors, "" where there is nothing to draw."""
        if node not in self._means:
            return dict.fromkeys(("ram_mb", "cpu_pct", "disk_pct", "errors"), "")
        newest = now // self._slot_ms
        lines = {field: self._values(node, field, newest) for field in ("ram_mb", "cpu_pct", "disk_pct")}
        requests, errors = (self._values(node, field, newest) for field in ("req_1h", "err_1h"))
        lines["errors"] = [
            None if asked is None or failed is None else 100 * failed / asked if asked else 0.0
            for asked, failed in zip(requests, errors, strict=True)
        ]
        return {field: path(values, TOPS.get(field, 0.0)) for field, values in lines.items()}

    def _values(self, node: str, field: str, newest: int) -> list[float | None]:
        means = self._means[node][field]
        found = (means.get(number) for number in range(newest - SLOTS + 1, newest + 1))
        return [mean.total / mean.count if mean else None for mean in found]


def path(values: list[float | None], top: float) -> str:
    """A line from left to right, lifted where a value is missing.

    Args:
        values: one a slot, the oldest first.
        top: what the upper edge means at least, with nought at the lower one; 0 for a line between its own extremes.
    """
    known = [value for value in values if value is not None]
    if not known:
        return ""
    room = max(known) * MARGIN
    low, high = (0.0, max(top, *known)) if top else (min(known) - room, max(known) + room or 1.0)
    spread = high - low or 1.0  # what differs by less than numbers can say is level
    heights = [None if value is None else HEIGHT - 1 - round((value - low) / spread * (HEIGHT - 2)) for value in values]
    return "".join(_strokes(heights))


def _strokes(heights: list[int | None]) -> Iterator[str]:
    """Corners only: a stretch of one height is one step."""
    step = WIDTH // SLOTS
    before: int | None = None
    for place, height in enumerate(heights):
        follows = heights[place + 1] if place + 1 < len(heights) else None
        if height is not None:
            if before is None:
                yield f"M{place * step} {height}h1"
            elif before != height:
                yield f"L{place * step} {height}"
            elif follows != height:
                yield f"H{place * step}"
        before = height
