"""What a zone must offer, wherever it is kept."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from noc.cloud.dns.plan import Change, Found


class Zone(Protocol):
    """One zone at one provider."""

    async def records(self) -> Sequence[Found]:
        """Every A, AAAA and CNAME record of the zone, and whether it carries the fleet's mark.

        Raises:
            DnsRefused, DnsUnreachable: it cannot be read.
        """
        ...

    async def apply(self, changes: Sequence[Change]) -> None:
        """Make all changes, or none of them.

        Raises:
            DnsRefused: none was made.
            DnsUnreachable: whether they were made is not known.
        """
        ...

    def text(self, name: str, value: str) -> AbstractAsyncContextManager[None]:
        """Let a name have a text, beside whatever it has, for as long as this is entered.

        Raises:
            DnsRefused, DnsUnreachable: as `apply`.
        """
        ...
