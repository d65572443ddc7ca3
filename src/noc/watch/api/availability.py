"""How much of each day a node was up: incidents against the time in which it was judged, maintenance left out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

Span = tuple[int, int]
"""From and until, ms UTC; until is not part of it."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day on a zone's clock.

    Attributes:
        judged_ms: time that counts: the node was judged, and no maintenance was announced.
        down_ms: of that, the time with an incident.
        maintenance_ms: time that would have counted, were it not for maintenance.
    """

    date: date
    judged_ms: int
    down_ms: int
    maintenance_ms: int

    @property
    def availability(self) -> float | None:
        """The share up, 0 to 1; None where nothing counts."""
        return share(self.judged_ms, self.down_ms)


def share(judged_ms: int, down_ms: int) -> float | None:
    """The share of time up, 0 to 1; None where nothing was judged."""
    return 1 - down_ms / judged_ms if judged_ms else None


def overall(days: Iterable[Day]) -> float | None:
    """The share up over several days, each weighed by how much of it counts."""
    known = list(days)
    return share(sum(day.judged_ms for day in known), sum(day.down_ms for day in known))


def daily(
    judged: Iterable[Span], down: Iterable[Span], maintenance: Iterable[Span], *, now: int, zone: tzinfo, days: int
) -> list[Day]:
    """Each of the last days, today included as far as it has gone.

    Args:
        judged: when the node was judged; spans may overlap, in any order, as in the other two.
        down: its incidents; an open one ends at `now` or later.
        maintenance: when maintenance was announced.
        now: ms UTC.
        zone: whose midnights part the days: one is 23 or 25 h long where clocks change.
        days: how many.

    Returns:
        The oldest first; the last one is the day of `now`.
    """
    seen, planned = union(judged), union(maintenance)
    counts = without(seen, planned)
    lost, excused = common(counts, union(down)), common(seen, planned)
    return [
        Day(day, length(cut(counts, span)), length(cut(lost, span)), length(cut(excused, span)))
        for day, span in _days(now, zone, days)
    ]


def _days(now: int, zone: tzinfo, days: int) -> list[tuple[date, Span]]:
    today = datetime.fromtimestamp(now / 1000, UTC).astimezone(zone).date()
    dates = [today - timedelta(days=back) for back in range(days - 1, -1, -1)]
    starts = [round(datetime.combine(each, time(), zone).timestamp() * 1000) for each in dates]
    return list(zip(dates, zip(starts, [*starts[1:], now], strict=True), strict=True))


def union(spans: Iterable[Span]) -> list[Span]:
    """The same time as spans that neither overlap nor touch, in order."""
    joined: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def common(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """The time in both; both as `union` gives them."""
    found, first, second = [], 0, 0
    while first < len(one) and second < len(other):
        start, end = max(one[first][0], other[second][0]), min(one[first][1], other[second][1])
        if start < end:
            found.append((start, end))
        if one[first][1] <= other[second][1]:
            first += 1
        else:
            second += 1
    return found


def without(spans: Sequence[Span], gone: Sequence[Span]) -> list[Span]:
    """The time of the first that is not in the second; both as `union` gives them."""
    left: list[Span] = []
    for start, end in spans:
        begin = start
        for low, high in cut(gone, (start, end)):
            left.append((begin, low))
            begin = high
        left.append((begin, end))
    return [span for span in left if span[0] < span[1]]


def cut(spans: Iterable[Span], window: Span) -> list[Span]:
    """The part of the spans that lies within a window."""
    found = ((max(start, window[0]), min(end, window[1])) for start, end in spans)
    return [span for span in found if span[0] < span[1]]


def length(spans: Iterable[Span]) -> int:
    """Milliseconds in all."""
    return sum(end - start for start, end in spans)
