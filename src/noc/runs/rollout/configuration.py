"""A rendered configuration on its way to a node: what a rollout does with it beyond what it does with a release."""

from noc.fleet.model import Node
from noc.hosts.bundle import Bundle
from noc.runs.site.link import Link
from noc.runs.site.site import Site


async def stage_configuration(site: Site, node: Node, link: Link, bundle: Bundle) -> int:
    """Bring a bundle to its node, on NixOS with the closure that it names; nothing is changed by that.

    Args:
        site: the fleet.
        node: the node.
        link: the way to it.
        bundle: its configuration.

    Returns:
        Bytes of the bundle that were sent, 0 where it was there.

    Raises:
        DiskFull: the node has no room.
        ConnectionLost, Overdue, Unreachable: it did not come through.
    """
    if bundle.closure is not None:
        await site.ways.platform(node).packages(await link.shell())
    return await link.ask(lambda activator: activator.stage_config(bundle))
