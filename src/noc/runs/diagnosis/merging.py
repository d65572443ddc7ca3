"""Several journals as one, by time; pure but for the clock that is given."""

import heapq
from collections.abc import Iterator

from noc.runs.diagnosis.entry import Entry

WINDOW_S = 0.5
"""Seconds that an entry waits for those of other nodes: longer than two journals need to reach us."""
MAX_HELD = 5000


class Window:
    """Entries as they arrive, put out by the time that they carry once nothing older is likely to come."""

    def __init__(self, window_s: float = WINDOW_S, most: int = MAX_HELD) -> None:
        """Hold each entry that many seconds, and never more of them than `most`."""
        self._window_s, self._most = window_s, most
        self._held: list[tuple[int, int, float, Entry]] = []
        self._number = 0

    def add(self, entry: Entry, now: float) -> None:
        """Take an entry that arrived at `now`, seconds on any clock that only goes on."""
        self._number += 1
        heapq.heappush(self._held, (entry.at_us, self._number, now, entry))

    def ready(self, now: float) -> Iterator[Entry]:
        """Those that have waited long enough, oldest first; where too many wait, the oldest go as well."""
        while self._held and (len(self._held) > self._most or now - self._held[0][2] >= self._window_s):
            yield heapq.heappop(self._held)[3]

    def rest(self) -> Iterator[Entry]:
        """All that wait, oldest first."""
        while self._held:
            yield heapq.heappop(self._held)[3]

    def due_s(self, now: float) -> float | None:
        """Seconds until the oldest is ready; None where nothing waits."""
        return max(0.0, self._window_s - (now - self._held[0][2])) if self._held else None


class Knot:
    """Journals that each come in order, put out in the order of all: nothing goes before every one has said its next.

    A journal whose clock was set back is put out as it is read.
    """

    def __init__(self, nodes: frozenset[str]) -> None:
        """Wait for these."""
        self._waiting = set(nodes)
        self._heads: list[tuple[int, str, Entry]] = []

    @property
    def waiting(self) -> frozenset[str]:
        """The nodes whose next entry has to come before anything can go on."""
        return frozenset(self._waiting)

    def add(self, entry: Entry) -> None:
        """Take the next entry of a node that is waited for."""
        self._waiting.discard(entry.node)
        heapq.heappush(self._heads, (entry.at_us, entry.node, entry))

    def end(self, node: str) -> None:
        """A node has no more."""
        self._waiting.discard(node)

    def next(self) -> Entry | None:
        """The oldest, once all have said theirs; its node is waited for then. None where that is not so."""
        if self._waiting or not self._heads:
            return None
        entry = heapq.heappop(self._heads)[2]
        self._waiting.add(entry.node)
        return entry
