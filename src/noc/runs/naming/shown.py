"""Whether the zone's own name servers answer as a change wants it."""

import asyncio
from collections.abc import Iterable, Sequence

from noc.cloud.dns.plan import Change
from noc.runs.naming.errors import NameMissing
from noc.runs.site.names import authority
from noc.runs.site.site import Site

SHOWN_WITHIN_S = 60.0


async def not_shown(site: Site, changes: Sequence[Change], within_s: float = SHOWN_WITHIN_S) -> tuple[Change, ...]:
    """Those changes that the zone's own name servers do not show in time."""
    servers = authority(site)
    shown = await asyncio.gather(*(servers.shows(change, within_s) for change in changes))
    return tuple(change for change, seen in zip(changes, shown, strict=True) if not seen)


def missing(names: Iterable[str]) -> NameMissing:
    """The name servers do not answer as wanted for these."""
    why = f"not within {SHOWN_WITHIN_S:g} s"
    return NameMissing(f"the name servers do not show {', '.join(names)} yet", why=why, fix="noc dns plan")
