"""A decision on a node, with what became of every candidate."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from noc.placement.plausible import Doubt


class Reason(StrEnum):
    """What became of a candidate, the best first; where several hold of one that cannot be, the first of them."""

    STAYS = "stays"
    CHOSEN = "chosen"
    NOT_DRAWN = "not-drawn"
    FARTHER = "farther"
    NOT_HOME = "not-home"
    NOT_LIVE = "not-live"
    NOT_ASKED_FOR = "not-asked-for"
    OUTSIDE = "outside"
    LEFT_OUT = "left-out"
    IN_MAINTENANCE = "in-maintenance"
    IN_INCIDENT = "in-incident"
    UNHEARD = "unheard"
    FULL = "full"


@dataclass(frozen=True)
class Considered:
    """What became of one candidate, and why.

    Attributes:
        node: its name.
        reason: for machines.
        words: for people, one clause.
        round_trip_ms: the median that is believed; None where none is.
        free: the share that is left of what there is least left of, 0 to 1; None where nothing was heard.
    """

    node: str
    reason: Reason
    words: str
    round_trip_ms: float | None = None
    free: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True)
class Placed:
    """A decision.

    Attributes:
        considered: every candidate: the one it fell on first, then who could have been, then who could not.
        doubts: round trips that were not believed.
    """

    considered: tuple[Considered, ...]
    doubts: tuple[Doubt, ...] = ()

    @property
    def node(self) -> str:
        """Where the tenant lives from now on."""
        return self.considered[0].node

    @property
    def stays(self) -> bool:
        """Whether the tenant lived there before."""
        return self.considered[0].reason is Reason.STAYS

    @property
    def why(self) -> str:
        """One clause."""
        return self.considered[0].words

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {"node": self.node, "stays": self.stays, "why": self.why, **asdict(self)}
