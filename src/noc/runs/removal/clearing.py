"""What a machine that is no cloud's forgets when its node leaves: shell for the machine, pure text.

The service and everything of ours is stopped and stays so, data and keys are removed, and at last the tunnel ends,
through which all this came. The firewall stays closed: the machine is its owner's, at its console.
"""

from typing import Final

from noc.mesh.config import SPOKE_KEY

UNITS: Final = (
    *("clavitor.socket", "clavitor.service", "noc-watchdog.service", "noc-settle.service"),
    *("caddy.service",),
)
LAST: Final = "noc-remove-tunnel"
LAST_AFTER_S: Final = 2
# What lies in a Nix store cannot be disabled; without its release and its keys it starts nothing. Caddy keeps its
# certificates with their keys in its home.
CLEAR: Final = f"""
for unit in {" ".join(UNITS)}; do
  systemctl disable --now --quiet "$unit" 2>/dev/null || systemctl stop "$unit" 2>/dev/null || true
done
for unit in clavitor.socket clavitor.service noc-watchdog.service caddy.service; do
  if systemctl --quiet is-active "$unit"; then echo "$unit still runs" >&2; exit 1; fi
done
rm -rf /opt/clavitor /etc/clavitor /etc/noc-node /var/lib/noc-node /var/lib/clavitor-directory
find /var/lib/clavitor /var/lib/caddy -mindepth 1 -delete 2>/dev/null || true
for data in /var/lib/clavitor /var/lib/caddy; do
  if [ -n "$(ls -A "$data" 2>/dev/null)" ]; then echo "$data is not empty" >&2; exit 1; fi
done
sync
"""
# After the answer has left. HQ's own key goes with the tunnel; keys that others put there stay.
_LAST: Final = f"""
systemctl disable --now --quiet "wg-quick@$1.service" 2>/dev/null || true
ip link delete "$1" 2>/dev/null || true
rm -f {SPOKE_KEY} "/etc/wireguard/$1.conf"
if [ -f /root/.ssh/authorized_keys ]; then
  grep -vF "$2" /root/.ssh/authorized_keys >/root/.ssh/authorized_keys.new || true
  chmod 600 /root/.ssh/authorized_keys.new
  mv -f /root/.ssh/authorized_keys.new /root/.ssh/authorized_keys
fi
"""


def last_act(interface: str, hub_key: str) -> tuple[str, ...]:
    """The command that ends the tunnel and HQ's way in, a moment after it has answered.

    Args:
        interface: of the tunnel.
        hub_key: HQ's SSH key, the line.
    """
    return (
        *("systemd-run", "--quiet", "--collect", "--setenv=PATH", f"--unit={LAST}", f"--on-active={LAST_AFTER_S}"),
        *("/bin/sh", "-c", _LAST.replace("$", "$$"), "last", interface, hub_key.split()[1]),
    )
