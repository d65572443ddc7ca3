"""How often one account is heard: a flood of messages is none of the runner's affair."""

from collections import OrderedDict
from enum import Enum

HEARD, WITHIN_S = 20, 60.0
MOST = 2_000
"""Accounts that are remembered."""


class Heard(Enum):
    """What to do with one more message."""

    YES = "yes"
    TOLD = "too many; say so, once"
    NO = "too many"


class Pace:
    """Counts what accounts say."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._since: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def hear(self, account: str, now: float) -> Heard:
        """Whether one more message of an account is heard.

        Args:
            account: whose.
            now: seconds on the monotonic clock.
        """
        began, count = self._since.pop(account, (now, 0))
        if now - began >= WITHIN_S:
            began, count = now, 0
        self._since[account] = (began, count + 1)
        if len(self._since) > MOST:
            self._since.popitem(last=False)
        if count < HEARD:
            return Heard.YES
        return Heard.TOLD if count == HEARD else Heard.NO
