"""How far HQ's clock is off: by whoever keeps it, and by the nodes' clocks where nobody does."""

import json
from collections.abc import Sequence
from statistics import median
from typing import Any, Final

from noc.watch.house.programs import output

CHRONY: Final = ("chronyc", "-c", "-n", "tracking")
TIMESYNC: Final = (
    *("busctl", "--auto-start=no", "--json=short", "get-property"),
    *("org.freedesktop.timesync1", "/org/freedesktop/timesync1", "org.freedesktop.timesync1.Manager", "NTPMessage"),
)
STALE_S: Final = 3 * 3_600
LEAST_NODES: Final = 3
"""Of fewer clocks nobody can say which one is wrong."""


async def clock_offset(wall: int) -> float | None:
    """Seconds by which HQ's clock is ahead of true time, as chrony or systemd-timesyncd know it; None for unknown.

    Args:
        wall: what the clock shows, ms UTC.
    """
    if (tracking := await output(*CHRONY)) is not None:
        return chrony_offset(tracking)
    if (message := await output(*TIMESYNC)) is not None:
        return timesync_offset(message, wall)
    return None


def chrony_offset(text: str) -> float | None:
    """Read `chronyc -c tracking` (chronyc(1)): field 5 is what the clock is behind by, field 14 whether it is kept."""
    fields = text.strip().split(",")
    if len(fields) < 14 or fields[13] not in {"Normal", "Insert second", "Delete second"}:
        return None
    try:
        return -float(fields[4])
    except ValueError:
        return None


def timesync_offset(text: str, wall: int) -> float | None:
    """Read timesyncd's last NTP exchange (org.freedesktop.timesync1(5)), by RFC 5905's formula, section 8.

    Args:
        text: `{"type": "(uuuuittayttttbtt)", "data": […]}`, where fields 8 to 11 are the four times in µs.
        wall: ms UTC; an exchange that lies more than three hours back says nothing.
    """
    try:
        data: list[Any] = json.loads(text)["data"]
        sent, received, answered, back = (int(at) for at in data[8:12])
        leap = int(data[0])
    except (ValueError, KeyError, TypeError):
        return None
    if leap == 3 or 0 in {sent, received, answered, back} or abs(wall / 1000 - back / 1e6) > STALE_S:
        return None
    return -((received - sent) + (answered - back)) / 2 / 1e6


def nodes_offset(differences: Sequence[float]) -> float | None:
    """The median of what nodes' clocks are behind ours by, in seconds, their pushes' way included; None for too few."""
    return median(differences) if len(differences) >= LEAST_NODES else None
