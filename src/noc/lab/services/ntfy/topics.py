"""Topics, their messages, and how many requests a visitor may make."""

import json
import re
import secrets
import threading
import time
from collections import deque
from typing import Any

from noc.lab.services import KEPT, refusals

MESSAGE_BYTES = 4096
BURST = 60
REFILL_S = 5.0
KEPT_FIELDS = ("sequence_id", "title", "tags", "click", "actions", "icon", "markdown")
_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")


class Refused(refusals.Refused):
    """A request that ntfy answers with an error document: HTTP status, ntfy's own code, and its sentence."""

    def __init__(self, status: int, code: int, error: str) -> None:
        link = "https://ntfy.sh/docs/publish/"
        super().__init__(status, {"code": code, "http": status, "error": error, "link": link})

    @property
    def text(self) -> str:
        """A line, as all that it sends."""
        return line(self.document)


def line(document: dict[str, Any]) -> str:
    """A document as a line of JSON."""
    return json.dumps(document) + "\n"


def is_topic(name: Any) -> bool:  # noqa: ANN401 - from the wire
    """Whether a topic may have this name."""
    return isinstance(name, str) and _TOPIC.fullmatch(name) is not None


class Bucket:
    """The requests that one visitor may make: 60 at once, then one more every 5 s (ntfy's defaults)."""

    def __init__(self, now: float) -> None:
        self._tokens, self._at = float(BURST), now

    def take(self, now: float) -> bool:
        """Use up one request at the time `now` (seconds); whether there was one left."""
        self._tokens = min(float(BURST), self._tokens + (now - self._at) / REFILL_S)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Topics:
    """All messages, and who may send how many; safe for use by several threads."""

    def __init__(self) -> None:
        self._messages: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._visitors: dict[str, Bucket] = {}
        self._lock = threading.Lock()

    def admit(self, visitor: str) -> None:
        """Count a visitor's request to publish. Raises Refused when there were too many."""
        with self._lock:
            now = time.monotonic()
            if not self._visitors.setdefault(visitor, Bucket(now)).take(now):
                raise Refused(429, 42901, "limit reached: too many requests, please be nice")

    def publish(self, document: dict[str, Any]) -> dict[str, Any]:
        """Keep a message and return it as ntfy does. Raises Refused for what the original refuses."""
        message = _message(document, time.time())
        with self._lock:
            self._messages.append(message)
        return message

    def since(self, topic: str, after: str) -> list[dict[str, Any]]:
        """Messages of a topic in order of arrival: `all`, those after a message's id, or since a Unix time."""
        with self._lock:
            found = [message for message in self._messages if message["topic"] == topic]
        ids = [message["id"] for message in found]
        if after in ids:
            return found[ids.index(after) + 1 :]
        return [message for message in found if message["time"] >= int(after)] if after.isdecimal() else found


def _message(document: dict[str, Any], now: float) -> dict[str, Any]:
    text, priority, tags = document.get("message", ""), document.get("priority", 3), document.get("tags", [])
    if not isinstance(text, str) or not isinstance(tags, list):
        raise Refused(400, 40024, "invalid request: request body must be valid JSON")
    if len(text.encode()) > MESSAGE_BYTES:
        raise Refused(400, 40014, "invalid request: attachments not allowed")
    if not isinstance(priority, int) or not 1 <= priority <= 5:
        raise Refused(400, 40007, "invalid priority parameter")
    kept: dict[str, Any] = {key: document[key] for key in KEPT_FIELDS if key in document}
    return {
        "id": secrets.token_urlsafe(9)[:12],
        "time": int(now),
        "received_at": round(now, 3),
        "event": "message",
        "topic": document["topic"],
        "message": text or "triggered",
        "priority": priority,
        **kept,
    }
