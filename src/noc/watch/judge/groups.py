"""Nodes that are lost together: one incident for the fleet, a provider or a region, instead of one for each node.

A group's incident begins with the first node whose deadline passes while at least three nodes, and the share
`lost_share` of those that were well before, have fallen silent (or fail in public) within `together` of now: a node is
silent from its first missed push on, so nobody is told of the first few by themselves. It also begins when HQ reaches
nothing outside. Nodes that are lost while it stands become its children. It ends with the last node that is back, or
when fewer than `lost_clear` have been gone for an interval, in which those on their way back push; children that are
still lost are then announced by themselves. A reported death was heard, and is nobody's child.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Final

from noc.watch.clock import Moment
from noc.watch.judge.case import Case
from noc.watch.judge.rules import Rules
from noc.watch.judge.standing import Standing
from noc.watch.store.records import Record

FLEET: Final = "@fleet"
FEWEST: Final = 3
PROBES_FAILED: Final = 2
PROBE_IS_FRESH_S: Final = 180
NAMED: Final = 12


@dataclass(slots=True)
class Group:
    """Nodes that share a fate.

    Attributes:
        names: all of them.
        members: those that the open incident is about.
        back: those of the members that are well.
    """

    name: str
    names: frozenset[str]
    case: Case
    members: set[str] = field(default_factory=set)
    back: set[str] = field(default_factory=set)

    def due(self) -> float:
        """The next instant at which time alone changes its incident."""
        return self.case.due()


class Groups:
    """All groups, the widest first."""

    def __init__(self, nodes: Mapping[str, Standing], ids: Iterator[int]) -> None:
        """Take the standings that are looked at, and where incidents get their numbers."""
        self._nodes, self._ids = nodes, ids
        self.groups: dict[str, Group] = {}
        self.touched: set[str] = set()
        self._failures, self._probed = 0, -inf

    @property
    def cut_off(self) -> bool:
        """Whether HQ reached nothing outside, twice in a row."""
        return self._failures >= PROBES_FAILED

    @property
    def lost(self) -> bool:
        """Whether the incident of the whole fleet is open."""
        return FLEET in self.groups and self.groups[FLEET].case.incident is not None

    @property
    def open(self) -> list[Group]:
        """The groups whose incident is open."""
        return [group for group in self.groups.values() if group.case.incident is not None]

    def arrange(self, groups: Mapping[str, frozenset[str]], rules: Rules, now: Moment) -> list[Record]:
        """Take the groups as they are now, the widest first; the incident of one that is gone ends."""
        gone = [group for group in self.open if group.name not in groups]
        records = [record for group in gone for record in self._close(group, "the group is no more", now)]
        before, self.groups = self.groups, {}
        for name, names in groups.items():
            group = before.get(name) or Group(name, names, Case(name, "liveness", rules, self._ids))
            group.names, group.case.rules, group.case.sev1_after = names, rules, rules.sev1_after
            self.groups[name] = group
        return records

    def speaker(self, name: str, now: Moment) -> tuple[list[Record], int | None]:
        """The incident that speaks for a node that is lost now; with the records of opening it."""
        mine = [group for group in self.groups.values() if name in group.names]
        for group in mine:
            if group.case.incident is not None:
                group.members.add(name)
                group.back.discard(name)
                return group.case.worse(), group.case.incident.id
        for group in mine:
            pool, lost = self._vanished(group, name, now)
            if len(lost) >= max(FEWEST, group.case.rules.lost_share * len(pool)) and not group.case.quiet:
                span = group.case.rules.together
                detail = f"{len(lost)} of {len(pool)} nodes were lost within {span:g} s: {_listed(lost)}"
                records = self._open(group, pool, detail, now)
                assert group.case.incident is not None
                return records, group.case.incident.id
        return [], None

    def well(self, name: str, now: Moment) -> list[Record]:
        """A node may be well again."""
        records: list[Record] = []
        standing = self._nodes[name]
        for group in self.open:
            if name in group.members and standing.lost_since(now) is None and standing.death is None:
                group.back.add(name)
                records += self.review(group, now)
        return records

    def outside(self, *, ok: bool, now: Moment) -> list[Record]:
        """HQ has asked the world outside. The first failure counts where a node is lost, too; else the second."""
        self._failures, self._probed = 0 if ok else self._failures + 1, now.mono
        fleet = self.groups.get(FLEET)
        if fleet is None:
            return []
        if fleet.case.incident is not None:
            return self.review(fleet, now)
        pool, lost = self._vanished(fleet, None, now)
        if fleet.case.quiet or not (self.cut_off or (lost and not ok)):
            return []
        self._failures = max(self._failures, PROBES_FAILED)
        return self._open(fleet, pool, "HQ reaches nothing outside", now)

    def review(self, group: Group, now: Moment) -> list[Record]:
        """Whether a group's incident is over."""
        if now.mono - self._probed >= PROBE_IS_FRESH_S:
            self._failures = 0  # nobody asks any more
        members = [name for name in group.members if self._judged(name)]
        gone = [name for name in members if name not in group.back]
        self.touched.add(group.name)
        still = bool(gone) and len(gone) >= group.case.rules.lost_clear * len(members)
        if still or (group.name == FLEET and self.cut_off):
            return group.case.worse()
        reason = f"{len(members) - len(gone)} of {len(members)} nodes are heard"
        incident = group.case.incident
        assert incident is not None
        records = group.case.better(reason, now, least=group.case.rules.patience if gone else 0)
        return records + (self._release(incident.id, now) if group.case.incident is None else [])

    def expire(self, name: str, now: Moment) -> list[Record]:
        """Do what became due for a group."""
        group = self.groups[name]
        incident = group.case.incident
        records = group.case.expire(now)
        over = incident is not None and group.case.incident is None
        return records + (self._release(incident.id, now) if incident is not None and over else [])

    def silence(self, now: Moment) -> list[Record]:
        """A group is in maintenance while each of its live nodes is."""
        records: list[Record] = []
        for group in self.groups.values():
            live = [self._nodes[name] for name in group.names if name in self._nodes and self._nodes[name].live]
            quiet = bool(live) and all(standing.quiet for standing in live)
            records += group.case.silenced(quiet=quiet, now=now)
            if group.case.incident is not None:
                records += self.review(group, now)
        return records

    def resume(self, group: Group, now: Moment) -> None:
        """Who an incident is about that was open when the server stopped: those that it speaks for are gone.

        Whether HQ is cut off is for the next probe to say; until then it is taken to be.
        """
        incident = group.case.incident
        assert incident is not None
        if group.name == FLEET:
            self._failures, self._probed = PROBES_FAILED, now.mono
        for name in group.names:
            theirs = self._nodes[name].incident if name in self._nodes else None
            if theirs is None or theirs.parent == incident.id:
                group.members.add(name)
            if theirs is None:
                group.back.add(name)

    def _judged(self, name: str) -> bool:
        return name in self._nodes and self._nodes[name].live and not self._nodes[name].quiet

    def _vanished(self, group: Group, name: str | None, now: Moment) -> tuple[set[str], set[str]]:
        """Who could vanish now, and who of them has."""
        pool, lost = set(), set()
        for each in filter(self._judged, group.names):
            since = self._nodes[each].lost_since(now)
            late = since is not None and (each == name or now.mono - since <= group.case.rules.together)
            if late:
                lost.add(each)
            if late or (since is None and self._nodes[each].death is None):
                pool.add(each)
        return pool, lost

    def _open(self, group: Group, pool: set[str], detail: str, now: Moment) -> list[Record]:
        group.members = set(pool)
        group.back = {name for name in pool if self._nodes[name].lost_since(now) is None}
        self.touched.add(group.name)
        records = group.case.open("correlated", detail, now)
        return records + (group.case.change(verdict="HQ") if group.name == FLEET else [])

    def _close(self, group: Group, reason: str, now: Moment) -> list[Record]:
        incident = group.case.incident
        assert incident is not None
        return [*group.case.close(reason, now), *self._release(incident.id, now)]

    def _release(self, parent: int, now: Moment) -> list[Record]:
        """Let the children of an incident that is over speak for themselves, or another group for them."""
        records: list[Record] = []
        for name, standing in self._nodes.items():
            if standing.incident is not None and standing.incident.parent == parent:
                others = (group.case.incident for group in self.open if name in group.names)
                records += standing.case.orphan(next((other.id for other in others if other), None), now)
                self.touched.add(name)
        return records


def _listed(names: Iterable[str]) -> str:
    """Names in order, and how many more there are."""
    every = sorted(names)
    more = f" and {len(every) - NAMED} more" if len(every) > NAMED else ""
    return ", ".join(every[:NAMED]) + more
