"""Every node in one word with what is open about it: cheap, so that a page may look at all nodes and show a few."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from noc.watch.clock import Moment
from noc.watch.service.watch import Watch
from noc.watch.store.records import Incident, State

RANK: Final[dict[State, int]] = {"down": 0, "unheard": 1, "late": 2, "up": 3, "pending": 4}
NO_SEVERITY: Final = "SEV9"
"""Sorts behind every severity."""


@dataclass(frozen=True)
class Status:
    """One node: its state and since when (ms UTC), the incident that is open, and who has taken that over."""

    name: str
    state: State
    severity: str
    incident: int | None
    acked_by: str
    maintenance: bool
    since: int | None

    @property
    def needs_a_look(self) -> bool:
        """Whether anything is wrong with it."""
        return bool(self.severity) or RANK[self.state] <= RANK["late"]


@dataclass(frozen=True)
class Summary:
    """The one look: how many nodes in which state, how many incidents of which severity, since when."""

    counts: Mapping[State, int]
    sev1: int
    sev2: int
    acked: int
    oldest: int | None
    worst: str
    waiting: int
    maintenance: int


@dataclass(frozen=True)
class Told:
    """What of the database the board needs: open incidents, and how many alerts wait."""

    incidents: Sequence[Incident] = ()
    waiting: int = 0

    def of(self, subject: str) -> Incident | None:
        """The worst open incident of a node or a group, of two the older one."""
        return self._worst.get(subject)

    @cached_property
    def _worst(self) -> Mapping[str, Incident]:
        found: dict[str, Incident] = {}
        for each in sorted(self.incidents, key=lambda each: (each.severity, each.started)):
            found.setdefault(each.node, each)
        return found


def statuses(watch: Watch, told: Told, now: Moment) -> list[Status]:
    """Every node, failing ones first: by severity and age, then late, up, pending, each in the fleet's order."""
    return sorted((_status(watch, told, name, now) for name in watch.config.nodes), key=_worst_first)


def _status(watch: Watch, told: Told, name: str, now: Moment) -> Status:
    standing, incident = watch.judge.nodes[name], told.of(name)
    return Status(
        name=name,
        state=standing.state(now),
        severity=incident.severity if incident else "",
        incident=incident.id if incident else None,
        acked_by=incident.acked_by if incident else "",
        maintenance=bool(standing.windows),
        since=incident.started if incident else standing.since(now),
    )


def _worst_first(status: Status) -> tuple[int, str, int, int]:
    is_wrong = bool(status.severity)
    place = 0 if is_wrong else RANK[status.state]
    return place, status.severity or NO_SEVERITY, (status.since or 0) if is_wrong else 0, RANK[status.state]


def summary(nodes: Sequence[Status], told: Told) -> Summary:
    """Count states, severities, and the alerts that could not go out yet."""
    counts = {state: sum(node.state == state for node in nodes) for state in RANK}
    severities = [each.severity for each in told.incidents]
    worst: str = min((node.state for node in nodes), key=lambda state: RANK[state], default="pending")
    if severities and worst not in {"down", "unheard"}:
        worst = "late"
    return Summary(
        counts=counts,
        sev1=severities.count("SEV1"),
        sev2=severities.count("SEV2"),
        acked=sum(each.acked is not None for each in told.incidents),
        oldest=min((each.started for each in told.incidents), default=None),
        worst=worst,
        waiting=told.waiting,
        maintenance=sum(node.maintenance for node in nodes),
    )
