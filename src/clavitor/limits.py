"""How often one address or one account may ask: token buckets, bounded in number."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

from clavitor.errors import HttpError

MAX_BUCKETS = 10_000
HOME_PREFIX = 64  # an IPv6 customer has at least a /64: its addresses count as one


class RateLimit:
    """Allows `burst` requests at once and `per_second` in the long run, for each key.

    Args:
        burst: tokens in a full bucket.
        per_second: tokens that come back each second.
        clock: seconds, never running backwards.
    """

    def __init__(self, burst: float, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._rate, self._clock = burst, per_second, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> None:
        """Take one token of the key's bucket.

        Raises:
            HttpError: 429 with the seconds after which the next one is there.
        """
        now = self._clock()
        tokens, at = self._buckets.pop(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._rate)
        allowed = tokens >= 1
        self._buckets[key] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        if not allowed:
            raise HttpError(429, "too many requests", retry_after=math.ceil((1 - tokens) / self._rate))


def address_key(peer: str) -> str:
    """What an address counts as: itself, or its home network for IPv6."""
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    if isinstance(address, IPv6Address):
        return str(ip_network((address, HOME_PREFIX), strict=False))
    return peer
