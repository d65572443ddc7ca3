"""A directory on its way to one node, and back from one that has a newer one than HQ."""

from collections.abc import Callable

from noc.errors import NocError
from noc.fleet.model import Node
from noc.hosts.activation import Held
from noc.hosts.shell import Shell
from noc.placement.body import LINE_BYTES
from noc.placement.directory import Directory
from noc.placement.head import MAX_HEAD_BYTES, parse_head
from noc.runs.site.site import Site
from noc.runs.tenants.errors import DirectoryUntaken
from noc.runs.tenants.signing import SignedDirectory, is_ours

PIECE = 4 * 1024 * 1024
"""Bytes that are read of a node's file at a time."""
MOST_SIGNATURE = 4096
_READ = 'tail -c "+$2" "$1" | head -c "$3"'


async def held_by(site: Site, node: Node) -> Held:
    """Which directory a node has.

    Raises:
        ActivationRefused, Unclear: its activator knows nothing of directories.
        ConnectionLost, Overdue, Unreachable: it could not be asked.
    """
    link = site.link(node)
    try:
        held = await link.ask(lambda activator: activator.held_directory())
    except NocError:
        await link.close()
        raise
    await site.keep(node, link)
    return held


async def hand(
    site: Site, node: Node, signed: SignedDirectory, changes: Callable[[Held], bytes] = lambda _: b""
) -> Held:
    """Bring a node a directory. Returns what it has now.

    Args:
        site: the fleet.
        node: the node.
        signed: the directory.
        changes: as `Activator.take_directory` takes it.

    Raises:
        ActivationRefused: "old" or "forked" where the node has a newer one than HQ, or another one of that version.
        ConnectionLost, DiskFull, Overdue, Unclear, Unreachable: it did not get there.
    """
    link, head = site.link(node), signed.directory.head.to_bytes()
    try:
        held = await link.ask(
            lambda activator: activator.take_directory(head, signed.signature, signed.directory.body, changes)
        )
    except NocError:
        await link.close()
        raise
    await site.keep(node, link)
    return held


async def fetch(site: Site, node: Node, held: Held) -> Directory:
    """The directory that a node has, once it is proven to be one that HQ has signed.

    Raises:
        DirectoryUntaken: it is not, or is another fleet's.
        PlacementError: it is damaged.
        CommandFailed, ConnectionLost, Overdue, Unreachable: it did not come.
    """
    shell = await site.through_tunnel(node)
    try:
        head = await _read(shell, f"{held.home}/head.json", MAX_HEAD_BYTES)
        signature = await _read(shell, f"{held.home}/head.sig", MOST_SIGNATURE)
        if not is_ours(head, signature.decode(errors="replace"), site.paths):
            raise DirectoryUntaken(f"the directory of {node.name} is not signed by HQ", fix="noc explain E796")
        said = parse_head(head)
        if (said.fleet, said.domain) != (site.fleet.name, site.fleet.domain):
            raise DirectoryUntaken(f"the directory of {node.name} is that of {said.domain}", fix="noc explain E796")
        body = await _read(shell, f"{held.home}/tenants-{said.version}", said.count * LINE_BYTES)
    finally:
        await shell.close()
    return Directory.read(head, body)


async def _read(shell: Shell, path: str, most: int) -> bytes:
    """A text file of a node, piece by piece."""
    content = b""
    while len(content) < most:
        asked = min(PIECE, most - len(content))
        piece = (await shell.run("sh", "-euc", _READ, "read", path, str(len(content) + 1), str(asked))).stdout.encode()
        content += piece
        if len(piece) < asked:
            break
    return content


def has(held: Held, signed: SignedDirectory) -> bool:
    """Whether a node has that very directory, with that proof of freshness or a later one."""
    head = signed.directory.head
    return (held.version, held.sha256) == (head.version, head.sha256) and held.at >= head.at


def is_ahead(held: Held, directory: Directory) -> bool:
    """Whether a node has a directory that HQ does not know of: a later version, or another one of the same."""
    head = directory.head
    return held.version > head.version or (held.version == head.version and held.sha256 != head.sha256)
