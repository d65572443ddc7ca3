"""The systems of NixOS nodes, as runs need them: made from the fleet directory, or from it with another lock."""

from collections.abc import Iterable
from pathlib import Path

from noc.errors import NocError
from noc.fleet.model import Node
from noc.fleet.render import drift, render
from noc.hosts.errors import ClosureMissing
from noc.runs.plan.plan import Plan
from noc.runs.site.site import Site

NIXOS = "nixos"


def brings_configuration(plan: Plan, node: Node) -> bool:
    """Whether a plan gives a node its configuration: on NixOS that holds the system, too."""
    return plan.configuration or (node.platform == NIXOS and (plan.system or plan.action in ("provision", "replace")))


def flake(site: Site, lock: str | None = None) -> Path:
    """Where the fleet's flake lies: in the fleet directory, or beside a lock that is not the fleet's yet."""
    return site.paths.locks / lock if lock else site.paths.fleet / NIXOS


def check_system(site: Site, node: Node, lock: str | None) -> None:
    """Raise ClosureMissing or LockMissing where a NixOS node's system is not made of what is rendered now."""
    if node.platform == NIXOS:
        site.systems.closure(flake(site, lock), node.name)


async def make_systems(site: Site, plan: Plan) -> dict[str, str]:
    """Make the systems that a plan brings to NixOS nodes, one after the other.

    Returns:
        Why a node's could not be made, in words, by its name.
    """
    nodes = [node for node in map(site.fleet.node, plan.nodes) if _is_made(plan, node)]
    if nodes and (why := not_rendered(site)):
        return dict.fromkeys((node.name for node in nodes), str(why))
    return await _made(site, nodes, flake(site, plan.lock))


async def require_systems(site: Site, plan: Plan) -> None:
    """Make the systems of the NixOS nodes that a plan provisions.

    Raises:
        ClosureMissing, LockMissing, BuildFailed: the first that could not be made.
    """
    for node in [node for node in map(site.fleet.node, plan.nodes) if _is_made(plan, node)]:
        if (wrong := not_rendered(site)) is not None:
            raise wrong
        await site.systems.make(flake(site), node.name)


async def _made(site: Site, nodes: Iterable[Node], directory: Path) -> dict[str, str]:
    unmade = {}
    for node in nodes:
        try:
            await site.systems.make(directory, node.name)
        except NocError as error:
            unmade[node.name] = str(error)
    return unmade


def _is_made(plan: Plan, node: Node) -> bool:
    return node.platform == NIXOS and brings_configuration(plan, node)


def not_rendered(site: Site) -> ClosureMissing | None:
    """What is wrong where the flake is not what is derived from the fleet file now; None where all is well."""
    drifted = [found.path for found in drift(site.paths.fleet, render(site.fleet, site.book.inventory))]
    stale = [path for path in drifted if path.startswith(f"{NIXOS}/")]
    if site.fleet.nixos.builder == "ci" or not stale:
        return None
    why = f"{', '.join(stale[:3])}: not as derived from fleet.toml and inventory.toml"
    return ClosureMissing("the fleet directory is not rendered", why=why, fix="noc render, on HQ")
