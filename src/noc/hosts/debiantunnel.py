"""A Debian node's end of the tunnel. One that runs takes another configuration on trial: it may be our only way in."""

from noc.hosts.errors import CommandFailed, ConnectionLost, Overdue, TunnelRefused
from noc.hosts.files import File, install
from noc.hosts.shell import Shell

UNIT = "wg-quick@wg0.service"
TUNNEL_CONFIG = "/etc/wireguard/wg0.conf"
USERSPACE = f"/etc/systemd/system/{UNIT}.d/userspace.conf"
CARRIES_WITHIN_S = 30
_TRIAL = f"{TUNNEL_CONFIG}.trial"
_TRIAL_UNIT = "noc-tunnel-trial"

# wg-quick turns to it only where the kernel has no WireGuard.
_USERSPACE = "[Service]\nEnvironment=WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go\n"

# Laid over the old file, and not in its place: a power cut in the middle leaves the old one. A handshake proves
# endpoint, port and both keys; whatever ends the trial without one goes back.
_TRY = f"""
cat >/run/{_TRIAL_UNIT}.sh <<'END'
mount --bind {_TRIAL} {TUNNEL_CONFIG} || {{ rm -f {_TRIAL}; exit 1; }}
systemctl restart {UNIT}
for _ in $(seq "$1"); do
  if wg show wg0 latest-handshakes | cut -f 2 | grep -q '^[1-9]'; then
    umount {TUNNEL_CONFIG} && mv -f {_TRIAL} {TUNNEL_CONFIG} && sync /etc/wireguard && exit 0
  fi
  sleep 1
done
umount {TUNNEL_CONFIG}
rm -f {_TRIAL}
systemctl restart {UNIT}
exit 1
END
exec systemd-run --quiet --collect --wait --unit={_TRIAL_UNIT} sh /run/{_TRIAL_UNIT}.sh "$1"
"""


def tunnel_files(config: str) -> dict[str, File]:
    """The tunnel's files: path → content, from the text for wg-quick(8)."""
    return {USERSPACE: File(_USERSPACE), TUNNEL_CONFIG: File(config, 0o600)}


async def bring_up(shell: Shell, config: str, *, running: bool) -> tuple[str, ...]:
    """Install a tunnel's configuration, and let the tunnel run by it.

    Args:
        shell: the node, whichever way it was reached.
        config: text for wg-quick(8).
        running: whether the tunnel runs already.

    Returns:
        What was changed.

    Raises:
        TunnelRefused: the running tunnel did not carry with it, and goes back to what it had.
    """
    files = tunnel_files(config)
    if running:
        support = await install(shell, {path: file for path, file in files.items() if path != TUNNEL_CONFIG})
        return (*support, *await _exchange(shell, config))
    changed = await install(shell, files)
    await shell.run("systemctl", "daemon-reload")
    await shell.run("systemctl", "enable", "--quiet", UNIT)
    await shell.run("systemctl", "restart", UNIT, timeout_s=90)
    return (*changed, "tunnel started")


async def _exchange(shell: Shell, config: str) -> tuple[str, ...]:
    there = await shell.run("cat", TUNNEL_CONFIG, check=False)
    if there.stdout == config:
        return ()
    await shell.put(config.encode(), _TRIAL, mode=0o600)
    try:
        await shell.run("sh", "-euc", _TRY, "try", str(CARRIES_WITHIN_S), timeout_s=CARRIES_WITHIN_S + 20)
    except (CommandFailed, ConnectionLost, Overdue) as error:
        raise TunnelRefused(
            f"{shell.name} keeps its tunnel as it was",
            why=f"no handshake came with the new configuration ({error.what})",
            fix="compare hub and tunnel in fleet.toml with what HQ has: noc hub install, then give the command again",
        ) from None
    return (TUNNEL_CONFIG, "tunnel restarted")
