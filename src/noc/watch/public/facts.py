"""What may be public, as types: nothing that has no place here ever reaches a public file.

Names, cities, states, days, and the times of incidents and of maintenance. No words that a node or a person wrote, no
address, no login, no verdict on which part failed, no number from the telemetry.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from noc.watch.api.availability import Day, overall
from noc.watch.api.uptime import SERVING, WHOLE_FLEET, is_unseen
from noc.watch.store.outages import Outage

Face = Literal["operational", "disrupted", "outage", "maintenance", "unknown"]

WORST_FIRST: Final[Sequence[Face]] = ("outage", "disrupted", "unknown", "maintenance", "operational")
INCIDENTS_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """One node. `days` are the oldest first; `availability` is the share up over all of them, None while unknown."""

    name: str
    city: str
    country: str
    face: Face
    days: Sequence[Day]
    availability: float | None


@dataclass(frozen=True, slots=True)
class IncidentFacts:
    """One incident. Times are ms UTC; `ended` is None while it is open. `nodes` are names, of one place or of several.

    Attributes:
        face: `disrupted`, `outage` once it was severe, `unknown` where only the monitoring failed.
    """

    nodes: Sequence[str]
    face: Face
    started: int
    ended: int | None


@dataclass(frozen=True, slots=True)
class MaintenanceFacts:
    """Maintenance that was announced. Times are ms UTC."""

    nodes: Sequence[str]
    begins: int
    ends: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is public at one moment.

    Attributes:
        fleet: its name.
        domain: where the page is at home.
        at: when it was so, ms UTC.
        until: when nobody may believe it any more, ms UTC.
        face: of the fleet: the worst that there is, `unknown` where the monitoring itself cannot see.
        nodes: in the fleet's order; only those that are live.
        incidents: the newest first.
        maintenance: the soonest first.
    """

    fleet: str
    domain: str
    at: int
    until: int
    face: Face
    nodes: Sequence[NodeFacts]
    incidents: Sequence[IncidentFacts]
    maintenance: Sequence[MaintenanceFacts]


@dataclass(frozen=True, slots=True)
class Place:
    """A live node's name, city, and country (ISO 3166, two letters), as the fleet file has them."""

    name: str
    city: str
    country: str


def gather(
    *,
    fleet: str,
    domain: str,
    places: Sequence[Place],
    outages: Sequence[Outage],
    days: Mapping[str, Sequence[Day]],
    pending: Iterable[str],
    maintained: Iterable[str],
    maintenance: Sequence[MaintenanceFacts],
    at: int,
    until: int,
) -> Facts:
    """Join what is known into what is public.

    Args:
        fleet, domain: of the fleet file.
        places: the live nodes.
        outages: incidents of liveness, of nodes, groups and HQ.
        days: each node's last days.
        pending: names of nodes that were never heard.
        maintained: names of nodes in maintenance now.
        maintenance: what was announced.
        at, until: ms UTC.
    """
    open_now = [each for each in outages if each.ended is None]
    blind = any(is_unseen(each) and each.node == WHOLE_FLEET for each in open_now)
    waiting, excused = set(pending), set(maintained)
    nodes = []
    for place in places:
        own = [each for each in open_now if each.node == place.name and each.verdict != SERVING]
        unseen = blind or place.name in waiting or any(map(is_unseen, own))
        face = node_face(own, unseen=unseen, maintained=place.name in excused)
        history = list(days.get(place.name, ()))
        nodes.append(NodeFacts(place.name, place.city, place.country, face, history, overall(history)))
    known = {place.name for place in places}
    return Facts(
        fleet=fleet,
        domain=domain,
        at=at,
        until=until,
        face="unknown" if blind else fleet_face([node.face for node in nodes]),
        nodes=nodes,
        incidents=public_incidents(outages, known),
        maintenance=_to_come(maintenance, known, at),
    )


def _to_come(maintenance: Sequence[MaintenanceFacts], known: set[str], at: int) -> list[MaintenanceFacts]:
    """What holds or comes for nodes that are public, the earliest first."""
    found = (
        MaintenanceFacts([name for name in each.nodes if name in known], each.begins, each.ends)
        for each in maintenance
        if known.intersection(each.nodes) and each.ends > at
    )
    return sorted(found, key=lambda each: each.begins)


def node_face(own: Sequence[Outage], *, unseen: bool, maintained: bool) -> Face:
    """One node's face, from its open outages; where HQ cannot see, nobody knows."""
    if unseen:
        return "unknown"
    if maintained:
        return "maintenance"
    if not own:
        return "operational"
    return "outage" if any(each.severity == "SEV1" for each in own) else "disrupted"


def fleet_face(faces: Sequence[Face]) -> Face:
    """The worst face of all; of a fleet without a node nothing is known, and maintenance of some is none of the fleet.

    Nodes are independent, so that one that is out is a disruption of the fleet, and an outage when half of them are.
    """
    if not faces:
        return "unknown"
    if 2 * faces.count("outage") >= len(faces):
        return "outage"
    if "outage" in faces or "disrupted" in faces:
        return "disrupted"
    if "operational" in faces:
        return "operational"
    return next(face for face in WORST_FIRST if face in faces)


def public_incidents(outages: Sequence[Outage], known: set[str]) -> list[IncidentFacts]:
    """The incidents that the public sees, the newest first: a group's speaks for those of its nodes."""
    children: dict[int, set[str]] = {}
    for each in outages:
        if each.parent is not None and each.node in known:
            children.setdefault(each.parent, set()).add(each.node)
    newest = sorted(outages, key=lambda each: each.started, reverse=True)
    shown = (_incident(each, known, children.get(each.id, set())) for each in newest if each.parent is None)
    return [each for each in shown if each is not None][:INCIDENTS_SHOWN]


def _incident(outage: Outage, known: set[str], children: set[str]) -> IncidentFacts | None:
    """One incident as the public sees it; None where it concerns nothing public."""
    if outage.node == WHOLE_FLEET and is_unseen(outage):
        return IncidentFacts([], "unknown", outage.started, outage.ended)
    nodes = [outage.node] if outage.node in known else sorted(children)
    if not nodes or outage.verdict == SERVING:
        return None
    face: Face = "outage" if outage.severity == "SEV1" else "disrupted"
    return IncidentFacts(nodes, face, outage.started, outage.ended)
