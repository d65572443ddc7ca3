"""Two clocks in one reading: deadlines live on the monotonic one, records carry the wall's."""

import time
from datetime import UTC, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

READINGS: Final = 5
AT_ONCE_S: Final = 0.000_5


class Moment(NamedTuple):
    """One reading of both clocks: a step of the wall clock moves no deadline.

    Attributes:
        mono: monotonic seconds; only differences mean anything.
        wall: milliseconds since the epoch, UTC.
    """

    mono: float
    wall: int

    def wall_at(self, mono: float) -> int:
        """The wall time (ms) of another monotonic instant, as seen from this reading."""
        return self.wall + round((mono - self.mono) * 1000)

    def mono_at(self, wall: int) -> float:
        """The monotonic instant of another wall time (ms), as seen from this reading."""
        return self.mono + (wall - self.wall) / 1000

    def at(self, mono: float) -> "Moment":
        """The reading that both clocks would have given at another monotonic instant."""
        return Moment(mono, self.wall_at(mono))


def now() -> Moment:
    """Read both clocks; once more where the process was held up between the two readings."""
    for _ in range(READINGS):
        before, wall, after = time.monotonic(), time.time_ns(), time.monotonic()
        if after - before < AT_ONCE_S:
            break
    return Moment(before, wall // 1_000_000)


def iso(wall: int) -> str:
    """ISO 8601 in UTC with milliseconds: `2026-03-01T12:00:00.250Z`."""
    return datetime.fromtimestamp(wall / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> int:
    """Milliseconds since the epoch of an ISO 8601 time that names its offset. Raises ValueError for any other text."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs its offset, such as Z")
    return round(moment.timestamp() * 1000)


def local(at: int, timezone: str) -> str:
    """A time (ms UTC) on the fleet's clock with UTC beside it: `14:03:22 CET (13:03:22 UTC, 2026-03-01)`."""
    moment = datetime.fromtimestamp(at / 1000, UTC)
    there = moment.astimezone(ZoneInfo(timezone))
    return f"{there:%H:%M:%S %Z} ({moment:%H:%M:%S} UTC, {moment:%Y-%m-%d})"


def span(ms: int) -> str:
    """A duration in its two largest units: `41 s`, `5 min 3 s`, `2 h 10 min`, `3 d 4 h`."""
    seconds = max(0, round(ms / 1000))
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts = []
    for unit, size in units:
        count, seconds = divmod(seconds, size)
        parts.append((count, unit))
    first = next((index for index, (count, _) in enumerate(parts) if count), 3)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count) or "0 s"
