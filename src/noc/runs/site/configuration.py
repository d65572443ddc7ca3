"""The configuration of a node as it is rendered now, from the fleet file and HQ's own public keys."""

from noc.fleet.model import Node
from noc.hosts.bundle import Bundle
from noc.hosts.platform import NodeConfig
from noc.hosts.units import watchdog_settings
from noc.mesh.config import spoke_config
from noc.runs.errors import NodeBlocked
from noc.runs.site.environment import directory_signers
from noc.runs.site.link import Link
from noc.runs.site.site import Site
from noc.runs.site.systems import check_system


def node_bundle(site: Site, node: Node, lock: str | None = None) -> Bundle:
    """What is to lie on a node, secrets excluded.

    Args:
        site: the fleet.
        node: the node.
        lock: a lock of nixpkgs that is not the fleet's yet, by its hash.

    Raises:
        NodeBlocked: HQ has no tunnel key yet.
        ClosureMissing, LockMissing: the node's NixOS system was not built, or of something else.
    """
    check_system(site, node, lock)
    return site.ways.platform(node).bundle(node_config(site, node))


async def differences(link: Link, bundle: Bundle) -> tuple[str, ...]:
    """Paths at which a node is not as a bundle says: other, missing, or left over; nothing is changed by looking.

    Args:
        link: the node.
        bundle: what is to lie there.

    Raises:
        ActivationRefused: the node's activator knows no such places; it is older than the bundle.
        ConnectionLost, Overdue, Unreachable: the node could not be asked.
    """
    return await link.ask(lambda activator: activator.compare(bundle.hashes()))


def node_config(site: Site, node: Node) -> NodeConfig:
    """What a node is to become, from the fleet file and HQ's own keys.

    Raises:
        NodeBlocked: HQ has no tunnel key yet.
    """
    fleet, hub = site.fleet, site.book.inventory.hub
    if hub.wireguard_key is None:
        raise NodeBlocked(
            "HQ has no tunnel key", why="hub.wireguard_key is not in inventory.toml", fix="noc hub install"
        )
    return NodeConfig(
        name=node.name,
        hostname=fleet.hostname(node),
        aliases=site.book.inventory.aliases(fleet, node),
        tunnel_address=str(node.tunnel),
        wireguard=spoke_config(fleet, node, hub.wireguard_key),
        hub_tunnel_address=str(fleet.hub.tunnel),
        acme_ca=fleet.acme.authority,
        acme_ca_root=site.acme_root.read_text() if site.acme_root else None,
        acme_email=fleet.acme.email,
        signers=site.paths.signers.read_text(),
        push_interval_s=fleet.policy.push_interval,
        watchdog=watchdog_settings(fleet),
        hub_ssh_keys=tuple(filter(None, (hub.ssh_key, hub.ssh_key_next))),
        directory_signers=directory_signers(site),
    )
