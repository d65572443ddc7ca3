"""How many requests may be made."""

import hashlib
import time
from collections import OrderedDict, deque

from noc.lab.services import KEPT
from noc.lab.services.discord.refusals import Refused

GLOBAL_PER_S = 50


class Limits:
    """Requests that may be made, each route with its own measure, and all together. Discord publishes no numbers."""

    ROUTES = {"message": (5, 5.0), "edit": (5, 5.0), "commands": (5, 20.0), "webhook": (5, 2.0)}  # noqa: RUF012

    def __init__(self) -> None:
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self.throttled: deque[tuple[float, bool]] = deque()
        """Refusals that were asked for: seconds to wait, and whether for all routes."""

    def take(self, route: str, major: str) -> dict[str, str]:
        """Count one request of a route for a channel, guild or webhook; the headers of its answer. Raises 429."""
        if self.throttled:
            raise self._too_many({}, *self.throttled.popleft())
        left, reset = self._count("", GLOBAL_PER_S, 1.0)
        if left < 0 and route != "webhook":
            raise self._too_many({}, reset, everywhere=True)
        if route not in self.ROUTES:
            return {}
        limit, window = self.ROUTES[route]
        left, reset = self._count(f"{route} {major}", limit, window)
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, left)),
            "X-RateLimit-Reset": f"{time.time() + reset:.3f}",
            "X-RateLimit-Reset-After": f"{reset:.3f}",
            "X-RateLimit-Bucket": hashlib.sha256(route.encode()).hexdigest()[:16],
        }
        if left < 0:
            raise self._too_many(headers, reset, everywhere=False)
        return headers

    def _count(self, key: str, limit: int, window: float) -> tuple[int, float]:
        now = time.monotonic()
        until, used = self._windows.get(key, (0.0, 0))
        if until <= now:
            until, used = now + window, 0
        self._windows[key] = (until, used + 1)
        self._windows.move_to_end(key)
        if len(self._windows) > KEPT:
            self._windows.popitem(last=False)
        return limit - used - 1, until - now

    @staticmethod
    def _too_many(headers: dict[str, str], wait: float, everywhere: bool) -> Refused:
        refusal = Refused(429, 0, "You are being rate limited.")
        refusal.document = {
            "message": "You are being rate limited.",
            "retry_after": round(wait, 3),
            "global": everywhere,
        }
        scope = (
            {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}
            if everywhere
            else {"X-RateLimit-Scope": "user"}
        )
        refusal.headers = headers | scope | {"Retry-After": str(int(wait) + 1)}
        return refusal
