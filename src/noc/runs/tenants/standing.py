"""How one node stands with its directory, as HQ knows it."""

import asyncio
from dataclasses import dataclass, field

from noc.errors import NocError
from noc.hosts.activation import Held

FIRST_RETRY_S, LAST_RETRY_S = 15.0, 60.0


@dataclass
class Standing:
    """How one node stands.

    Attributes:
        held: what it has, as it said last; None while it was not heard.
        trouble: why it was not brought the newest, "" where it was.
        retry_s: seconds until it is tried again after a failure.
        next_try: when that is, monotonic seconds.
        machine: the tunnel key of the machine that said so: another one has nothing yet.
    """

    held: Held | None = None
    trouble: str = ""
    retry_s: float = FIRST_RETRY_S
    next_try: float = 0.0
    machine: str | None = None
    one: asyncio.Lock = field(default_factory=asyncio.Lock)

    def failed(self, error: NocError, now: float) -> None:
        """Try again later, and later still."""
        self.trouble = ": ".join(filter(None, (error.what, error.why)))
        self.next_try, self.retry_s = now + self.retry_s, min(2 * self.retry_s, LAST_RETRY_S)

    def has_now(self, held: Held) -> None:
        """What the node said; whatever was wrong before is over."""
        self.held, self.trouble, self.retry_s, self.next_try = held, "", FIRST_RETRY_S, 0.0
