"""What a run works with: the fleet, its book, the releases, and the ways to nodes, watch and public names."""

import ssl
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from noc.fleet.load import load
from noc.fleet.model import Fleet, Node
from noc.hosts.nixbuilder import Systems
from noc.hosts.shell import Shell
from noc.hosts.ssh import Authority
from noc.hosts.web import Web
from noc.release.store import Release, ReleaseStore
from noc.runs.errors import CredentialExposed
from noc.runs.paths import Paths
from noc.runs.site.book import Book
from noc.runs.site.credential import credential
from noc.runs.site.hqkeys import SSH_KEY, held
from noc.runs.site.link import Link
from noc.runs.site.pool import LinkPool
from noc.runs.site.watchdoor import WatchDoor
from noc.runs.site.ways import SSHWays, Ways


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
        links: what an earlier question left open for the next.
        systems: those of NixOS nodes, in HQ's store.
    """

    paths: Paths
    fleet: Fleet
    book: Book
    releases: ReleaseStore
    watch: WatchDoor
    web: Web
    ways: Ways
    acme_root: Path | None = None
    links: LinkPool = field(default_factory=LinkPool)
    systems: Systems = field(default_factory=lambda: Systems("ci", 0, Path()))

    def authority(self, node: Node) -> Authority:
        """Trust in exactly this node, by HQ's host CA; while that is rotated, also by the one that it may still show.

        Raises:
            CredentialExposed: HQ has no host CA.
        """
        hub = self.book.inventory.hub
        line = hub.host_ca
        if line is None:
            raise CredentialExposed(
                "HQ has no host CA", why="hub.host_ca is not in inventory.toml", fix="noc hub install"
            )
        others = {hub.host_ca_next, self.book.record(node.name).host_ca} - {None, line}
        return Authority(line, node.name, tuple(sorted(filter(None, others))))

    async def through_tunnel(self, node: Node, *, timeout_s: float = 15) -> Shell:
        """A verified shell on a node, through the tunnel; raises what `noc.hosts.ssh.connect` raises."""
        return await self.ways.dial(node.name, str(node.tunnel), self.authority(node), timeout_s=timeout_s)

    def link(self, node: Node) -> Link:
        """A link to a node through the tunnel: the one that was kept, or a new one, which connects at its first use."""
        return self.links.take(self._way(node)) or Link(lambda: self.through_tunnel(node), self.ways)

    async def keep(self, node: Node, link: Link) -> None:
        """Leave a link open for whoever asks for one to that node within the next minute."""
        await self.links.keep(self._way(node), link)

    def _way(self, node: Node) -> tuple[str, ...]:
        return node.name, str(node.tunnel), self.book.inventory.hub.host_ca or ""

    def held(self, sha: str | None) -> Release | None:
        """A release by its hash, None where the store does not have it; the store is read once."""
        return self._kept.get(sha or "")

    @cached_property
    def _kept(self) -> dict[str, Release]:
        return {kept.sha256: kept for kept in self.releases.list()}

    def label(self, sha: str | None) -> str:
        """A release for people: `1.4.2 (7)`, the start of its hash where the store does not have it, "" for none."""
        if sha is None:
            return ""
        kept = self.held(sha)
        return f"{kept.manifest.version} ({kept.manifest.build})" if kept else sha[:12]


def _roots(root: Path | None) -> tuple[tuple[Path, int], ...]:
    """The files and directories that trust comes from, each with the time of its last change in ns."""
    system = ssl.get_default_verify_paths()
    files = [Path(name) for name in (system.cafile, system.capath, root) if name]
    return tuple((file, file.stat().st_mtime_ns) for file in files if file.exists())


@lru_cache(1)
def _web(root: Path | None, _files: tuple[tuple[Path, int], ...]) -> Web:
    """Read once as long as no file changes: a plan, its run and every link that is kept share a few MB of roots."""
    return Web(root)


def open_site(paths: Paths, links: LinkPool | None = None) -> Site:
    """Read the fleet as it is now, and prepare the ways to it.

    Args:
        paths: where things lie.
        links: what earlier sites of this process left open, None for nothing.

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
        web=_web(root, _roots(root)),
        ways=SSHWays(*held(paths.credentials, SSH_KEY)),
        acme_root=root,
        links=links or LinkPool(),
        systems=Systems(fleet.nixos.builder, fleet.nixos.memory_mb, paths.credentials / "ssh_key", paths.closures),
    )
