"""Times in sentences: a moment with UTC beside it, and how long something lasts."""

from datetime import UTC, datetime, timedelta

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def told(moment: datetime) -> str:
    """An aware time as its own zone shows it, UTC beside it: `Mon 2026-03-02 07:00:00 CET (06:00:00 UTC)`.

    The day in UTC is named where it is another.
    """
    there, utc = f"{moment:%a %Y-%m-%d %H:%M:%S %Z}", moment.astimezone(UTC)
    if moment.utcoffset() == timedelta():
        return f"{utc:%a %Y-%m-%d %H:%M:%S} UTC"
    return f"{there} ({utc:%H:%M:%S} UTC)" if utc.date() == moment.date() else f"{there} ({utc:%a %H:%M:%S} UTC)"


def lasting(seconds: float) -> str:
    """A duration in its two largest units: `41 s`, `5 min 3 s`, `2 h 10 min`."""
    left, parts = max(0, round(seconds)), []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        parts.append((count, unit))
    first = next((index for index, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count) or "0 s"
