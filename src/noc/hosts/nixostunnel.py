"""A NixOS node's end of the tunnel where it is dead: HQ's key and endpoint in the running tunnel, on trial.

What is configured is the closure's, which is changed through the tunnel once that carries; a restart of the tunnel's
unit goes back to it.
"""

from noc.hosts.errors import CommandFailed, Overdue, TunnelRefused
from noc.hosts.shell import Shell

CARRIES_WITHIN_S = 30
_PEER = "/run/noc-tunnel-peer.conf"
_PATH = "PATH=/run/current-system/sw/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# The peer is put in anew even where its key is the same: only so does its last handshake say anything.
_REPAIR = f"""
systemctl is-active --quiet "$2" || systemctl restart "$2"
for old in $(wg show wg0 peers); do wg set wg0 peer "$old" remove; done
wg addconf wg0 {_PEER}
rm -f {_PEER}
for _ in $(seq "$1"); do
  wg show wg0 latest-handshakes | cut -f 2 | grep -q '^[1-9]' && exit 0
  sleep 1
done
systemctl restart "$2"
exit 1
"""


def peer_section(config: str, keepalive: int = 25) -> str:
    """The peer of a text for wg-quick(8), as `wg addconf` takes it: with a keepalive, which makes it call at once."""
    return config[config.index("[Peer]") :] + f"PersistentKeepalive = {keepalive}\n"


async def repair(shell: Shell, config: str, unit: str) -> tuple[str, ...]:
    """Let a running tunnel have HQ's key and endpoint, and go back to what is configured where no handshake comes.

    Args:
        shell: the node, by another way than the tunnel.
        config: text for wg-quick(8).
        unit: what brings the tunnel up as it is configured.

    Returns:
        What was changed.

    Raises:
        TunnelRefused: no handshake came.
    """
    await shell.put(peer_section(config).encode(), _PEER, mode=0o600)
    try:
        alone = ("systemd-run", "--quiet", "--collect", "--wait", f"--setenv={_PATH}")
        argv = ("sh", "-euc", _REPAIR, "repair", str(CARRIES_WITHIN_S), unit)
        await shell.run(*alone, *argv, timeout_s=CARRIES_WITHIN_S + 30)
    except (CommandFailed, Overdue) as error:
        raise TunnelRefused(
            f"{shell.name} keeps its tunnel as it was",
            why=f"no handshake came with HQ's key and endpoint ({error.what})",
            fix="compare hub and tunnel in fleet.toml with what HQ has: noc hub install, then give the command again",
        ) from None
    return ("HQ's key and endpoint, until the tunnel is restarted",)
