"""The cloud as a run works with it: HQ's credentials for it, and what it holds for a node."""

from collections.abc import Callable

from noc.cloud.ec2.machine import HostKey, machine
from noc.cloud.ec2.owned import Owned, Tell
from noc.cloud.ec2.port import Account
from noc.cloud.errors import NoCloudCredentials
from noc.fleet.model import Node
from noc.runs.site.credential import credential
from noc.runs.site.site import Site

PROVIDER = "aws"
CREDENTIAL = "aws"


def has_account(site: Site) -> bool:
    """Whether HQ has credentials for the cloud."""
    return (site.paths.credentials / CREDENTIAL).exists()


def account(site: Site, note: Callable[[str], None] = lambda _call: None) -> Account:
    """HQ's way into the cloud.

    Args:
        site: the fleet.
        note: is told each call.

    Raises:
        NoCloudCredentials: HQ has none.
        CredentialExposed: others could read them.
    """
    if not has_account(site):
        raise NoCloudCredentials("HQ has no credentials for AWS", fix="noc hub secret set aws <FILE, as root on HQ")
    settings = site.fleet.launch
    trusted = str(site.paths.fleet / settings.ca_root) if settings.ca_root else None
    return Account(credential(site.paths.credentials, CREDENTIAL).decode(), settings.endpoint, trusted, note)


def owned(site: Site, node: Node, tell: Tell, key: HostKey | None = None) -> Owned:
    """What the cloud holds for a node, which has a region. Raises as `account`."""
    assert node.region is not None
    return Owned(account(site).region(node.region), machine(site.fleet, node, key), tell)
