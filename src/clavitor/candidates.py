"""Which nodes a browser measures its way to: a few far from one another, then those around the nearest of them."""

from collections.abc import Mapping, Sequence
from heapq import nsmallest
from math import asin, cos, inf, radians, sin, sqrt

from clavitor.directory import Node

MOST = 5
AROUND = 4


def candidates(nodes: Sequence[Node]) -> Mapping[Node, tuple[Node, ...]]:
    """Up to five open nodes far from one another, each with up to four others around it, the nearest first.

    The five are the first in the fleet's order, then each time the one farthest from those taken. This is Gonzalez'
    farthest-point traversal ("Clustering to minimize the maximum intercluster distance", 1985), so no open node is much
    farther from one of them than it has to be.
    """
    still_open = [node for node in nodes if node.open]
    spread = _spread(still_open)
    others = [node for node in still_open if node not in spread]
    return {each: tuple(nsmallest(AROUND, others, key=lambda node: _angle(node.place, each.place))) for each in spread}


def _spread(nodes: Sequence[Node]) -> list[Node]:
    taken: list[Node] = []
    nearest = dict.fromkeys(range(len(nodes)), inf)  # of those that are left: how far the nearest taken one is
    while nearest and len(taken) < MOST:
        farthest = max(nearest, key=lambda number: (nearest[number], -number))
        del nearest[farthest]
        taken.append(nodes[farthest])
        for number, before in nearest.items():
            nearest[number] = min(before, _angle(nodes[number].place, nodes[farthest].place))
    return taken


def _angle(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Half the angle between two places as seen from the centre of the earth, in radians: haversine formula."""
    (lat1, lon1), (lat2, lon2) = (tuple(map(radians, place)) for place in (one, other))
    square = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return asin(min(1.0, sqrt(square)))
