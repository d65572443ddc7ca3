"""A node's public face, as the second witness saw it last."""

from dataclasses import dataclass
from math import inf
from typing import Final

from noc.watch.clock import Moment
from noc.watch.judge.verdict import View
from noc.watch.store.records import EventKind, Sighting

LOOK_IS_FRESH_S: Final = 180
LOOKS_FAILED: Final = 2


@dataclass(slots=True)
class Face:
    """The newest look, and how many in a row have failed. Times are monotonic seconds.

    Attributes:
        seen, seen_at: the newest look, and when it was taken.
        failures, failing: how many looks in a row failed, and since when.
    """

    seen: Sighting | None = None
    seen_at: float = -inf
    failures: int = 0
    failing: float = inf

    def take(self, sighting: Sighting, now: Moment) -> EventKind | None:
        """Take a look; the event that it is, where the address was lost or is served again with it."""
        before = self.failures
        self.seen, self.seen_at = sighting, now.mono
        if sighting.ok:
            self.failures, self.failing = 0, inf
            return "public-restored" if before >= LOOKS_FAILED else None
        self.failures, self.failing = before + 1, min(self.failing, now.mono)
        return "public-failed" if self.failures == LOOKS_FAILED else None

    def stale(self, now: Moment) -> bool:
        """Whether nobody has looked of late."""
        return now.mono - self.seen_at >= LOOK_IS_FRESH_S

    def view(self, now: Moment) -> View:
        """Where the newest look failed, "" where it did not; None where there was none of late."""
        return None if self.seen is None or self.stale(now) else self.seen.stage

    def refused(self, now: Moment) -> bool:
        """Whether two looks in a row have failed, the newer of late."""
        return self.failures >= LOOKS_FAILED and not self.stale(now)

    def lost_since(self, now: Moment) -> float:
        """Since when looks fail; infinite where they do not."""
        return inf if self.stale(now) else self.failing

    @property
    def detail(self) -> str:
        """What the newest look saw, in words."""
        return self.seen.detail if self.seen is not None else ""
