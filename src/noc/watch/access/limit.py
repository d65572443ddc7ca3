"""How often one address may fail: a count in a window of time, for so many addresses at most."""

from typing import Final

MOST_ADDRESSES: Final = 10_000


class Limit:
    """So many failures in a window, of each address by itself: nobody shuts out somebody else."""

    def __init__(self, failures: int, window_s: float) -> None:
        """Nobody has failed yet."""
        self._failures, self._window = failures, window_s
        self._counts: dict[str, int] = {}
        self._until = 0.0

    def allows(self, address: str, mono: float) -> bool:
        """Whether an address may try once more at `mono` (monotonic seconds)."""
        if mono >= self._until:
            self._counts.clear()
            self._until = mono + self._window
        return self._counts.get(address, 0) < self._failures

    def failed(self, address: str) -> None:
        """Count a failure."""
        if len(self._counts) < MOST_ADDRESSES or address in self._counts:
            self._counts[address] = self._counts.get(address, 0) + 1

    def wait_s(self, mono: float) -> int:
        """Seconds until the next window."""
        return max(1, round(self._until - mono))
