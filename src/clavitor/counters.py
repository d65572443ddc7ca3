"""How many requests and errors the last hour saw, in sixty small buckets."""

import time
from collections.abc import Callable

MINUTES = 60


class HourCounter:
    """Counts events of the last sixty minutes, to the minute.

    Args:
        clock: seconds, never running backwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts = [0] * MINUTES
        self._minute = self._now()

    def add(self) -> None:
        """Count one event."""
        self._turn()
        self._counts[self._minute % MINUTES] += 1

    def total(self) -> int:
        """Events of the last hour."""
        self._turn()
        return sum(self._counts)

    def _now(self) -> int:
        return int(self._clock() // 60)

    def _turn(self) -> None:
        now = self._now()
        for minute in range(max(self._minute + 1, now - MINUTES + 1), now + 1):
            self._counts[minute % MINUTES] = 0
        self._minute = now
