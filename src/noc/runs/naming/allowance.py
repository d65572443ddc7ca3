"""What an authority lets a domain have in a week, and what is left of it. Pure.

Let's Encrypt, per 7 days: 50 certificates for a registered domain, 5 for exactly the same names; what is renewed counts
for the second alone, and here for both, to be on the safe side. https://letsencrypt.org/docs/rate-limits/
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from noc.runs.site.escrow import Issued

WEEK: Final = timedelta(days=7)


@dataclass(frozen=True)
class Allowance:
    """Certificates within any seven days: for a registered domain, and for exactly the same names."""

    domain: int
    same_names: int


LIMITS: Final[Mapping[str, Allowance]] = {"acme-v02.api.letsencrypt.org": Allowance(50, 5)}
"""By the authority's host. An authority of its own, or for rehearsals, sets no limit that matters here."""


@dataclass(frozen=True)
class Left:
    """What is left of the allowance.

    Attributes:
        domain: certificates for the domain; None where there is no limit.
        more_at: when the oldest that counts does so no more; None where none counts.
        spent: the names that had as many as there may be.
    """

    domain: int | None
    more_at: datetime | None = None
    spent: frozenset[str] = frozenset()


def left(authority: str, domain: str, issued: Iterable[Issued], now: datetime) -> Left:
    """What an authority still lets a domain have.

    Args:
        authority: the address of its directory.
        domain: the registered domain.
        issued: certificates that were seen.
        now: the time, UTC.
    """
    allowance = LIMITS.get(urlsplit(authority).hostname or "")
    if allowance is None:
        return Left(None)
    counted = [
        each
        for each in issued
        if each.authority == authority and now - each.begins < WEEK and _within(each.names, domain)
    ]
    sets = [each.names for each in counted]
    spent = frozenset(name for names in sets if sets.count(names) >= allowance.same_names for name in names)
    more_at = min((each.begins for each in counted), default=None)
    return Left(max(allowance.domain - len(counted), 0), more_at + WEEK if more_at else None, spent)


def beyond(names: Sequence[str], there: Left) -> str:
    """Why not all these names can get a certificate of their own now, in words; "" where they can."""
    if spent := sorted(there.spent.intersection(names)):
        return f"{', '.join(spent)} had as many certificates this week as one name may have"
    if there.domain is None or len(names) <= there.domain:
        return ""
    more = f", more from {there.more_at:%Y-%m-%d %H:%M} UTC on" if there.more_at else ""
    return f"{len(names)} certificates are needed, {there.domain} are left this week{more}"


def _within(names: Iterable[str], domain: str) -> bool:
    return any(name == domain or name.endswith(f".{domain}") for name in names)
