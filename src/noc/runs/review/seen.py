"""What a review looks at: one picture of the fleet, taken before anything is judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from noc.fleet.inventory import Inventory
from noc.fleet.model import Fleet, Node
from noc.hosts.web import Health
from noc.runs.review.decision import Decision
from noc.runs.review.report import Report


@dataclass(frozen=True)
class RunSeen:
    """A run that is over, as its journal tells it.

    Attributes:
        seconds: from its first to its last record.
        node_seconds: the same for each node.
        verdicts: node → verdict.
        good: the nodes with which it went well.
        overlap: two nodes that were activated at a time, "" for none.
    """

    id: str
    action: str
    nodes: tuple[str, ...]
    ended: datetime
    ok: bool
    seconds: float
    version: str = ""
    node_seconds: Mapping[str, float] = field(default_factory=dict)
    verdicts: Mapping[str, str] = field(default_factory=dict)
    good: frozenset[str] = frozenset()
    overlap: str = ""


@dataclass(frozen=True)
class Seen:
    """The picture. What could not be looked at is None, and why stands in `trouble` under its own name.

    Attributes:
        at: when, UTC.
        checks: node → check's name → (state, words), for nodes that are live.
        monitors: node → state at the watch.
        peers: how many spokes the hub's tunnel knows.
        units: systemd unit of HQ → its active state.
        pages: public name → what it answered.
        addresses: public name → addresses that it resolves to.
        runs: runs that are over, newest first.
        incidents: of the watch, newest first, as its API shows them.
        decisions: milestone → the newest decision that holds.
        reports: milestone → its newest report.
    """

    at: datetime
    fleet: Fleet
    inventory: Inventory
    checks: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)
    monitors: Mapping[str, str] | None = None
    peers: int | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    pages: Mapping[str, Health] = field(default_factory=dict)
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    runs: Sequence[RunSeen] = ()
    incidents: Sequence[Mapping[str, Any]] | None = None
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    reports: Mapping[str, Report] = field(default_factory=dict)
    trouble: Mapping[str, str] = field(default_factory=dict)

    @property
    def left_out(self) -> dict[str, str]:
        """Nodes that a person has accepted as left out, as long as that holds: name → `reason (who, until …)`."""
        names = {node.name for node in self.fleet.nodes}
        return {
            each.what: f"{each.reason} ({each.who}, until {each.until})"
            for each in self.fleet.accepted
            if each.what in names and date.fromisoformat(each.until) >= self.at.date()
        }

    def nodes(self, batches: Sequence[int] | None = None) -> tuple[Node, ...]:
        """The nodes that count: of some batches or all of them, without those that are left out."""
        return tuple(
            node
            for node in self.fleet.nodes
            if node.name not in self.left_out and (batches is None or node.batch in batches)
        )
