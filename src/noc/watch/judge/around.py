"""What a node's standing has to know of everything around it."""

from typing import Protocol

from noc.watch.clock import Moment
from noc.watch.store.records import Record


class Around(Protocol):
    """The other nodes, HQ's own way out, and the second witness."""

    @property
    def cut_off(self) -> bool:
        """Whether HQ reaches nothing outside."""

    @property
    def lost(self) -> bool:
        """Whether so many nodes are lost that one cause is likely."""

    def speaker(self, name: str, now: Moment) -> tuple[list[Record], int | None]:
        """The incident that speaks for a node that is lost now; with what had to be recorded to open that one."""

    def suspect(self, name: str) -> None:
        """Ask the second witness for a look at a node at once."""


class Alone:
    """Nothing around: one node that is judged by itself."""

    cut_off = False
    lost = False

    def speaker(self, name: str, now: Moment) -> tuple[list[Record], int | None]:  # noqa: ARG002 - the protocol's
        """Nobody speaks for it."""
        return [], None

    def suspect(self, name: str) -> None:
        """Nobody looks."""
