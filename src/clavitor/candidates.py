"""Which nodes a browser measures its way to: a few, as far from one another as nodes are."""

from collections.abc import Sequence
from math import asin, cos, inf, radians, sin, sqrt

from clavitor.directory import Node

MOST = 5


def candidates(nodes: Sequence[Node]) -> list[Node]:
    """Up to five open nodes: the first in the fleet's order, then each time the one farthest from those taken.

    This is Gonzalez' farthest-point traversal ("Clustering to minimize the maximum intercluster distance", 1985), so no
    open node is much farther from a candidate than it has to be.
    """
    left = [node for node in nodes if node.open]
    taken: list[Node] = []
    nearest = dict.fromkeys(range(len(left)), inf)  # of those that are left: how far the nearest taken one is
    while nearest and len(taken) < MOST:
        farthest = max(nearest, key=lambda number: (nearest[number], -number))
        del nearest[farthest]
        taken.append(left[farthest])
        for number, before in nearest.items():
            nearest[number] = min(before, _angle(left[number].place, left[farthest].place))
    return taken


def _angle(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Half the angle between two places as seen from the centre of the earth, in radians: haversine formula."""
    (lat1, lon1), (lat2, lon2) = (tuple(map(radians, place)) for place in (one, other))
    square = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return asin(min(1.0, sqrt(square)))
