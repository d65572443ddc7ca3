"""How little is written down of whom nobody knows: a line for each a day, and one line for all beyond a hundred."""

from dataclasses import dataclass, field
from datetime import date

NAMED = 100
"""Strangers who get a line of their own in a day, UTC."""


@dataclass
class Strangers:
    """Those of one day.

    Attributes:
        day: which, UTC; None before the first.
        named: who got a line.
        more: how often somebody came beyond those.
    """

    day: date | None = None
    named: set[tuple[str, str]] = field(default_factory=set)
    more: int = 0

    def is_news(self, channel: str, number: str, today: date) -> bool:
        """Whether a line is due for somebody who came; `closed` must have been asked for that day before."""
        self.day = today
        if (channel, number) in self.named:
            return False
        if len(self.named) >= NAMED:
            self.more += 1
            return False
        self.named.add((channel, number))
        return True

    def closed(self, today: date) -> int:
        """End a day that is over, and return how often more came in it than got a line; 0 for nothing to say."""
        if self.day is None or self.day == today:
            return 0
        more = self.more
        self.day, self.more = None, 0
        self.named.clear()
        return more
