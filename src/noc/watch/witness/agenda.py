"""When each node's public address is looked at: spread over the interval, and sooner where there is doubt."""

from collections.abc import Mapping
from math import ceil, inf
from typing import Final

GOLDEN: Final = (5**0.5 - 1) / 2
"""Multiples of it, cut to their fractions, spread evenly for any run of numbers (the three-distance theorem)."""
REPEATED_S: Final = 1.0
"""Who was looked at so shortly before is not looked at once more, whoever doubts it."""


def phase(number: int, interval: float) -> float:
    """Where in the interval a node has its place, in seconds; always the same for the same number."""
    return number * GOLDEN % 1.0 * interval


def next_place(number: int, interval: float, after: float) -> float:
    """The first instant later than `after` at which a node has its place."""
    start = phase(number, interval)
    rounds = ceil((after - start) / interval)
    instant = start + rounds * interval
    return instant if instant > after else start + (rounds + 1) * interval


class Agenda:
    """The next look at each node. All instants are monotonic seconds.

    Args:
        interval: seconds from one look to the next.
        recheck: seconds to the next after one that `again` asks for.
    """

    def __init__(self, interval: float, recheck: float) -> None:
        self.interval, self.recheck = interval, recheck
        self._next: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def take(self, numbers: Mapping[str, int], now: float) -> list[str]:
        """The nodes that are due, each of which gets its next place.

        Args:
            numbers: every node that is to be looked at, by name, with its number; others are forgotten.
            now: the present instant.
        """
        self._next = {
            name: self._next[name] if name in self._next else next_place(number, self.interval, now)
            for name, number in numbers.items()
        }
        due = sorted((name for name, at in self._next.items() if at <= now), key=self._next.__getitem__)
        for name in due:
            self._next[name] = next_place(numbers[name], self.interval, now)
            self._last[name] = now
        return due

    def next_due(self) -> float:
        """The instant at which `take` has something to give; infinity while there is no node."""
        return min(self._next.values(), default=inf)

    def at_once(self, name: str, now: float) -> None:
        """Somebody doubts this node: look now, unless it was looked at a moment before."""
        if name in self._next and now - self._last.get(name, -inf) >= REPEATED_S:
            self._next[name] = min(self._next[name], now)

    def again(self, name: str, now: float) -> None:
        """The look failed for the first time: the next comes sooner, so that a blip is told from a fault."""
        if name in self._next:
            self._next[name] = min(self._next[name], now + self.recheck)
