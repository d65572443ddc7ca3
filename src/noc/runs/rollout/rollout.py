"""How a rollout decides: a state machine without I/O, driven by the records that the journal keeps.

`decide` says what to do next, `advance` takes what came of it. Folding a journal's records through `advance` gives the
state at any of its lines, so that what is shown, what is tested and what is resumed are the same thing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from noc.runs.record.events import Event, State


class Step(StrEnum):
    """The steps of a rollout, in the order in which one node takes them."""

    PREFLIGHT = "preflight"
    STAGE = "stage"
    ACTIVATE = "activate"
    PROVE = "prove"
    CONFIRM = "confirm"
    REVERT = "revert"
    PROVE_OLD = "prove-old"


class Phase(StrEnum):
    """Where one node stands. The value of a final phase is the node's verdict."""

    PLANNED = "planned"
    READY = "ready"
    STAGED = "staged"
    ACTIVATING = "activating"
    ACTIVATED = "activated"
    PROVEN = "proven"
    SICK = "sick"
    REVERTED = "reverted"
    BLOCKED = "blocked"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    CONFIRMED = "confirmed"
    ROLLED_BACK = "rolled-back"
    ROLLBACK_FAILED = "rollback-failed"


UNTOUCHED = "untouched"
"""The verdict of a node whose service was never touched."""
GOOD = frozenset({Phase.CONFIRMED, Phase.UNCHANGED})
FAILED = frozenset({Phase.BLOCKED, Phase.REFUSED, Phase.ROLLED_BACK, Phase.ROLLBACK_FAILED})
IN_HAND = frozenset({Phase.ACTIVATING, Phase.ACTIVATED, Phase.PROVEN, Phase.SICK, Phase.REVERTED})

_AFTER: Mapping[tuple[Phase, Step, State], Phase] = {
    (Phase.PLANNED, Step.PREFLIGHT, State.OK): Phase.READY,
    (Phase.PLANNED, Step.PREFLIGHT, State.SKIPPED): Phase.UNCHANGED,
    (Phase.PLANNED, Step.PREFLIGHT, State.FAILED): Phase.BLOCKED,
    (Phase.READY, Step.STAGE, State.OK): Phase.STAGED,
    (Phase.READY, Step.STAGE, State.SKIPPED): Phase.STAGED,
    (Phase.READY, Step.STAGE, State.FAILED): Phase.REFUSED,
    (Phase.STAGED, Step.ACTIVATE, State.STARTED): Phase.ACTIVATING,
    (Phase.ACTIVATING, Step.ACTIVATE, State.OK): Phase.ACTIVATED,
    (Phase.ACTIVATING, Step.ACTIVATE, State.SKIPPED): Phase.REFUSED,
    (Phase.ACTIVATING, Step.ACTIVATE, State.FAILED): Phase.SICK,
    (Phase.ACTIVATED, Step.PROVE, State.OK): Phase.PROVEN,
    (Phase.ACTIVATED, Step.PROVE, State.FAILED): Phase.SICK,
    (Phase.PROVEN, Step.CONFIRM, State.OK): Phase.CONFIRMED,
    (Phase.PROVEN, Step.CONFIRM, State.FAILED): Phase.SICK,
    (Phase.SICK, Step.REVERT, State.OK): Phase.REVERTED,
    (Phase.SICK, Step.REVERT, State.SKIPPED): Phase.CONFIRMED,
    (Phase.SICK, Step.REVERT, State.FAILED): Phase.ROLLBACK_FAILED,
    (Phase.REVERTED, Step.PROVE_OLD, State.OK): Phase.ROLLED_BACK,
    (Phase.REVERTED, Step.PROVE_OLD, State.FAILED): Phase.ROLLBACK_FAILED,
}

_NEXT: Mapping[Phase, Step] = {
    Phase.ACTIVATING: Step.REVERT,
    Phase.ACTIVATED: Step.PROVE,
    Phase.PROVEN: Step.CONFIRM,
    Phase.SICK: Step.REVERT,
    Phase.REVERTED: Step.PROVE_OLD,
}


@dataclass(frozen=True)
class Act:
    """What to do next: one step on one node, or a step on several at once where it touches no running service."""

    step: Step
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Rollout:
    """A rollout at one moment.

    Attributes:
        phases: each node's phase, in the order of the plan.
        stopping: somebody asked to stop: the node in hand is brought to its end, no other is begun.
    """

    phases: Mapping[str, Phase]
    stopping: bool = False

    @classmethod
    def begin(cls, nodes: Iterable[str]) -> "Rollout":
        """A rollout over nodes in this order, nothing done yet."""
        return cls(dict.fromkeys(nodes, Phase.PLANNED))

    def at(self, *phases: Phase) -> tuple[str, ...]:
        """The nodes that stand at one of these phases, in order."""
        return tuple(name for name, phase in self.phases.items() if phase in phases)

    def is_good(self, node: str) -> bool:
        """Whether a node ended as the plan wants it."""
        return self.phases[node] in GOOD

    def verdict(self, node: str) -> str:
        """A node's verdict: its final phase, or `untouched` where its service was never touched."""
        phase = self.phases[node]
        return phase.value if phase in GOOD | FAILED else UNTOUCHED


def advance(rollout: Rollout, event: Event) -> Rollout:
    """The rollout after one record. Records that change no phase (progress, steps of the run) leave it as it is."""
    if event.node is None or event.node not in rollout.phases or event.step not in set(Step):
        return rollout
    phase = _AFTER.get((rollout.phases[event.node], Step(event.step), event.state))
    return replace(rollout, phases={**rollout.phases, event.node: phase}) if phase else rollout


def decide(rollout: Rollout) -> Act | None:
    """What to do next, None when the rollout has ended.

    A node in hand is always brought to its end first, so that activations cannot overlap; the first failure ends the
    rollout before another node is touched. An activation found begun without an outcome (the runner was cut there)
    is turned back. One that has kept the release, since only its answer to HQ's yes was lost, is
    confirmed.
    """
    if in_hand := rollout.at(*IN_HAND):
        return Act(_NEXT[rollout.phases[in_hand[0]]], in_hand[:1])
    if rollout.stopping or rollout.at(*FAILED):
        return None
    if planned := rollout.at(Phase.PLANNED):
        return Act(Step.PREFLIGHT, planned)
    if ready := rollout.at(Phase.READY):
        return Act(Step.STAGE, ready)
    staged = rollout.at(Phase.STAGED)
    return Act(Step.ACTIVATE, staged[:1]) if staged else None
