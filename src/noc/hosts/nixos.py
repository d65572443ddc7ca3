"""NixOS: the system is one closure, built away from the node and pushed; only what is born on the node is made there.

The closure holds packages, users, tunnel, units, proxy, sshd and firewall (`nixos/base.nix`), so the steps of those
names have little of their own to do here. It is switched to for the running system only; `firewall_confirm`, which HQ
calls through the tunnel, makes it the one that boots. Unless that happens, a timer on the node switches back.
"""

import asyncio
import shlex
import tempfile
from pathlib import Path

from noc.hosts import nixbuild
from noc.hosts.bundle import BOOTING_SYSTEM, RUNNING_SYSTEM, Bundle
from noc.hosts.errors import CommandFailed
from noc.hosts.files import File, install
from noc.hosts.nixbuilder import CLOSURES, MOVE_S, linked, run_measured
from noc.hosts.nixostunnel import repair
from noc.hosts.node.actions import ACTIONS, WATCHDOG
from noc.hosts.platform import Change, NodeConfig
from noc.hosts.shell import Result, Shell
from noc.hosts.systemd import HOST_CERTIFICATE, HOST_KEY, TUNNEL_KEY, SystemdMachine, shared_files

TUNNEL_UNIT = "wireguard-wg0.service"
_ARCHIVE, _WANTED = "/var/tmp/noc-closure", "/run/noc-closure"  # noqa: S108 - root's own names on a node without users
_BEFORE = f"{_WANTED}.before"
STAGED_ROOT = "/nix/var/nix/gcroots/noc-staged"
TRIAL_S = 600
"""Seconds until a node that HQ has not confirmed in public and in the tunnel is again what it was before."""

# The way back is armed before the way in may close. Taken again, it is armed anew, and leads to where it led before.
_TEST = f"""
running=$(readlink -f {RUNNING_SYSTEM})
[ "$running" = "$1" ] && [ -e {_BEFORE} ] || echo "$running" >{_BEFORE}
systemctl stop noc-system-revert.timer 2>/dev/null || true
systemd-run --quiet --collect --setenv=PATH --unit=noc-system-revert --on-active="$2" \\
  --timer-property=AccuracySec=100ms "$(cat {_BEFORE})/bin/switch-to-configuration" test
echo "$1" >{_WANTED}
[ "$running" = "$1" ] || "$1/bin/switch-to-configuration" test
"""
_CONFIRM = f"""
[ -e {_WANTED} ] || exit 0
closure=$(cat {_WANTED})
systemctl stop noc-system-revert.timer 2>/dev/null || true
[ "$(readlink -f {RUNNING_SYSTEM})" = "$closure" ] || {{ echo "the node has switched back by itself" >&2; exit 1; }}
nix-env --profile {BOOTING_SYSTEM} --set "$closure"
"$closure/bin/switch-to-configuration" boot
rm -f {_WANTED} {_BEFORE}
nix-env --profile {BOOTING_SYSTEM} --delete-generations +2 || true
echo "$closure"
"""


# An image of the distribution reads one file alone, which leads into its store; ours stands in its place until the
# closure's own does. sshd is started anew where it knows no reload: that costs no session.
_SHOW_CERTIFICATE = f"""
if ! sshd -T | grep -qixF 'hostcertificate {HOST_CERTIFICATE}'; then
  config=/etc/ssh/sshd_config
  sed -E 's/^[[:space:]]*Host(Key|Certificate)[[:space:]]/# &/I' "$config" >"$config.noc"
  printf 'HostKey %s\\nHostCertificate %s\\n' {HOST_KEY} {HOST_CERTIFICATE} >"$config.noc-keys"
  cat "$config.noc" >>"$config.noc-keys"
  sshd -t -f "$config.noc-keys"
  rm -f "$config.noc"
  mv -f "$config.noc-keys" "$config"
  echo "$config"
fi
systemctl reload-or-restart sshd.service
"""


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
        """Push what the node's store lacks of its closure, which holds every package.

        Raises:
            ClosureMissing: none was built for this node.
            CommandFailed: HQ's store has not got all of it.
        """
        closure = self.closure(shell.name)
        if (await shell.run(*nixbuild.missing([closure]))).stdout.strip() == "":
            return Change()
        needed = (await _locally(shell.name, *nixbuild.requisites(closure))).split()
        lacking = (await shell.run(*nixbuild.missing(needed), timeout_s=120)).stdout.split()
        with tempfile.TemporaryDirectory(prefix="noc-closure-") as directory:
            archive = Path(directory) / "archive"
            await _locally(shell.name, "sh", "-euc", nixbuild.export(lacking, archive))
            await shell.put(archive, _ARCHIVE, mode=0o600)
        await shell.script(nixbuild.take(_ARCHIVE, closure, STAGED_ROOT), timeout_s=600)
        return Change((closure,))

    async def tunnel_key(self, shell: Shell) -> str:
        """See Platform.tunnel_key; the image may lack the tools, the closure has them. Raises ClosureMissing."""
        tools = f"PATH={shlex.quote(self.closure(shell.name))}/sw/bin:$PATH\n"
        return (await shell.script(tools + TUNNEL_KEY)).stdout.strip()

    async def host_certificate(self, shell: Shell, certificate: str) -> Change:
        """See Platform.host_certificate; for good that is said by the closure."""
        changed = await install(shell, {HOST_CERTIFICATE: File(certificate + "\n")})
        return Change((*changed, *(await shell.script(_SHOW_CERTIFICATE)).stdout.splitlines()))

    async def tunnel(self, shell: Shell, config: NodeConfig) -> Change:
        """Bring the tunnel up, which the closure describes: the running system is switched to it, on trial.

        Raises:
            ClosureMissing: none was built for this node.
        """
        if (await self.status(shell, TUNNEL_UNIT)).get("ActiveState") == "active":
            return Change()
        await install(shell, shared_files(config))
        await self._try(shell, TRIAL_S)
        return Change(("tunnel started",))

    async def repair_tunnel(self, shell: Shell, config: NodeConfig) -> Change:
        """See Platform.repair_tunnel; in the running system alone, for what is configured is the closure's."""
        return Change(await repair(shell, config.wireguard, TUNNEL_UNIT))

    async def units(self, shell: Shell, config: NodeConfig) -> Change:
        """The node's programs and whom they trust; users, units and proxy are the closure's."""
        changed = await install(shell, shared_files(config))
        if any(path in WATCHDOG for path in changed):
            # A node that has not switched yet has no such unit: it starts with the closure.
            await shell.run(*ACTIONS["watchdog"], check=False)
        return Change(changed)

    async def firewall(self, shell: Shell, config: NodeConfig, *, revert_after_s: float) -> Change:  # noqa: ARG002
        """Switch the running system to the closure, and with it the firewall; a timer switches back.

        Raises:
            ClosureMissing: none was built for this node.
        """
        closure = self.closure(shell.name)
        profile = await shell.run("readlink", "-f", BOOTING_SYSTEM, RUNNING_SYSTEM)
        if profile.stdout.split() == [closure, closure]:
            return Change()
        await self._try(shell, revert_after_s)
        return Change((closure,))

    async def _try(self, shell: Shell, revert_after_s: float) -> None:
        argv = ("test", self.closure(shell.name), f"{revert_after_s:g}s")
        await shell.run("sh", "-euc", _TEST, *argv, timeout_s=300)

    async def firewall_confirm(self, shell: Shell) -> Change:
        """Make the running closure the one that boots. Raises CommandFailed where the node has switched back."""
        return Change(tuple((await shell.run("sh", "-euc", _CONFIRM, "confirm", timeout_s=120)).stdout.split()))

    def closure(self, node: str) -> str:
        """The store path of a node's system. Raises ClosureMissing where none was built."""
        return linked(self._closures, node)


async def _locally(node: str, *argv: str) -> str:
    ran = await asyncio.to_thread(run_measured, argv, MOVE_S)
    if ran.status:
        result = Result(argv[:2], ran.status, "", ran.words)
        raise CommandFailed(f"the closure of {node} could not be read on HQ", result=result)
    return ran.output
