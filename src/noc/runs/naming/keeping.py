"""Certificates that are renewed: every few hours HQ copies those of live nodes, and sees to the one that they share."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from noc.errors import NocError
from noc.fleet.inventory import Life
from noc.runs.naming.certificates import take_copies
from noc.runs.naming.sharing import share_certificate
from noc.runs.record.audit import Audit
from noc.runs.site.escrow import escrow
from noc.runs.site.site import Site

EVERY_S = 6 * 3600.0
FIRST_S = 300.0
WITHIN_S = 30.0

log = logging.getLogger(__name__)


async def keep_copies(site: Site) -> dict[str, list[str]]:
    """Look at every live node once.

    Returns:
        What was taken from each node that has a new certificate. One that cannot be reached is left for the next time.
    """
    if not escrow(site).is_open:
        return {}
    taken: dict[str, list[str]] = {}
    for node in site.fleet.nodes:
        if site.book.record(node.name).life is not Life.LIVE:
            continue
        link = site.link(node)
        try:
            async with asyncio.timeout(WITHIN_S):
                if found := await take_copies(site, node, await link.shell()):
                    taken[node.name] = found
        except (NocError, TimeoutError) as error:
            log.warning("the certificates of %s were not looked at: %s", node.name, error)
        finally:
            await link.close()
    return taken


async def keeping_certificates(
    opened: Callable[[], Site],
    audit: Audit,
    check: Callable[[], Awaitable[None]],
    *,
    first_s: float = FIRST_S,
    every_s: float = EVERY_S,
) -> None:
    """Look again and again, for as long as the runner runs.

    Args:
        opened: the fleet as it is at that moment.
        audit: what is done to nodes is written there.
        check: raises where the fleet is not, or not yet, ours to act on.
        first_s: seconds until the first look.
        every_s: seconds between looks.
    """
    await asyncio.sleep(first_s)
    while True:
        try:
            for node, found in (await keep_copies(opened())).items():
                log.info("%s: %s", node, ", ".join(found))
            await check()
            for node in await share_certificate(opened(), audit):
                log.info("%s: the domain's certificate", node)
        except NocError as error:
            log.warning("certificates were not looked at: %s", error)
        await asyncio.sleep(every_s)
