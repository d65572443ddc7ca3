"""What a node is to have after a rollout, and what it had before."""

from dataclasses import dataclass

from noc.fleet.model import Node
from noc.hosts.activation import NodeFacts
from noc.hosts.bundle import Bundle
from noc.release.manifest import Manifest
from noc.release.store import Release
from noc.runs.plan.plan import Plan
from noc.runs.rollout.errors import NotAsPlanned, NothingBefore, SystemNotPlanned
from noc.runs.rollout.prospect import previous
from noc.runs.site.configuration import node_bundle
from noc.runs.site.site import Site
from noc.runs.site.systems import brings_configuration


@dataclass(frozen=True)
class Target:
    """A release, a configuration, packages, data, or several of them. What is None stays as it is on the node.

    Attributes:
        release: by its hash.
        config: by the hash of its bundle.
        held: the release in HQ's store, None where it is not there, and lies on the node only.
        bundle: the configuration itself, None where it lies on the node already.
        system: a set of packages by its hash; it lies on the node, which made it.
        data: the snapshot that becomes the database, by its number on the node.
    """

    release: str | None = None
    config: str | None = None
    held: Release | None = None
    bundle: Bundle | None = None
    system: str | None = None
    data: int | None = None

    @property
    def manifest(self) -> Manifest | None:
        """The release's manifest, where HQ has it."""
        return self.held.manifest if self.held else None


def target_of(site: Site, plan: Plan, node: Node, facts: NodeFacts | None, known: str | None = None) -> Target:
    """What a plan wants of a node.

    Args:
        site: the fleet.
        plan: the plan.
        node: the node.
        facts: what it says of itself, None before it was asked: in a rollback that decides, where the plan does not.
        known: the release that this run has chosen for the node before, None where it has not yet.

    Raises:
        NothingBefore: in a rollback, the node has nothing to go back to.
        NotAsPlanned: its configuration is rendered otherwise than when the plan was made.
        NodeBlocked, ClosureMissing: its configuration cannot be rendered.
        LockMissing: nothing says of which nixpkgs.
        SystemNotPlanned: its packages were not known when the plan was made.
    """
    planned = {row.node: row for row in plan.rows}.get(node.name)
    release = plan.release
    if plan.action == "rollback":
        manifests = {kept.sha256: kept.manifest for kept in site.releases.list()}
        release = known or (planned.target if planned else None) or (previous(facts, manifests) if facts else None)
        if release is None:
            why = "it has itself proven no build below the one it runs"
            raise NothingBefore(
                f"{node.name} has nothing to go back to", why=why, fix=f"noc deploy {node.name} RELEASE"
            )
    bundle = node_bundle(site, node, plan.lock) if brings_configuration(plan, node) else None
    if bundle and planned and planned.config not in (None, bundle.sha256):
        raise NotAsPlanned(
            f"{node.name}'s configuration is not what its plan was made for", fix="give the command again"
        )
    if plan.system and bundle is None and (planned is None or planned.state == "down"):
        why = "it was down then"
        raise SystemNotPlanned(f"no packages are planned for {node.name}", why=why, fix="give the command again")
    system = planned.system if planned else None
    return Target(release, bundle.sha256 if bundle else None, site.held(release), bundle, system)
