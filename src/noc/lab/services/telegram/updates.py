"""What the bot has not read yet, and the one poll that may wait for it."""

import threading
import time
from collections import deque
from typing import Any

from noc.lab.services import KEPT
from noc.lab.services.telegram.forms import Fields
from noc.lab.services.telegram.refusals import Refused

LONGEST_POLL_S = 50


class Updates:
    """The bot's updates, in order; all of it is called by who holds `changed`."""

    def __init__(self, changed: threading.Condition) -> None:
        self.webhook = False
        self._changed = changed
        self._waiting: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._next, self._poll = 1, 0

    def add(self, **what: Any) -> None:  # noqa: ANN401 - any JSON value
        """Something has happened."""
        self._waiting.append({"update_id": self._next, **what})
        self._next += 1
        self._changed.notify_all()

    def read(self, given: Fields) -> list[dict[str, Any]]:
        """Updates from `offset` on; waits at most `timeout` seconds for one. Raises Refused 409 where another polls."""
        if self.webhook:
            words = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
            raise Refused(409, f"Conflict: {words}")
        offset, limit = int(given.get("offset", 0)), int(given.get("limit", 100))
        while offset > 0 and self._waiting and self._waiting[0]["update_id"] < offset:
            self._waiting.popleft()
        self._poll += 1  # the newest poll ends the one that waits
        mine = self._poll
        self._changed.notify_all()
        end = time.monotonic() + min(int(given.get("timeout", 0)), LONGEST_POLL_S)
        while not self._waiting and (left := end - time.monotonic()) > 0:
            self._changed.wait(left)
            if self._poll != mine:
                words = "terminated by other getUpdates request; make sure that only one bot instance is running"
                raise Refused(409, f"Conflict: {words}")
        return list(self._waiting)[: max(1, min(limit, 100))]
