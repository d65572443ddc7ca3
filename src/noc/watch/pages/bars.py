"""Beat bars: how many pushes each node made in each slot of the last two hours, so that a gap is drawn as a gap."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from noc.watch.store.records import Beat

SLOTS: Final = 60
PUSHES_A_SLOT: Final = 4

Slot = Literal["full", "part", "gap", "death", "none"]


@dataclass(slots=True)
class _Count:
    beats: int = 0
    deaths: int = 0


class Bars:
    """Counts of every node, by slot. A slot is four push intervals: 2 min at 30 s, so 60 slots show 2 h."""

    def __init__(self, interval_s: float) -> None:
        """Start empty; `interval_s` is the fleet's push interval."""
        self.interval_s = interval_s
        self.slot_ms = max(1, round(interval_s * PUSHES_A_SLOT * 1000))
        self._counts: dict[str, dict[int, _Count]] = defaultdict(dict)
        self._first: dict[str, int] = {}

    @property
    def span_ms(self) -> int:
        """How much time the bars show."""
        return self.slot_ms * SLOTS

    def note(self, beat: Beat) -> None:
        """Count one push."""
        self.count(beat.node, beat.at, up=beat.up)

    def fill(self, pushes: Iterable[tuple[str, int, bool]]) -> None:
        """Count many pushes: (node, received at ms, whether it reported life)."""
        for node, at, up in pushes:
            self.count(node, at, up=up)

    def count(self, node: str, at: int, *, up: bool) -> None:
        """Count a push of a node, received at `at` (ms)."""
        number = at // self.slot_ms
        counts = self._counts[node]
        if number not in counts:
            for old in [each for each in counts if each <= number - SLOTS]:
                del counts[old]
            counts[number] = _Count()
        counts[number].beats += up
        counts[number].deaths += not up
        self._first[node] = min(number, self._first.get(node, number))

    def slots(self, node: str, now: int) -> list[Slot]:
        """The last 60 slots, oldest first; before a node was first heard, and while a slot is young, it is `none`."""
        newest = now // self.slot_ms
        young = now % self.slot_ms < self.slot_ms * 2 / PUSHES_A_SLOT
        return [
            self._slot(node, number, young=young and number == newest)
            for number in range(newest - SLOTS + 1, newest + 1)
        ]

    def _slot(self, node: str, number: int, *, young: bool) -> Slot:
        count = self._counts[node].get(number)
        if count is None:
            return "none" if young or number < self._first.get(node, number + 1) else "gap"
        if count.deaths:
            return "death"
        first = number == self._first[node]
        return "full" if count.beats >= PUSHES_A_SLOT - 1 or young or first else "part"
