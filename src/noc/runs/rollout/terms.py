"""What holds for every change of a run."""

from collections.abc import Callable
from dataclasses import dataclass

MARGIN_S = 20
INSTALL_S = 900
"""Seconds within which a node installs an update of its packages, by its own deadline."""
"""Seconds beyond what was agreed with a node, for what lies between it and HQ."""


@dataclass(frozen=True)
class Terms:
    """What holds for every change of a run.

    Attributes:
        run: the run's id.
        fence: its fence number.
        health_within_s: seconds that the service has to become healthy, and HQ to see all that it wants to see.
        longest_soak_s: seconds of the longest soak that may follow.
        confirm_within_s: the least seconds after which a node that hears nothing turns back by itself.
        restore_data: a release that is returned to gets its database back, too.
        replace: a node without a release takes one whatever its age.
        install_s: seconds that packages may take to be installed, and again to be put back; 0 where they stay.
        check: raises where the run may not act any more.
    """

    run: str
    fence: int
    health_within_s: float
    longest_soak_s: float
    confirm_within_s: float
    restore_data: bool = False
    replace: bool = False
    install_s: float = 0
    check: Callable[[], None] = lambda: None

    @property
    def patience_s(self) -> float:
        """Seconds after which the node turns back by itself: never shorter than what the gate may take."""
        return max(self.confirm_within_s, self.health_within_s + self.longest_soak_s + MARGIN_S)
