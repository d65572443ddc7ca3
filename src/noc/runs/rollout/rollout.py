"""Where a rollout stands: folding a journal's records through `advance` gives the state at any of its lines.

So what is shown, what is tested and what is resumed are the same thing. What is done next is decided in `decision`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from noc.runs.plan.plan import Plan, Rules
from noc.runs.record.events import RESUMED, Event, State
from noc.runs.rollout.phases import (
    AFTER,
    FAILED,
    GOOD,
    HALTED,
    LEFT,
    RETURNED,
    UNTOUCHED,
    Phase,
    Standing,
    Step,
)

_STEPS = frozenset(Step)


@dataclass(frozen=True)
class Rollout:
    """A rollout at one moment.

    Attributes:
        nodes: how each stands, in the order of the plan.
        rules: how it proceeds.
        lenient: a node that cannot take the change does not keep the others from it: so in a rollback, where
            each node that can go back is better off, whatever the others can.
        stopping: somebody asked to stop.
        wave, number: the nodes of the present wave, and which it is; the canary's is 0.
        confirmed: the nodes that were confirmed, the newest last.
        returning: the fleet is being returned to what it ran before.
        regions: the region of each node, where they are taken region by region; empty otherwise.
    """

    nodes: Mapping[str, Standing]
    rules: Rules
    lenient: bool = False
    stopping: bool = False
    wave: tuple[str, ...] = ()
    number: int = -1
    confirmed: tuple[str, ...] = ()
    returning: bool = False
    regions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def begin(cls, nodes: Iterable[str], rules: Rules, *, lenient: bool = False) -> "Rollout":
        """A rollout over nodes in this order, nothing done yet."""
        return cls(dict.fromkeys(nodes, Standing()), rules, lenient)

    @classmethod
    def of(cls, plan: Plan) -> "Rollout":
        """The rollout that a plan asks for, nothing done yet."""
        begun = cls.begin(plan.nodes, plan.rules, lenient=plan.action == "rollback")
        return replace(begun, regions=plan.region_of)

    def at(self, *phases: Phase) -> tuple[str, ...]:
        """The nodes that stand at one of these phases, in order."""
        return tuple(name for name, standing in self.nodes.items() if standing.phase in phases)

    @property
    def in_hand(self) -> tuple[str, ...]:
        """The nodes that were begun, and have not come to their end."""
        return tuple(name for name, standing in self.nodes.items() if standing.in_hand)

    @property
    def failures(self) -> int:
        """How many nodes have failed for their own sake."""
        failing = sum(standing.failing for standing in self.nodes.values())
        return failing - len(self.at(Phase.BLOCKED)) if self.lenient else failing

    @property
    def failed(self) -> bool:
        """Whether no further node is begun since too many have failed, or one cannot take the change."""
        touched = any(standing.order for standing in self.nodes.values())
        blocked = bool(self.at(Phase.BLOCKED)) and not self.lenient and not touched
        return blocked or self.failures > self.rules.max_failures

    @property
    def over(self) -> bool:
        """Whether no further node is begun."""
        return self.stopping or self.failed

    def is_canary(self, node: str) -> bool:
        """Whether a node that is in hand, or next, is a canary: none of its region was confirmed yet."""
        own = self.regions.get(node)
        return not any(known.confirmed for name, known in self.nodes.items() if self.regions.get(name) == own)

    def named(self, first: str) -> dict[str, object]:
        """What a wave says of itself beside its nodes: its region, and whether it is that region's canary.

        Args:
            first: its first node.
        """
        if not self.regions:
            return {}
        return {"region": self.regions[first], "canary": self.is_canary(first)}

    def called_off(self, node: str) -> bool:
        """Whether an unproven node in hand is to go back though nothing is wrong with it. A way back is not."""
        return self.over and not self.nodes[node].returning and not (self.lenient and not self.failed)

    def is_good(self, node: str) -> bool:
        """Whether a node ended as the plan wants it."""
        return self.nodes[node].phase in GOOD

    def verdict(self, node: str) -> str:
        """A node's verdict: its final phase, or `untouched` where its service was never touched."""
        phase = self.nodes[node].phase
        return phase.value if phase in GOOD | FAILED | LEFT else UNTOUCHED


def fold(rollout: Rollout, events: Iterable[Event]) -> Rollout:
    """The rollout after records, in their order."""
    for event in events:
        rollout = advance(rollout, event)
    return rollout


def advance(rollout: Rollout, event: Event) -> Rollout:
    """The rollout after one record. Records that change nothing (progress, other steps) leave it as it is."""
    if event.step == RESUMED:
        return _resumed(rollout)
    if event.step not in _STEPS:
        return rollout
    step = Step(event.step)
    if step is Step.WAVE:
        return replace(rollout, wave=tuple(event.detail["nodes"]), number=int(event.detail["number"]))
    if step is Step.ROLLBACK_FLEET:
        return replace(rollout, returning=True)
    if event.node is None or event.node not in rollout.nodes:
        return rollout
    return _moved(rollout, event.node, step, event)


def _moved(rollout: Rollout, node: str, step: Step, event: Event) -> Rollout:
    known = rollout.nodes[node]
    outcome = str(event.detail.get("outcome", event.state))
    phase = AFTER.get((known.phase, step, outcome))
    if phase is None:
        return rollout
    standing = replace(
        known, phase=phase, spared=known.spared or outcome == HALTED, waited=known.waited or step is Step.WAIT
    )
    if (step, event.state) == (Step.ACTIVATE, State.STARTED):
        order, returning = str(event.detail["order"]), known.phase is Phase.CONFIRMED
        standing = replace(standing, order=order, orders=known.orders + 1, returning=returning)
    standing = _settled(standing, rollout.rules)
    confirmed = rollout.confirmed
    if standing.phase is Phase.CONFIRMED and not standing.confirmed:
        standing, confirmed = replace(standing, confirmed=True), (*confirmed, node)
    return replace(rollout, nodes={**rollout.nodes, node: standing}, confirmed=confirmed)


def _settled(standing: Standing, rules: Rules) -> Standing:
    """A standing whose phase means something else by what came before it, or by the rules."""
    if standing.returning and standing.phase in RETURNED:
        phase = RETURNED[standing.phase]
        return replace(standing, phase=phase, returning=phase is not Phase.CONFIRMED)
    if standing.phase is Phase.UNCHANGED and standing.order:
        return replace(standing, phase=Phase.CONFIRMED)
    if standing.phase is Phase.ROLLED_BACK and standing.spared:
        return replace(standing, phase=Phase.HALTED)
    if standing.phase is Phase.DOWN and rules.down == "refuse":
        return replace(standing, phase=Phase.BLOCKED)
    if standing.phase is Phase.DOWN and (rules.down == "skip" or standing.waited):
        return replace(standing, phase=Phase.SKIPPED)
    return standing


_STANDS = frozenset(
    {Phase.ROLLED_BACK, Phase.ROLLBACK_FAILED, Phase.KEPT, Phase.TURNED_BACK, Phase.SICK, Phase.REVERTED}
)
"""Phases that no new look at the node would change."""


def _resumed(rollout: Rollout) -> Rollout:
    """A run that was cut goes on: what had failed stands, all else is asked anew, unless that is too much already."""
    standing = sum(known.failing and known.phase in _STANDS for known in rollout.nodes.values())
    ended = rollout.returning or standing > rollout.rules.max_failures
    nodes = {name: _doubted(known, ended=ended) for name, known in rollout.nodes.items()}
    return replace(rollout, nodes=nodes, stopping=False, wave=())


def _doubted(known: Standing, *, ended: bool) -> Standing:
    # A name that an activation was prepared under, and no record tells of, is not used again.
    standing = replace(known, orders=known.orders + 1, waited=False)
    if known.phase in _STANDS or (ended and not known.in_hand):
        return standing
    return replace(standing, phase=Phase.IN_DOUBT if known.in_hand else Phase.PLANNED, spared=False)


def order_name(run: str, orders: int) -> str:
    """The name of an activation on its node: the run's own for the first, numbered from 2 after that.

    Args:
        run: the run's id.
        orders: names that were given to the node's activations before.
    """
    return run if orders == 0 else f"{run}-{orders + 1}"
