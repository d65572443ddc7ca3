"""How often services, and people in chats, may ask for the same: a loop must not fill the audit, or wear nodes out.

What costs nothing but an answer is not counted, nor what is counted elsewhere: codes, and strangers.
"""

from collections import defaultdict, deque
from typing import Final

from noc.runs.admission.caller import Caller
from noc.runs.admission.errors import TooOften
from noc.runs.admission.permits import is_held

MOST = 120
"""Requests for one operation in an hour, of each person in a chat or on a page, and of each service."""
HOUR_S = 3600.0
FREE: Final = frozenset({"list", "show", "follow", "pending", "lease", "whoami", "link", "stranger", "job"})


class Often:
    """What was asked for in the last hour. It forgets it with its process."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._asked = defaultdict[tuple[str, str], deque[float]](lambda: deque(maxlen=MOST))

    def check(self, caller: Caller, operation: str, now: float) -> None:
        """Count a request.

        Args:
            caller: for whom it is; whom no table holds is not counted.
            operation: one that the tables let them ask for.
            now: seconds on the monotonic clock.

        Raises:
            TooOften: there were too many in the last hour; this one is not counted.
        """
        if not is_held(caller) or operation in FREE:
            return
        asked = self._asked[caller.name, operation]
        while asked and asked[0] <= now - HOUR_S:
            asked.popleft()
        if len(asked) >= MOST:
            raise TooOften(
                f"{caller.name} has asked for {operation} {MOST} times in an hour",
                fix="wait, or give the command on HQ",
            )
        asked.append(now)
