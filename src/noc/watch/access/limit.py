"""How often one address may try: a count in a window of time, for so many addresses at most."""

from typing import Final

MOST_ADDRESSES: Final = 1_000


class Limit:
    """So many tries in a window, of each address, and ten times as many of all together."""

    def __init__(self, tries: int, window_s: float) -> None:
        """Nobody has tried yet."""
        self._tries, self._window = tries, window_s
        self._counts: dict[str, int] = {}
        self._all = 0
        self._until = 0.0

    def allows(self, address: str, mono: float) -> bool:
        """Count a try of an address at `mono` (monotonic seconds); whether it is not too many."""
        if mono >= self._until:
            self._counts.clear()
            self._all, self._until = 0, mono + self._window
        count = self._counts.get(address, 0) + 1
        self._all += 1
        if len(self._counts) < MOST_ADDRESSES or address in self._counts:
            self._counts[address] = count
        return count <= self._tries and self._all <= self._tries * 10

    def wait_s(self, mono: float) -> int:
        """Seconds until the next window."""
        return max(1, round(self._until - mono))
