"""When a channel, or one message on it, is tried again."""

import random
from collections.abc import Callable
from typing import Final

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0


def pause_after(attempts: int, *, at_least: float = 0, chance: Callable[[], float] = random.random) -> float:
    """Seconds until the next attempt: doubling from 1 s to 30 s, spread over half to full, never below `at_least`."""
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempts, 10))
    return max(at_least, longest * (0.5 + chance() / 2))


class Patience:
    """What is left alone for how long; all times are monotonic seconds."""

    def __init__(self) -> None:
        """Nothing has failed yet."""
        self.failures = 0
        self.channel = 0.0
        self._alerts: dict[str, tuple[int, float]] = {}

    def well(self) -> None:
        """A message went out: the channel works."""
        self.failures, self.channel = 0, 0.0

    def leave_channel(self, now: float, at_least: float) -> float:
        """The channel is in trouble. Returns for how many seconds it is left alone."""
        pause = pause_after(self.failures, at_least=at_least)
        self.failures, self.channel = self.failures + 1, now + pause
        return pause

    def leave(self, alert: str, now: float, at_least: float) -> float:
        """One message was refused. Returns for how many seconds it is left alone."""
        refusals = self.refusals(alert)
        pause = pause_after(refusals, at_least=at_least)
        self._alerts[alert] = refusals + 1, now + pause
        return pause

    def left(self, alert: str, now: float) -> float:
        """For how many seconds an alert is still left alone."""
        return max(0.0, self._alerts.get(alert, (0, 0.0))[1] - now)

    def refusals(self, alert: str) -> int:
        """How often an alert's own message was refused."""
        return self._alerts.get(alert, (0, 0.0))[0]

    def keep(self, alerts: set[str]) -> None:
        """Forget all alerts but these."""
        self._alerts = {name: known for name, known in self._alerts.items() if name in alerts}
