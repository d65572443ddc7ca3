"""The judge: all nodes' standings, and a heap of the instants at which time alone changes one."""

from collections.abc import Iterator, Mapping
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf

from noc.watch.clock import Moment
from noc.watch.judge.rules import Rules
from noc.watch.judge.standing import Standing
from noc.watch.store.records import Beat, Deployment, Record


class Judge:
    """Decides what pushes, deaths and the passing of time mean; holds no clock and does no I/O.

    Every method that takes something in returns the records that must be stored, in order.
    """

    def __init__(self, rules: Rules, *, next_incident: int = 1) -> None:
        """Start with no nodes. `next_incident` is the number that the next incident gets."""
        self.rules = rules
        self.nodes: dict[str, Standing] = {}
        self._ids: Iterator[int] = count(next_incident)
        self._heap: list[tuple[float, str]] = []
        self._armed: dict[str, float] = {}

    def watch(self, live: Mapping[str, bool], rules: Rules, now: Moment) -> list[Record]:
        """Take the fleet as it is now: every node's name, and whether it is live."""
        records: list[Record] = []
        self.rules = rules
        for name in [name for name in self.nodes if name not in live]:
            records += self.nodes.pop(name).judged(live=False, now=now)
        for name, is_live in live.items():
            standing = self.node(name)
            standing.rules = rules
            records += standing.judged(live=is_live, now=now)
            self._arm(standing)
        return records

    def node(self, name: str) -> Standing:
        """The standing of a node, a fresh one where it is new."""
        if name not in self.nodes:
            self.nodes[name] = Standing(name, self.rules, self._ids)
        return self.nodes[name]

    def push(self, beat: Beat, now: Moment) -> list[Record]:
        """Take a push. No record is returned for a retry of one that was counted."""
        standing = self.nodes[beat.node]
        records = standing.alive(beat, now) if beat.up else standing.dead(beat, now)
        self._arm(standing)
        return records

    def deploy(self, deployment: Deployment, now: Moment) -> list[Record]:
        """A deployment of a node begins, or is prolonged."""
        standing = self.nodes[deployment.node]
        records = standing.deploy(deployment, now)
        self._arm(standing)
        return records

    def deployed(self, name: str, now: Moment) -> list[Record]:
        """The deployment of a node is over."""
        records = self.nodes[name].deployed(now)
        self._arm(self.nodes[name])
        return records

    def next_due(self) -> float:
        """The monotonic instant at which `expire` has something to look at; never later than the true one."""
        return self._heap[0][0] if self._heap else inf

    def expire(self, now: Moment) -> list[Record]:
        """Do everything that became due, each at its exact instant, in the order of those instants."""
        records: list[Record] = []
        while self._heap and self._heap[0][0] <= now.mono:
            due, name = heappop(self._heap)
            if self._armed.get(name) != due:
                continue
            del self._armed[name]
            standing = self.nodes.get(name)
            if standing is None:
                continue
            if standing.due() <= due:
                records += standing.expire(now.at(due))
            self._arm(standing)
        return records

    def extend(self, seconds: float, now: Moment) -> None:
        """Move every deadline by the time for which the server itself was away."""
        for standing in self.nodes.values():
            standing.extend(seconds, now)
        self.rearm()

    def rearm(self) -> None:
        """Build the heap anew from the standings."""
        self._armed = {name: standing.due() for name, standing in self.nodes.items()}
        self._heap = [(due, name) for name, due in self._armed.items() if due < inf]
        heapify(self._heap)

    def _arm(self, standing: Standing) -> None:
        due = standing.due()
        if due < self._armed.get(standing.name, inf):
            self._armed[standing.name] = due
            heappush(self._heap, (due, standing.name))
