"""The steps of a rollout, where a node may stand, and which outcome of a step leads where. Data alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from noc.runs.record.events import State


class Step(StrEnum):
    """The steps of a rollout: those of one node in the order in which it takes them, then those of the whole run."""

    PREFLIGHT = "preflight"
    STAGE = "stage"
    ACTIVATE = "activate"
    PROVE = "prove"
    SOAK = "soak"
    CONFIRM = "confirm"
    REVERT = "revert"
    PROVE_OLD = "prove-old"
    ADOPT = "adopt"
    WAIT = "waiting"
    WAVE = "wave"
    ROLLBACK_FLEET = "rollback-fleet"


class Phase(StrEnum):
    """Where one node stands. The value of a final phase is the node's verdict.

    SICK: it has to be turned back. IN_DOUBT: the run was cut while the node was in hand, and only the node knows what
    became of it. DOWN: it cannot be reached.
    """

    PLANNED = "planned"
    DOWN = "down"
    READY = "ready"
    STAGED = "staged"
    IN_DOUBT = "in doubt"
    ACTIVATING = "activating"
    ACTIVATED = "activated"
    SOAKING = "soaking"
    PROVEN = "proven"
    SICK = "sick"
    REVERTED = "reverted"
    CONFIRMED = "confirmed"
    UNCHANGED = "unchanged"
    TURNED_BACK = "turned-back"
    SKIPPED = "skipped"
    HALTED = "halted"
    BLOCKED = "blocked"
    REFUSED = "refused"
    ROLLED_BACK = "rolled-back"
    ROLLBACK_FAILED = "rollback-failed"
    KEPT = "kept"


UNTOUCHED = "untouched"
"""The verdict of a node whose service was never touched."""
GOOD = frozenset({Phase.CONFIRMED, Phase.UNCHANGED})
FAILED = frozenset({Phase.BLOCKED, Phase.REFUSED, Phase.ROLLED_BACK, Phase.ROLLBACK_FAILED, Phase.KEPT})
LEFT = frozenset({Phase.SKIPPED, Phase.HALTED, Phase.TURNED_BACK})
"""Verdicts of nodes that did not fail, and do not run what the plan wants either."""
SWITCHING = frozenset({Phase.IN_DOUBT, Phase.ACTIVATING, Phase.ACTIVATED, Phase.SICK, Phase.REVERTED})
"""Phases of a node that is being changed: while one stands there, no other activation begins."""
IN_HAND = SWITCHING | {Phase.SOAKING, Phase.PROVEN}

DOWN, HALTED, NOT_BEGUN = "down", "halted", "not-begun"
"""What `outcome` in a record's detail says where its state alone does not: the node cannot be reached; nothing is wrong
with the node, and it goes back since the run ends; the run ended before the step had begun."""

AFTER: Mapping[tuple[Phase, Step, str], Phase] = {
    (Phase.PLANNED, Step.PREFLIGHT, State.OK): Phase.READY,
    (Phase.PLANNED, Step.PREFLIGHT, State.SKIPPED): Phase.UNCHANGED,
    (Phase.PLANNED, Step.PREFLIGHT, State.FAILED): Phase.BLOCKED,
    (Phase.PLANNED, Step.PREFLIGHT, DOWN): Phase.DOWN,
    (Phase.DOWN, Step.WAIT, State.OK): Phase.PLANNED,
    (Phase.DOWN, Step.WAIT, State.SKIPPED): Phase.SKIPPED,
    (Phase.READY, Step.STAGE, State.OK): Phase.STAGED,
    (Phase.READY, Step.STAGE, State.SKIPPED): Phase.STAGED,
    (Phase.READY, Step.STAGE, State.FAILED): Phase.REFUSED,
    (Phase.READY, Step.STAGE, DOWN): Phase.DOWN,
    (Phase.STAGED, Step.ACTIVATE, State.STARTED): Phase.ACTIVATING,
    (Phase.CONFIRMED, Step.ACTIVATE, State.STARTED): Phase.ACTIVATING,
    (Phase.ACTIVATING, Step.ACTIVATE, State.OK): Phase.ACTIVATED,
    (Phase.ACTIVATING, Step.ACTIVATE, State.SKIPPED): Phase.REFUSED,
    (Phase.ACTIVATING, Step.ACTIVATE, State.FAILED): Phase.SICK,
    (Phase.ACTIVATING, Step.ACTIVATE, DOWN): Phase.DOWN,
    (Phase.ACTIVATING, Step.ACTIVATE, NOT_BEGUN): Phase.STAGED,
    (Phase.ACTIVATING, Step.ACTIVATE, HALTED): Phase.SICK,
    (Phase.ACTIVATED, Step.PROVE, State.OK): Phase.SOAKING,
    (Phase.ACTIVATED, Step.PROVE, State.FAILED): Phase.SICK,
    (Phase.ACTIVATED, Step.PROVE, HALTED): Phase.SICK,
    (Phase.SOAKING, Step.SOAK, State.OK): Phase.PROVEN,
    (Phase.SOAKING, Step.SOAK, State.FAILED): Phase.SICK,
    (Phase.SOAKING, Step.SOAK, HALTED): Phase.SICK,
    (Phase.PROVEN, Step.CONFIRM, State.OK): Phase.CONFIRMED,
    (Phase.PROVEN, Step.CONFIRM, State.FAILED): Phase.SICK,
    (Phase.PROVEN, Step.CONFIRM, HALTED): Phase.SICK,
    (Phase.SICK, Step.REVERT, State.OK): Phase.REVERTED,
    (Phase.SICK, Step.REVERT, State.SKIPPED): Phase.CONFIRMED,
    (Phase.SICK, Step.REVERT, State.FAILED): Phase.ROLLBACK_FAILED,
    (Phase.REVERTED, Step.PROVE_OLD, State.OK): Phase.ROLLED_BACK,
    (Phase.REVERTED, Step.PROVE_OLD, State.FAILED): Phase.ROLLBACK_FAILED,
    (Phase.IN_DOUBT, Step.ADOPT, State.OK): Phase.ACTIVATED,
    (Phase.IN_DOUBT, Step.ADOPT, State.SKIPPED): Phase.PLANNED,
    (Phase.IN_DOUBT, Step.ADOPT, State.FAILED): Phase.SICK,
    (Phase.IN_DOUBT, Step.ADOPT, HALTED): Phase.SICK,
}

NEXT: Mapping[Phase, Step] = {
    Phase.IN_DOUBT: Step.ADOPT,
    Phase.ACTIVATED: Step.PROVE,
    Phase.SOAKING: Step.SOAK,
    Phase.PROVEN: Step.CONFIRM,
    Phase.SICK: Step.REVERT,
    Phase.REVERTED: Step.PROVE_OLD,
}

RETURNED: Mapping[Phase, Phase] = {
    Phase.CONFIRMED: Phase.TURNED_BACK,
    Phase.ROLLED_BACK: Phase.KEPT,
    Phase.STAGED: Phase.CONFIRMED,
    Phase.PLANNED: Phase.CONFIRMED,
    Phase.REFUSED: Phase.KEPT,
    Phase.DOWN: Phase.KEPT,
}
"""What the end of an activation means for a node that was on its way back: what failed or never began leaves it on the
release of this run."""


@dataclass(frozen=True)
class Standing:
    """One node in a rollout.

    Attributes:
        phase: see Phase.
        orders: names given to its activations so far, so that none is ever given twice.
        order: the activation that was begun last, None before the first.
        confirmed: this run has confirmed it once.
        returning: it is on its way back to what it ran before this run.
        spared: it goes back since the run ends, and not for a failure of its own.
        waited: it was waited for once.
    """

    phase: Phase = Phase.PLANNED
    orders: int = 0
    order: str | None = None
    confirmed: bool = False
    returning: bool = False
    spared: bool = False
    waited: bool = False

    @property
    def in_hand(self) -> bool:
        """Whether it was begun, and has not come to its end."""
        return self.phase in IN_HAND

    @property
    def failing(self) -> bool:
        """Whether it counts as a failure: it was refused, or was turned back, or is about to be, for its own sake."""
        forward = not self.returning and not self.spared
        return forward and self.phase in FAILED | {Phase.SICK, Phase.REVERTED}
