"""The map's signs: HQ, every node with a shape for its state, and the tunnel between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from noc.fleet.model import Fleet
from noc.watch.pages.projection import HEIGHT, WIDTH, project
from noc.watch.pages.statuses import Status
from noc.watch.store.records import State

SHAPES: Final = {
    "up": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "late": "M0-6L6 5H-6z",
    "down": "M-6-4L-4-6L0-2L4-6L6-4L2 0L6 4L4 6L0 2L-4 6L-6 4L-2 0z",
    "unheard": "M0-6L6 0L0 6L-6 0z",
    "pending": "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z",
}
"""Disc, triangle, cross, diamond, small ring: the state without its colour."""

BOW: Final = 0.12
"""How far a tunnel's line bows out, as a share of its length, so that lines do not lie on each other."""

LABEL_ROOM: Final = 90


@dataclass(frozen=True)
class Sign:
    """One node on the map: where, which shape, the line of its tunnel, and its name beside it where it needs a look."""

    name: str
    city: str
    state: str
    x: float
    y: float
    shape: str
    line: str
    label: bool
    before: bool


@dataclass(frozen=True)
class WorldMap:
    """The picture's size, HQ's place, and the signs, failing ones last, so that they lie on top."""

    width: int
    height: int
    hub_x: float
    hub_y: float
    signs: Sequence[Sign]


@dataclass(frozen=True)
class Spot:
    """What has a sign: a node and its city, or a region and how many nodes it has; where it lies on the picture."""

    name: str
    city: str
    state: State
    x: float
    y: float


def node_spots(fleet: Fleet, nodes: Sequence[Status]) -> list[Spot]:
    """A fleet's nodes at their places."""
    places = {node.name: (node.city, *project(node.latitude, node.longitude)) for node in fleet.nodes}
    return [Spot(node.name, places[node.name][0], node.state, *places[node.name][1:]) for node in nodes]


def world_map(fleet: Fleet, spots: Sequence[Spot]) -> WorldMap:
    """The picture with signs at these places, given worst first."""
    hub = project(fleet.hub.latitude, fleet.hub.longitude)
    signs = tuple(_sign(spot, hub) for spot in spots[::-1])
    return WorldMap(WIDTH, HEIGHT, round(hub[0], 1), round(hub[1], 1), signs)


def _sign(spot: Spot, hub: tuple[float, float]) -> Sign:
    return Sign(
        name=spot.name,
        city=spot.city,
        state=spot.state,
        x=round(spot.x, 1),
        y=round(spot.y, 1),
        shape=SHAPES[spot.state],
        line=_line(hub, (spot.x, spot.y)) if spot.state != "pending" else "",
        label=spot.state not in {"up", "pending"},
        before=spot.x > WIDTH - LABEL_ROOM,
    )


def _line(start: tuple[float, float], end: tuple[float, float]) -> str:
    """A bow from HQ to a node, always to the north."""
    (ax, ay), (bx, by) = start, end
    dx, dy = bx - ax, by - ay
    side = BOW if dx > 0 else -BOW
    cx, cy = (ax + bx) / 2 + dy * side, (ay + by) / 2 - dx * side
    return f"M{ax:.0f} {ay:.0f}Q{cx:.0f} {cy:.0f} {bx:.0f} {by:.0f}"
