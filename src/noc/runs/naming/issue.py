"""A certificate for the domain itself: the copy that HQ has, or a new one that HQ gets by a proof in the zone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from noc.cloud.acme.certificate import RENEWED_AT, Certificate
from noc.cloud.acme.order import Account, obtain
from noc.runs.naming.allowance import beyond
from noc.runs.naming.errors import AllowanceSpent, NameMissing
from noc.runs.naming.issuing import allowance
from noc.runs.site.escrow import escrow
from noc.runs.site.names import authority, zone
from noc.runs.site.site import Site

SHOWN_WITHIN_S = 90.0


async def certificate_of(
    site: Site, name: str, own: Certificate | None, share: float = RENEWED_AT
) -> tuple[Certificate, bool]:
    """A certificate for a name, and whether it is new.

    Args:
        site: the fleet.
        name: the name.
        own: what the node has for it already, None for nothing; the one that lasts longest is taken.
        share: of its life, which one that is there must have left.

    Raises:
        AllowanceSpent: the authority would give none this week.
        CertificateRefused, AuthorityUnreachable: it gives none.
        NameMissing: the zone's name servers do not show the proof.
        CredentialExposed: HQ has no key to keep it with.
    """
    kept, acme = escrow(site), site.fleet.acme
    now, there_are = datetime.now(UTC), (own, kept.copy(name, acme.authority))
    good = [each for each in there_are if each is not None and each.worth_keeping(now, share)]
    if good:
        best = max(good, key=lambda each: each.ends)
        kept.keep(name, best, acme.authority)
        return best, False
    if why := beyond([name], allowance(site)):
        raise AllowanceSpent(f"the authority would not certify {name} now", why=why)
    account = Account(acme.authority, kept.account(), acme.email, site.acme_root)
    there, servers = zone(site), authority(site)

    @asynccontextmanager
    async def publish(at: str, value: str) -> AsyncIterator[None]:
        async with there.text(at, value):
            if not await servers.shows_text(at, value, SHOWN_WITHIN_S):
                raise NameMissing(f"the name servers do not show {at}", why=f"not within {SHOWN_WITHIN_S:g} s")
            yield

    made = await obtain(account, [name], publish)
    kept.keep(name, made, acme.authority)
    return made, True
