"""NixOS: the system is one closure, built away from the node and pushed; only what is born on the node is made there.

The closure holds packages, users, tunnel, units, proxy, sshd and firewall (`nixos/base.nix`), so the steps of those
names have little of their own to do here. It is switched to for the running system only; `firewall_confirm`, which HQ
calls through the tunnel, makes it the one that boots. Unless that happens, a timer on the node switches back.
"""

import asyncio
import os
import shlex
import tempfile
from pathlib import Path

from noc.hosts.bundle import BOOTING_SYSTEM, RUNNING_SYSTEM, Bundle
from noc.hosts.errors import ClosureMissing, CommandFailed
from noc.hosts.files import File, install
from noc.hosts.platform import Change, NodeConfig
from noc.hosts.shell import Result, Shell
from noc.hosts.systemd import HOST_CERTIFICATE, SystemdMachine, shared_files

CLOSURES = Path("/var/lib/noc/closures")
_ARCHIVE, _WANTED = "/var/tmp/noc-closure", "/run/noc-closure"  # noqa: S108 - root's own names on a node without users

_TEST = f"""
before=$(readlink -f {RUNNING_SYSTEM})
systemctl stop noc-system-revert.timer 2>/dev/null || true
systemd-run --quiet --collect --unit=noc-system-revert --on-active="$2" --timer-property=AccuracySec=100ms \\
  "$before/bin/switch-to-configuration" test
echo "$1" >{_WANTED}
"$1/bin/switch-to-configuration" test
"""
_CONFIRM = f"""
[ -e {_WANTED} ] || exit 0
closure=$(cat {_WANTED})
systemctl stop noc-system-revert.timer 2>/dev/null || true
[ "$(readlink -f {RUNNING_SYSTEM})" = "$closure" ] || {{ echo "the node has switched back by itself" >&2; exit 1; }}
nix-env --profile {BOOTING_SYSTEM} --set "$closure"
"$closure/bin/switch-to-configuration" boot
rm -f {_WANTED}
echo "$closure"
"""


def export_script(closure: str, archive: str) -> str:
    """A shell script for HQ that writes a store path with all that it needs into one file (nix-store(1))."""
    return f"nix-store --export $(nix-store --query --requisites {shlex.quote(closure)}) >{shlex.quote(archive)}"


def import_script(archive: str) -> str:
    """A shell script for the node that takes such a file into its store, and removes it either way."""
    return f"trap 'rm -f {shlex.quote(archive)}' EXIT\nnix-store --import <{shlex.quote(archive)}"


class NixOS(SystemdMachine):
    """NixOS with `nixos/base.nix`. Implements Platform."""

    name = "nixos"

    def __init__(self, closures: Path = CLOSURES) -> None:
        """Take closures from a directory of links: `<node>` → its system in HQ's Nix store."""
        self._closures = closures

    def bundle(self, config: NodeConfig) -> Bundle:
        """See Platform.bundle. Raises ClosureMissing where none was built for this node."""
        return Bundle(shared_files(config), self.closure(config.name))

    async def packages(self, shell: Shell) -> Change:
        """Push the node's closure, which holds every package, where its store has not got it.

        Raises:
            ClosureMissing: none was built for this node.
        """
        closure = self.closure(shell.name)
        if (await shell.run("test", "-e", closure, check=False)).status == 0:
            return Change()
        with tempfile.TemporaryDirectory(prefix="noc-closure-") as directory:
            archive = Path(directory) / "archive"
            await _locally(shell.name, export_script(closure, str(archive)))
            await shell.put(archive, _ARCHIVE, mode=0o600)
        await shell.script(import_script(_ARCHIVE), timeout_s=600)
        return Change((closure,))

    async def host_certificate(self, shell: Shell, certificate: str) -> Change:
        """See Platform.host_certificate; that sshd shows only this key is said by the closure."""
        changed = await install(shell, {HOST_CERTIFICATE: File(certificate + "\n")})
        await shell.run("systemctl", "reload", "sshd.service")
        return Change(changed)

    async def tunnel(self, shell: Shell, config: NodeConfig) -> Change:  # noqa: ARG002
        """Bring the tunnel up, which the closure describes, now that its key is there."""
        if (await self.status(shell, "wg-quick-wg0.service")).get("ActiveState") == "active":
            return Change()
        await self.restart(shell, "wg-quick-wg0.service")
        return Change(("tunnel started",))

    async def units(self, shell: Shell, config: NodeConfig) -> Change:
        """The node's programs and whom they trust; users, units and proxy are the closure's."""
        return Change(await install(shell, shared_files(config)))

    async def firewall(self, shell: Shell, config: NodeConfig, *, revert_after_s: float) -> Change:  # noqa: ARG002
        """Switch the running system to the closure, and with it the firewall; a timer switches back.

        Raises:
            ClosureMissing: none was built for this node.
        """
        closure = self.closure(shell.name)
        profile = await shell.run("readlink", "-f", BOOTING_SYSTEM, RUNNING_SYSTEM)
        if profile.stdout.split() == [closure, closure]:
            return Change()
        await shell.run("sh", "-euc", _TEST, "test", closure, f"{revert_after_s:g}s", timeout_s=120)
        return Change((closure,))

    async def firewall_confirm(self, shell: Shell) -> Change:
        """Make the running closure the one that boots. Raises CommandFailed where the node has switched back."""
        return Change(tuple((await shell.run("sh", "-euc", _CONFIRM, "confirm", timeout_s=120)).stdout.split()))

    def closure(self, node: str) -> str:
        """The store path of a node's system. Raises ClosureMissing where none was built."""
        link = self._closures / node
        try:
            return os.fspath(link.resolve(strict=True))
        except OSError:
            fix = f"nix build .#{node} --out-link {link}, on a machine with Nix and memory for it"
            raise ClosureMissing(f"no NixOS system was built for {node}", why=f"{link} is missing", fix=fix) from None


async def _locally(node: str, script: str) -> None:
    process = await asyncio.create_subprocess_exec("sh", "-euc", script, stderr=asyncio.subprocess.PIPE)
    _, said = await asyncio.wait_for(process.communicate(), 600)
    if process.returncode:
        result = Result(("sh",), process.returncode, "", said.decode(errors="replace"))
        raise CommandFailed(f"the closure of {node} could not be read on HQ", result=result)
