"""What came of a step on one node."""

from dataclasses import dataclass, field
from typing import Any, Self

from noc.runs.record.events import State
from noc.runs.rollout.phases import DOWN


@dataclass(frozen=True)
class Outcome:
    """What came of a step that did not fail: ok or skipped, with facts for the record."""

    state: State = State.OK
    detail: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def skipped(cls, why: str, **detail: Any) -> Self:  # noqa: ANN401 - facts of a record
        """Nothing was due."""
        return cls(State.SKIPPED, {"why": why, **detail})

    @classmethod
    def down(cls, why: str) -> Self:
        """The node cannot be reached, and nothing was changed on it."""
        return cls(State.SKIPPED, {"why": why, "outcome": DOWN})
