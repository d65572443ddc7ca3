"""Refusals that are written down sparingly: whoever can be refused without end must not fill the audit by it.

A day, UTC, has a hundred lines of a kind, and one more that counts the rest.
"""

from dataclasses import dataclass, field
from datetime import date

LINES = 100


@dataclass
class Sparing:
    """The refusals of one kind in one day.

    Attributes:
        day: which, UTC; None before the first.
        told: who or what got a line.
        more: how many got none beyond those.
    """

    day: date | None = None
    told: set[str] = field(default_factory=set)
    more: int = 0

    def is_news(self, key: str, today: date) -> bool:
        """Whether a line is due. A day that is over has to be `closed` before.

        Args:
            key: what gets one line a day and not two.
            today: the day, UTC.
        """
        self.day = today
        if key in self.told:
            return False
        if len(self.told) >= LINES:
            self.more += 1
            return False
        self.told.add(key)
        return True

    def closed(self, today: date) -> int:
        """End a day that is over, and return how many got no line in it; 0 while it is not over."""
        if self.day is None or self.day == today:
            return 0
        more = self.more
        self.day, self.more = None, 0
        self.told.clear()
        return more
