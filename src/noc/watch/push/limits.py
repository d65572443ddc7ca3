"""Rate limits: a token bucket for each key, written down as one number (the generic cell rate algorithm, ITU-T I.371).

The number is the instant at which the key's bucket will be full again. A bucket that is full is the same as none, so
that only those who pushed lately take room.
"""

from collections.abc import Hashable
from typing import Final

from noc.fleet.pushing import Push

MOST_KEYS: Final = 4_096


class Limit:
    """Buckets that hold `at_once` pushes each and fill at `per_second`; holds no clock."""

    def __init__(self) -> None:
        """All buckets are full."""
        self._full: dict[Hashable, float] = {}

    def take(self, key: Hashable, now: float, rule: Push) -> float:
        """Take one push out of a key's bucket.

        Args:
            key: whose bucket.
            now: monotonic seconds.
            rule: the bucket's size and pace.

        Returns:
            0 where there was one; else the seconds until there will be, and nothing was taken.
        """
        pace = 1 / rule.per_second
        full = max(self._full.get(key, now), now) + pace
        wait = full - now - rule.at_once * pace
        if wait > 1e-9:  # what rounding leaves of a whole bucket
            return wait
        if len(self._full) >= MOST_KEYS and key not in self._full:
            self._forget(now)
        self._full[key] = full
        return 0

    def _forget(self, now: float) -> None:
        """Make room: buckets that are full again go first; if none is, all of them."""
        self._full = {key: full for key, full in self._full.items() if full > now}
        if len(self._full) >= MOST_KEYS:
            self._full.clear()

    def __len__(self) -> int:
        """How many buckets are written down."""
        return len(self._full)
