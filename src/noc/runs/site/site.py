"""What a run works with: the fleet, its book, the releases, and the ways to nodes, watch and public names."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from noc.fleet.load import load
from noc.fleet.model import Fleet, Node
from noc.hosts import platforms
from noc.hosts.activation import Activator
from noc.hosts.platform import Platform
from noc.hosts.shell import Shell
from noc.hosts.ssh import Authority, Target, Trust, connect
from noc.release.store import ReleaseStore
from noc.runs.errors import CredentialExposed
from noc.runs.paths import Paths
from noc.runs.site.book import Book
from noc.runs.site.credential import credential
from noc.runs.site.watchdoor import WatchDoor
from noc.runs.site.web import Web


class Ways(Protocol):
    """How one machine is reached, and what is then at hand there. Tests put their own machines behind this seam."""

    async def dial(self, name: str, address: str, trust: Trust | None, *, timeout_s: float) -> Shell:
        """Reach and verify a machine; raises what `noc.hosts.ssh.connect` raises."""
        ...

    def platform(self, node: Node) -> Platform:
        """What the node's operating system offers."""
        ...

    def activator(self, shell: Shell) -> Activator:
        """The activator at the other end of a shell."""
        ...


class SSHWays:
    """The ways of production: SSH with the fleet's key."""

    def __init__(self, key: Path) -> None:
        """Use a private key."""
        self._key = key

    async def dial(self, name: str, address: str, trust: Trust | None, *, timeout_s: float) -> Shell:
        """See Ways."""
        return await connect(Target(name, address, self._key, trust), timeout_s=timeout_s)

    def platform(self, node: Node) -> Platform:
        """See Ways."""
        return platforms.get(node.platform)

    def activator(self, shell: Shell) -> Activator:
        """See Ways."""
        return Activator(shell)


@dataclass(frozen=True)
class Site:
    """One fleet, as a run finds it.

    Attributes:
        paths: where things lie on HQ.
        fleet: the fleet file.
        book: the inventory.
        releases: the release store.
        watch: the watch's local API.
        web: public names.
        ways: how nodes are reached.
        acme_root: PEM file of the fleet's own ACME root, None where the system's roots are enough.
    """

    paths: Paths
    fleet: Fleet
    book: Book
    releases: ReleaseStore
    watch: WatchDoor
    web: Web
    ways: Ways
    acme_root: Path | None = None

    def authority(self, node: Node) -> Authority:
        """Trust in exactly this node, by HQ's host CA.

        Raises:
            CredentialExposed: HQ has no host CA.
        """
        line = self.book.inventory.hub.host_ca
        if line is None:
            raise CredentialExposed(
                "HQ has no host CA", why="hub.host_ca is not in inventory.toml", fix="noc hub install"
            )
        return Authority(line, node.name)

    async def through_tunnel(self, node: Node, *, timeout_s: float = 15) -> Shell:
        """A verified shell on a node, through the tunnel; raises what `noc.hosts.ssh.connect` raises."""
        return await self.ways.dial(node.name, str(node.tunnel), self.authority(node), timeout_s=timeout_s)

    def label(self, sha: str | None) -> str:
        """A release for people: `1.4.2 (7)`, the start of its hash where the store does not have it, "" for none."""
        if sha is None:
            return ""
        known = {release.sha256: release.manifest for release in self.releases.list()}
        return f"{known[sha].version} ({known[sha].build})" if sha in known else sha[:12]


def open_site(paths: Paths) -> Site:
    """Read the fleet as it is now, and prepare the ways to it.

    Raises:
        CredentialExposed: the fleet's SSH key is missing or readable by others.
        FleetProblems, InventoryProblems: the fleet directory has mistakes.
    """
    credential(paths.credentials, "ssh_key")
    fleet = load(paths.fleet)
    root = paths.fleet / fleet.acme.ca_root if fleet.acme.ca_root else None
    return Site(
        paths=paths,
        fleet=fleet,
        book=Book(paths.fleet),
        releases=ReleaseStore(paths.releases),
        watch=WatchDoor(paths.watch_socket),
        web=Web(root),
        ways=SSHWays(paths.credentials / "ssh_key"),
        acme_root=root,
    )
