"""Who may push: the owner of a token, from their own address, not too often.

A token that nobody has and one that came from another address cost the same: both are hashed, looked up, compared with
an address and put on the list of strangers. What is to be said of a stranger is said later, outside of the request.
"""

import hashlib
from collections.abc import Callable
from typing import Final

from noc.watch.clock import Moment
from noc.watch.config import Config
from noc.watch.push.limits import Limit

MOST_STRANGERS: Final = 256
NOBODY: Final = ("", "")

Sighted = Callable[[str, str], None]


class TooOften(Exception):
    """So many pushes came that this one is not taken; the next may come after `wait` seconds."""

    def __init__(self, wait: float) -> None:
        """Keep the time."""
        super().__init__(wait)
        self.wait = wait


class Gate:
    """Turns a token and an address into the node that pushes."""

    def __init__(self, config: Callable[[], Config]) -> None:
        """`config` is asked at every push, so that a reload counts at once."""
        self._config = config
        self._read: Config | None = None
        self._owners: dict[str, tuple[str, str]] = {}
        self._addresses, self._tokens = Limit(), Limit()
        self._strangers: dict[tuple[str, str], None] = {}

    def admit(self, token: str, address: str, moment: Moment) -> str | None:
        """The node that may push with this token from this address; None where nobody may.

        Raises:
            TooOften: the address, or the token, has used up what it may.
        """
        config = self._config()
        if config is not self._read:
            self._take(config)
        rule = config.fleet.push
        if wait := self._addresses.take(address, moment.mono, rule):
            raise TooOften(wait)
        owner, home = self._owners.get(hashlib.sha256(token.encode("utf-8", "replace")).hexdigest(), NOBODY)
        if home != address:
            if len(self._strangers) < MOST_STRANGERS:
                self._strangers[owner, address] = None
            return None
        if wait := self._tokens.take(owner, moment.mono, rule):
            raise TooOften(wait)
        return owner

    def report(self, sighted: Sighted) -> None:
        """Tell of each node whose token came from an address that is not its own, and forget all strangers."""
        strangers, self._strangers = self._strangers, {}
        for owner, address in strangers:
            if owner != NOBODY[0]:
                sighted(owner, address)

    def _take(self, config: Config) -> None:
        self._read = config
        homes = {name: str(each.node.tunnel) for name, each in config.nodes.items()}
        self._owners = {digest: (name, homes[name]) for digest, name in config.by_token.items()}
