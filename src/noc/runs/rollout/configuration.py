"""A rendered configuration on its way to a node: what a rollout does with it beyond what it does with a release."""

from noc.fleet.model import Node
from noc.hosts.bundle import Bundle
from noc.hosts.shell import Shell
from noc.runs.site import pushtoken
from noc.runs.site.environment import bring_environment
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

    Where HQ places tenants, or once did, the service's environment comes along, which names their directory and key,
    or does so no more: the restart that is part of every change of the configuration shows it to the service.
    """
    if bundle.closure is not None:
        await site.ways.platform(node).packages(await link.shell())
    if site.paths.directory_public_key.is_file():
        await _renew_environment(site, node, await link.shell())
    return await link.ask(lambda activator: activator.stage_config(bundle))


async def _renew_environment(site: Site, node: Node, shell: Shell) -> None:
    """With the push token that the node has; one that was not provisioned yet has none, and gets all of it then."""
    there = await shell.run("cat", pushtoken.ENVIRONMENT, check=False)
    if token := pushtoken.token_in(there.stdout):
        await bring_environment(site, node, shell, token)
