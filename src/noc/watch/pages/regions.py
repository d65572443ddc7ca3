"""The regions of a large fleet as its page shows them: how many nodes each has, in which states, and where it lies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from noc.fleet.model import Fleet
from noc.watch.pages.projection import project
from noc.watch.pages.statuses import RANK, Status, Told
from noc.watch.pages.worldmap import Spot
from noc.watch.store.records import State


@dataclass(frozen=True)
class Region:
    """Nodes that are shown together.

    Attributes:
        name: see `Fleet.region`.
        nodes: they, the worst first.
        severity, incident: of the open incident that speaks for the region, or of the worst one of its nodes; "", None
            where nothing is open.
    """

    name: str
    nodes: tuple[Status, ...]
    severity: str
    incident: int | None

    @property
    def worst(self) -> State:
        """The worst state of a node."""
        return min((node.state for node in self.nodes), key=lambda state: RANK[state])

    @property
    def counts(self) -> Mapping[State, int]:
        """How many nodes are in which state, the worst first; states that nobody is in are left out."""
        counted = {state: sum(node.state == state for node in self.nodes) for state in RANK}
        return {state: count for state, count in counted.items() if count}


def regions(fleet: Fleet, nodes: Sequence[Status], told: Told) -> list[Region]:
    """The fleet's regions, the one with the worst node first.

    Args:
        fleet: the fleet file.
        nodes: every node, the worst first.
        told: what is open.
    """
    of = {node.name: fleet.region(node) for node in fleet.nodes}
    found: dict[str, list[Status]] = {}
    for node in nodes:
        found.setdefault(of[node.name], []).append(node)
    return [_region(name, tuple(members), told) for name, members in found.items()]


def _region(name: str, nodes: tuple[Status, ...], told: Told) -> Region:
    if own := told.of(f"@region/{name}"):
        return Region(name, nodes, own.severity, own.id)
    worst = min((node for node in nodes if node.severity), key=lambda node: node.severity, default=None)
    return Region(name, nodes, worst.severity if worst else "", worst.incident if worst else None)


def region_spots(fleet: Fleet, found: Sequence[Region]) -> list[Spot]:
    """Regions in the middle of their nodes, as the picture shows it."""
    places = {node.name: project(node.latitude, node.longitude) for node in fleet.nodes}
    return [_spot(region, [places[node.name] for node in region.nodes]) for region in found]


def _spot(region: Region, places: Sequence[tuple[float, float]]) -> Spot:
    x, y = (fmean(each) for each in zip(*places, strict=True))
    return Spot(region.name, f"{len(region.nodes)} nodes", region.worst, x, y)
