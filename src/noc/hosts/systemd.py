"""What every machine with systemd and OpenSSH offers in the same way, whatever is built on top of it."""

import json

from noc.fleet.nix import ACME_ROOT
from noc.hosts.errors import HostError
from noc.hosts.facts import read_facts
from noc.hosts.files import File, install
from noc.hosts.platform import Change, Facts, NodeConfig
from noc.hosts.programs import node_programs
from noc.hosts.shell import Shell
from noc.hosts.units import ENVIRONMENT, WATCHDOG_SETTINGS, environment_text
from noc.mesh.config import SPOKE_KEY

HOST_KEY = "/etc/ssh/ssh_host_noc_ed25519_key"
HOST_CERTIFICATE = f"{HOST_KEY}-cert.pub"
AUTHORIZED_KEYS = "/etc/noc-node/authorized_keys/root"
"""HQ's keys, a part of the configuration; what stands in root's home is of who made the machine."""
DIRECTORY_SIGNERS = "/etc/noc-node/directory-signers"
PROPERTIES = "ActiveState,SubState,MainPID,NRestarts,ExecMainStartTimestamp,Result"
MAX_LOG_WIDTH = 2000

# Made beside its place and moved there, so that a key that is there is a whole one; its public half is always derived.
TUNNEL_KEY = f"""
umask 077
mkdir -p {SPOKE_KEY.rpartition("/")[0]}
if [ ! -s {SPOKE_KEY} ]; then
  wg genkey >{SPOKE_KEY}.new
  sync {SPOKE_KEY}.new
  mv -f {SPOKE_KEY}.new {SPOKE_KEY}
fi
wg pubkey <{SPOKE_KEY}
"""
_HOST_KEY = f"""
umask 077
if [ ! -s {HOST_KEY} ]; then
  rm -f {HOST_KEY}.new {HOST_KEY}.new.pub
  ssh-keygen -q -t ed25519 -N '' -C "$(uname -n)" -f {HOST_KEY}.new
  rm -f {HOST_KEY}.new.pub
  sync {HOST_KEY}.new
  mv -f {HOST_KEY}.new {HOST_KEY}
fi
ssh-keygen -y -f {HOST_KEY}
"""


def shared_files(config: NodeConfig) -> dict[str, File]:
    """What every platform's node needs beside its system: programs, trusted signers, who it is, the authority's root.

    Args:
        config: the node.
    """
    files = {path: File(text) for path, text in node_programs().items()}
    files["/etc/noc-node/signers"] = File(config.signers)
    identity = {"name": config.name, "domain": config.hostname}
    files["/etc/noc-node/node.json"] = File(json.dumps(identity, indent=2) + "\n")
    if config.watchdog:
        files[WATCHDOG_SETTINGS] = File(config.watchdog)
    if config.hub_ssh_keys:
        files[AUTHORIZED_KEYS] = File("".join(f"{line}\n" for line in config.hub_ssh_keys))
    if config.directory_signers:
        files[DIRECTORY_SIGNERS] = File(config.directory_signers)
    if config.acme_ca_root:
        files[ACME_ROOT] = File(config.acme_ca_root)
    return files


class SystemdMachine:
    """The part of Platform that needs systemd and OpenSSH alone. Every method may raise what Shell.run raises."""

    async def facts(self, shell: Shell) -> Facts:
        """See Platform.facts. Raises Unclear where the machine leaves something out."""
        return await read_facts(shell)

    async def tunnel_key(self, shell: Shell) -> str:
        """See Platform.tunnel_key."""
        return (await shell.script(TUNNEL_KEY)).stdout.strip()

    async def host_key(self, shell: Shell) -> str:
        """See Platform.host_key."""
        return (await shell.script(_HOST_KEY)).stdout.strip()

    async def environment(self, shell: Shell, values: dict[str, str]) -> Change:
        """See Platform.environment. Raises HostError where a value cannot stand on one line."""
        try:
            text = environment_text(values)
        except ValueError as error:
            raise HostError(f"the environment of {shell.name} cannot be written", why=str(error)) from None
        return Change(await install(shell, {ENVIRONMENT: File(text, 0o600)}))

    async def restart(self, shell: Shell, unit: str) -> None:
        """See Platform.restart."""
        await shell.run("systemctl", "restart", unit, timeout_s=90)

    async def status(self, shell: Shell, unit: str) -> dict[str, str]:
        """See Platform.status."""
        result = await shell.run("systemctl", "show", unit, f"--property={PROPERTIES}")
        return dict(line.split("=", 1) for line in result.stdout.splitlines() if "=" in line)

    async def logs(self, shell: Shell, unit: str, lines: int = 20) -> tuple[str, ...]:
        """See Platform.logs."""
        argv = ("journalctl", "-u", unit, "-n", str(lines), "-o", "cat", "--no-pager", "-q")
        said = (await shell.run(*argv)).stdout.splitlines()[-lines:]
        return tuple("".join(char if char.isprintable() else " " for char in line)[:MAX_LOG_WIDTH] for line in said)
