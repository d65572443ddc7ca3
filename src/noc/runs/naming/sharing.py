"""The domain's certificate where several nodes answer for it: renewed by HQ, and put on each of them.

None of them could renew it: the authority's question would be led to any of them. So HQ gets the next one by a record
of the zone, before proxies would ask for one. Caddy looks into its storage first, and takes what was put there.
https://github.com/caddyserver/certmagic/blob/v0.17.2/maintain.go (RenewManagedCertificates)
"""

import logging
from datetime import UTC, datetime
from typing import Final

from noc.cloud.acme.certificate import Certificate
from noc.cloud.dns.balancer import routed
from noc.errors import NocError
from noc.fleet.model import Node
from noc.hosts.certificates import put_certificate
from noc.runs.naming.certificates import certificate_there
from noc.runs.naming.issue import certificate_of
from noc.runs.record.audit import Audit
from noc.runs.site.escrow import escrow
from noc.runs.site.site import Site

RENEWED_AT: Final = 0.45
"""The share of its life at which HQ renews it; nodes' proxies would at a third."""

log = logging.getLogger(__name__)


async def share_certificate(site: Site, audit: Audit) -> list[str]:
    """Renew the domain's certificate where it is due, and let every node that is led to have the newest.

    Args:
        site: the fleet.
        audit: what is done is written there.

    Returns:
        The nodes that got another one; none where the domain leads to one node. One that cannot be reached is left for
        the next time.

    Raises:
        AllowanceSpent, CertificateRefused, AuthorityUnreachable, NameMissing: none could be got.
    """
    nodes = routed(site.fleet, site.book.inventory)
    if not nodes or not escrow(site).is_open:
        return []
    newest, given = await _newest(site, audit), []
    for node in nodes:
        try:
            given += [node.name] if await _given(site, node, newest, audit) else []
        except NocError as error:
            log.warning("%s was not given the certificate of %s: %s", node.name, site.fleet.domain, error)
    return given


async def _newest(site: Site, audit: Audit) -> Certificate:
    domain = site.fleet.domain
    copy = escrow(site).copy(domain, site.fleet.acme.authority)
    if copy is not None and copy.worth_keeping(datetime.now(UTC), RENEWED_AT):
        return copy
    with audit.acting(f"renew the certificate of {domain}", "runner"):
        made, _ = await certificate_of(site, domain, None, RENEWED_AT)
        return made


async def _given(site: Site, node: Node, newest: Certificate, audit: Audit) -> bool:
    domain, authority = site.fleet.domain, site.fleet.acme.authority
    link = site.link(node)
    try:
        shell = await link.shell()
        there = await certificate_there(shell, authority, domain)
        if there is not None and there.ends >= newest.ends:
            return False
        with audit.acting(f"give {node.name} the certificate of {domain}", "runner", until=newest.ends.isoformat()):
            await put_certificate(shell, authority, domain, (newest.chain, newest.key))
        return True
    finally:
        await link.close()
