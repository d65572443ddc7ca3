"""Whether round trips that a browser reported can be true, as far as the speed of light tells.

Whoever is anywhere is at least as far from two places together as these are from each other, so two round trips
together take at least what light in glass takes between the two places and back. Who reports less has invented one of
the two. A round trip that is too long cannot be told from a bad line; it only makes a node look farther than it is.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from statistics import median

from noc.fleet.great_circle import Place, round_trip_ms

LONGEST_MS = 5_000.0


@dataclass(frozen=True)
class Doubt:
    """A node whose round trips count for nothing, and why."""

    node: str
    why: str


@dataclass(frozen=True)
class Nearness:
    """What is believed of the reported round trips.

    Attributes:
        trips: node → milliseconds, the median of its samples.
        doubts: what is not believed, in the order of the nodes' names.
    """

    trips: Mapping[str, float]
    doubts: tuple[Doubt, ...] = ()


def nearness(places: Mapping[str, Place], reported: Mapping[str, Sequence[float]]) -> Nearness:
    """Sift the round trips that a browser has reported.

    Args:
        places: where the nodes are, by name.
        reported: node → its samples, milliseconds each.
    """
    doubts = {node: why for node, samples in reported.items() if (why := _wrong(node in places, samples))}
    trips = {node: median(samples) for node, samples in reported.items() if node not in doubts}
    doubts |= _contradicted(places, trips)
    believed = {node: trip for node, trip in sorted(trips.items()) if node not in doubts}
    return Nearness(believed, tuple(Doubt(node, why) for node, why in sorted(doubts.items())))


def _wrong(known: bool, samples: Sequence[float]) -> str:
    if not known:
        return "there is no such node"
    if not samples:
        return "it was not measured"
    if not all(0 < each <= LONGEST_MS for each in samples):
        return f"a round trip takes more than 0 and at most {LONGEST_MS:g} ms"
    return ""


def _contradicted(places: Mapping[str, Place], trips: Mapping[str, float]) -> dict[str, str]:
    """Leave out what contradicts most, until nothing does; of several that contradict as much, all."""
    doubts: dict[str, str] = {}
    while clashes := list(_clashes(places, {node: trips[node] for node in trips if node not in doubts})):
        count = Counter(node for node, _ in clashes)
        most = max(count.values())
        for node, other in clashes:
            if count[node] == most:
                doubts.setdefault(node, _against(places, trips, node, other))
    return doubts


def _clashes(places: Mapping[str, Place], trips: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """Every two that cannot both be true, each in both orders."""
    for one, other in permutations(sorted(trips), 2):
        if trips[one] + trips[other] < round_trip_ms(places[one], places[other]):
            yield one, other


def _against(places: Mapping[str, Place], trips: Mapping[str, float], node: str, other: str) -> str:
    light = round_trip_ms(places[node], places[other])
    return (
        f"{trips[node]:g} ms, with {trips[other]:g} ms to {other}, is faster than light in glass, "
        f"which takes {light:.0f} ms between the two"
    )
