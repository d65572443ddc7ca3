"""Nodes' certificates and their copies on HQ: kept when they are seen, and put back before a proxy starts without."""

from datetime import UTC, datetime

from noc.cloud.acme.certificate import Certificate
from noc.fleet.model import Node
from noc.hosts.certificates import put_certificate, read_certificate
from noc.hosts.shell import Shell
from noc.runs.site.escrow import escrow
from noc.runs.site.site import Site


def names_of(site: Site, node: Node) -> tuple[str, ...]:
    """The public names that a node's proxy has a certificate for, each its own."""
    return (site.fleet.hostname(node), *site.book.inventory.aliases(site.fleet, node))


async def put_back(site: Site, node: Node, shell: Shell) -> list[str]:
    """Give a node the copies of its certificates where it has none that lasts as long.

    A copy with a third of its life left or less would be renewed at once: it is left where it is.

    Returns:
        What was put, in words.
    """
    kept = escrow(site)
    if not kept.is_open:
        return []
    put, authority = [], site.fleet.acme.authority
    for name in names_of(site, node):
        copy = kept.copy(name, authority)
        if copy is None or not copy.worth_keeping(datetime.now(UTC)):
            continue
        there = await certificate_there(shell, authority, name)
        if there is None or there.ends < copy.ends:
            await put_certificate(shell, authority, name, (copy.chain, copy.key))
            put.append(f"certificate of {name}, until {copy.ends:%Y-%m-%d}")
    return put


async def take_copies(site: Site, node: Node, shell: Shell) -> list[str]:
    """Keep copies of a node's certificates.

    Returns:
        The names of those that are new, in words.

    Raises:
        CertificateUnreadable: what a node has is none.
    """
    kept = escrow(site)
    if not kept.is_open:
        return []
    taken, authority = [], site.fleet.acme.authority
    for name in names_of(site, node):
        there = await certificate_there(shell, authority, name)
        if there is not None and kept.keep(name, there, authority):
            taken.append(f"copy of the certificate of {name}")
    return taken


async def certificate_there(shell: Shell, authority: str, name: str) -> Certificate | None:
    """What a node has for a name, None for nothing. Raises CertificateUnreadable."""
    pair = await read_certificate(shell, authority, name)
    return Certificate.read(*pair) if pair else None
