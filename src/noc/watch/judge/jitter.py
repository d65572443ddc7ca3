"""How punctual a node's pushes are, and the grace that this earns it.

The estimate is the interarrival jitter of RTP (RFC 3550, section 6.4.1: a running mean that takes in a sixteenth of
each new value), of lateness alone; the grace is four times that, as a retransmission timer allows for four times the
deviation (RFC 6298, section 2). A node that is on time keeps the least grace, and none is given more than the widest.
"""

from typing import Final

GAIN: Final = 1 / 16
DEVIATIONS: Final = 4


class Jitter:
    """The running mean of a node's lateness."""

    __slots__ = ("late",)

    def __init__(self) -> None:
        """Nothing was measured yet."""
        self.late = 0.0

    def note(self, gap: float, interval: float) -> None:
        """Take the seconds between two pushes that follow each other; a gap of two intervals and more is a loss."""
        if gap < 2 * interval:
            self.late += (max(0.0, gap - interval) - self.late) * GAIN

    def grace(self, least: float, most: float) -> float:
        """Seconds by which the next push may be late."""
        return min(most, max(least, DEVIATIONS * self.late))
