"""What the service on a node is given that is a secret: its environment and, where HQ places tenants, their key.

Neither is a part of the configuration that is rendered; both come to a node beside it.
"""

from typing import Final

from noc.fleet.model import Fleet, Node
from noc.hosts.files import File, install
from noc.hosts.shell import Shell
from noc.placement.head import NAMESPACE, PRINCIPAL
from noc.runs.paths import Paths
from noc.runs.site import pushtoken
from noc.runs.site.credential import credential
from noc.runs.site.site import Site

DIRECTORY: Final = "/var/lib/clavitor-directory"
TENANT_KEY_FILE: Final = "/etc/clavitor/tenant_key"
TENANT_KEY, DIRECTORY_KEY = "tenant_key", "directory_key"


def is_placing(fleet: Fleet, paths: Paths) -> bool:
    """Whether tenants are placed: the fleet file says so, and HQ was brought to that."""
    return fleet.placement is not None and paths.directory_public_key.is_file()


def directory_signers(site: Site) -> str:
    """Whose directories of tenants a node takes, in `allowed_signers` format (ssh-keygen(1)); "" where none come."""
    if not is_placing(site.fleet, site.paths):
        return ""
    kind, key = site.paths.directory_public_key.read_text().split()[:2]
    return f'{PRINCIPAL} namespaces="{NAMESPACE}" {kind} {key}\n'


async def bring_environment(site: Site, node: Node, shell: Shell, token: str) -> tuple[str, ...]:
    """Give a node's service its environment, and before that the key that it names. The service is not restarted.

    Args:
        site: the fleet.
        node: the node.
        shell: the way to it.
        token: its push token.

    Returns:
        What was changed.

    Raises:
        CredentialExposed: HQ's tenant key cannot be read.
        HostError: a value cannot stand in an environment file.
        What Shell.run and Shell.put raise.
    """
    values = pushtoken.environment(site.fleet, node, token)
    changed: tuple[str, ...] = ()
    if is_placing(site.fleet, site.paths):
        values |= {"CLAVITOR_DIRECTORY": DIRECTORY, "CLAVITOR_TENANT_KEY": TENANT_KEY_FILE}
        changed = await _bring_tenant_key(site, shell)
    return (*changed, *(await site.ways.platform(node).environment(shell, values)).changed)


async def _bring_tenant_key(site: Site, shell: Shell) -> tuple[str, ...]:
    """Root's, for the service to read and for nobody else."""
    text = credential(site.paths.credentials, TENANT_KEY).decode()
    changed = await install(shell, {TENANT_KEY_FILE: File(text, 0o640)})
    await shell.run("chgrp", "clavitor", TENANT_KEY_FILE)
    return changed
