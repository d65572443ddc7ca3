"""The roster: what HQ knows of each node where a tenant is to be placed."""

from collections.abc import Mapping
from dataclasses import dataclass

from noc.fleet.model import Fleet
from noc.fleet.placing import Placement


@dataclass(frozen=True)
class Load:
    """How much of a node is in use, as its last push said.

    Attributes:
        db_mb: MiB of database and write-ahead log.
        ram_mb: MiB of memory.
        sessions: that are not expired.
    """

    db_mb: float
    ram_mb: float
    sessions: float


@dataclass(frozen=True)
class Seen:
    """What was seen of a node.

    Attributes:
        live: whether its life says so.
        maintenance: whether a maintenance holds for it.
        incident: whether an incident of it is open.
        load: None where nothing has been heard of it lately.
    """

    live: bool = False
    maintenance: bool = False
    incident: bool = False
    load: Load | None = None


@dataclass(frozen=True)
class Measure:
    """One thing of which a node has only so much.

    Attributes:
        what: its name and unit.
        used, most: how much is in use, and from where on the node is full.
    """

    what: str
    used: float
    most: float

    @property
    def free(self) -> float:
        """The share that is left, from 0 to 1; what is no number counts as nothing."""
        left = 1 - self.used / self.most
        return min(1.0, left) if left > 0 else 0.0

    def __str__(self) -> str:
        """As people read it: `500 of 500 sessions`."""
        return f"{self.used:g} of {self.most:g} {self.what}"


@dataclass(frozen=True)
class Candidate:
    """A node of the roster.

    Attributes:
        node: its name.
        latitude, longitude: degrees.
        residencies: its country and the groups that the country is in.
        left_out: whether the fleet file lets it take no new tenants.
        seen: what was seen of it.
        measures: how full it is; none where nothing was heard.
    """

    node: str
    latitude: float
    longitude: float
    residencies: tuple[str, ...]
    left_out: bool = False
    seen: Seen = Seen()
    measures: tuple[Measure, ...] = ()

    @property
    def tightest(self) -> Measure:
        """What there is least left of. A node of which nothing was heard has none."""
        return min(self.measures, key=lambda each: each.free)


def roster(fleet: Fleet, seen: Mapping[str, Seen]) -> tuple[Candidate, ...]:
    """The fleet's nodes as candidates.

    Args:
        fleet: its `[placement]` gives limits, groups and who is left out.
        seen: by the node's name; a node that is not in it is not live.
    """
    terms = fleet.placement or Placement()
    return tuple(
        Candidate(
            node=node.name,
            latitude=node.latitude,
            longitude=node.longitude,
            residencies=terms.residencies(node.country),
            left_out=node.name in terms.left_out,
            seen=(state := seen.get(node.name, Seen())),
            measures=_measures(terms, node.name, state.load),
        )
        for node in fleet.nodes
    )


def _measures(terms: Placement, node: str, load: Load | None) -> tuple[Measure, ...]:
    if load is None:
        return ()
    limits = terms.limits(node)
    return (
        Measure("MiB of database", load.db_mb, limits.max_db_mb),
        Measure("MiB of memory", load.ram_mb, limits.max_ram_mb),
        Measure("sessions", load.sessions, limits.max_sessions),
    )
