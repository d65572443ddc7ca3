"""Debian and Ubuntu: what NixOS gets by a closure is done here step by step, each step only where it is wanting."""

from noc.fleet.nix import ACME_ROOT
from noc.hosts.activation import RELEASES
from noc.hosts.bundle import Bundle
from noc.hosts.caddy import CADDYFILE, caddyfile
from noc.hosts.debiantunnel import UNIT, bring_up, tunnel_files
from noc.hosts.files import File, install
from noc.hosts.firewall import mark_of, node_rules
from noc.hosts.node.actions import ACTIONS, WATCHDOG
from noc.hosts.platform import Change, NodeConfig
from noc.hosts.shell import Shell
from noc.hosts.systemd import AUTHORIZED_KEYS, HOST_CERTIFICATE, HOST_KEY, SystemdMachine, shared_files
from noc.hosts.units import NODE_UNITS

PACKAGES = ("python3", "wireguard-tools", "caddy", "nftables", "ca-certificates", "iproute2", "openssh-client")
UNITS = "/etc/systemd/system"
SSHD_CONFIG = "/etc/ssh/sshd_config.d/00-noc.conf"
RULES, RULES_TRIAL = "/etc/nftables.d/noc.nft", "/run/noc-firewall.nft"

# Masked only until the next boot at the most: a package that starts its service on installation (Caddy would take
# port 80 with a page of its own) must not, and a cut in the middle must leave nothing behind.
_INSTALL = """
export DEBIAN_FRONTEND=noninteractive
wanted="$*"
ip link add noc-probe type wireguard 2>/dev/null && ip link delete noc-probe || wanted="$wanted wireguard-go"
missing=
for package in $wanted; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
systemctl mask --runtime --quiet caddy.service nftables.service
trap 'systemctl unmask --runtime --quiet caddy.service nftables.service' EXIT
exec 3>&1 >&2 </dev/null
dpkg --force-confold --configure -a
apt-get -q -o DPkg::Lock::Timeout=120 update
apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold --no-install-recommends --fix-broken \\
  install $missing
printf '%s\\n' $missing >&3
"""

_SSHD = f"""\
# The node's own key, certified by HQ, is the only one shown; keys are the only way in.
HostKey {HOST_KEY}
HostCertificate {HOST_CERTIFICATE}
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2 {AUTHORIZED_KEYS.rpartition("/")[0]}/%u
"""
# Other HostKey lines are commented out, since sshd shows what any of its files names. The check comes before the
# reload, because an sshd that does not come back is a machine that is lost. A reload keeps the listening socket and
# every session.
_RELOAD_SSHD = f"""
others=$(grep -liE '^[[:space:]]*Host(Key|Certificate)[[:space:]]' /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf)
for file in $others; do
  [ "$file" != {SSHD_CONFIG} ] || continue
  cp -p "$file" "$file.noc-before"
  sed -i -E 's/^[[:space:]]*Host(Key|Certificate)[[:space:]]/# &/I' "$file"
  echo "$file"
done
undo() {{
  for file in $others; do [ ! -e "$file.noc-before" ] || mv -f "$file.noc-before" "$file"; done
  rm -f {SSHD_CONFIG}
  echo "$1" >&2
  exit 1
}}
wrong=$(sshd -t 2>&1) || undo "$wrong"
[ "$(sshd -T | grep -i '^hostkey ')" = "hostkey {HOST_KEY}" ] || undo "sshd does not read {SSHD_CONFIG}"
systemctl reload ssh.service
rm -f /etc/ssh/sshd_config.noc-before /etc/ssh/sshd_config.d/*.noc-before
"""

_PREPARE = f"""
if ! id -u clavitor >/dev/null 2>&1; then
  useradd --system --user-group --home-dir /var/lib/clavitor --no-create-home --shell /usr/sbin/nologin clavitor
  echo "user clavitor"
fi
install -d -m 755 /opt/clavitor {RELEASES} /etc/clavitor /etc/noc-node
install -d -m 700 /var/lib/noc-node
"""

# The way back is armed before the way is closed. It restores what let us in: the table that stood before, or none. The
# knock sends a packet into the tunnel: the kernel starts to keep track of connections with the first rules, and to it
# what comes from the hub is new until the node has sent something there, which else only the keepalive does.
_CLOSE = """
nft -c -f "$2"
if ! systemctl --quiet is-active noc-firewall-revert.timer; then
  { echo "table inet noc"; echo "delete table inet noc"; nft list table inet noc 2>/dev/null || true; } \\
    >/run/noc-firewall.before
fi
systemctl stop noc-firewall-revert.timer 2>/dev/null || true
systemd-run --quiet --collect --unit=noc-firewall-revert --on-active="$1" --timer-property=AccuracySec=100ms \\
  nft -f /run/noc-firewall.before
nft -f "$2"
bash -c 'printf x >"/dev/udp/$1/9"' knock "$3" || true
"""
_CONFIRM = f"""
[ -e {RULES_TRIAL} ] || exit 0
# The service as well: a way back that has begun as we came must have ended before we look.
systemctl stop noc-firewall-revert.timer noc-firewall-revert.service 2>/dev/null || true
nft list table inet noc 2>/dev/null | grep -qF "$1" || {{ echo "the firewall has opened again by itself" >&2; exit 1; }}
mkdir -p {RULES.rpartition("/")[0]}
install -m 644 {RULES_TRIAL} {RULES}.new && sync {RULES}.new && mv -f {RULES}.new {RULES}
grep -qxF 'include "{RULES}"' /etc/nftables.conf || echo 'include "{RULES}"' >>/etc/nftables.conf
sync /etc/nftables.conf
systemctl enable --quiet nftables.service
rm -f {RULES_TRIAL}
echo {RULES}
"""


class Debian(SystemdMachine):
    """Debian 12 or newer, Ubuntu 24.04 or newer. Implements Platform."""

    name = "debian"

    def bundle(self, config: NodeConfig) -> Bundle:
        """See Platform.bundle."""
        system = {SSHD_CONFIG: File(_SSHD), RULES: File(node_rules())}
        return Bundle({**_node_files(config), **tunnel_files(config.wireguard), **system})

    async def packages(self, shell: Shell) -> Change:
        """See Platform.packages; the tunnel in userspace only where the kernel has none."""
        result = await shell.run("sh", "-euc", _INSTALL, "packages", *PACKAGES, timeout_s=900)
        return Change(tuple(f"package {name}" for name in result.stdout.split()))

    async def host_certificate(self, shell: Shell, certificate: str) -> Change:
        """See Platform.host_certificate. Raises CommandFailed where sshd would not take it; then nothing changed."""
        changed = await install(shell, {HOST_CERTIFICATE: File(certificate + "\n"), SSHD_CONFIG: File(_SSHD)})
        cleared = (await shell.script(_RELOAD_SSHD)).stdout.splitlines()
        return Change((*changed, *cleared))

    async def tunnel(self, shell: Shell, config: NodeConfig) -> Change:
        """See Platform.tunnel. Raises TunnelRefused where a running tunnel would not carry any more."""
        running = (await self.status(shell, UNIT))["ActiveState"] == "active"
        return Change(await bring_up(shell, config.wireguard, running=running))

    async def repair_tunnel(self, shell: Shell, config: NodeConfig) -> Change:
        """See Platform.repair_tunnel; one that is configured as it should be is started anew."""
        if changed := (await self.tunnel(shell, config)).changed:
            return Change(changed)
        await self.restart(shell, UNIT)
        return Change(("tunnel restarted",))

    async def units(self, shell: Shell, config: NodeConfig) -> Change:
        """See Platform.units."""
        prepared = tuple((await shell.script(_PREPARE)).stdout.splitlines())
        changed = await install(shell, _node_files(config))
        await shell.run(*ACTIONS["units"])
        if any(path in WATCHDOG for path in changed):
            await shell.run(*ACTIONS["watchdog"])
        return Change((*prepared, *changed, *await self._proxy(shell, changed)))

    async def _proxy(self, shell: Shell, changed: tuple[str, ...]) -> tuple[str, ...]:
        """Start the proxy, or let it take its new configuration without dropping a connection."""
        if (await self.status(shell, "caddy.service"))["ActiveState"] != "active":
            await self.restart(shell, "caddy.service")
            return ("proxy started",)
        if any(path in {CADDYFILE, ACME_ROOT} for path in changed):
            await shell.run("systemctl", "reload", "caddy.service")
        return ()

    async def firewall(self, shell: Shell, config: NodeConfig, *, revert_after_s: float) -> Change:
        """See Platform.firewall."""
        rules = node_rules()
        if await self._stands(shell, rules):
            return Change()
        await shell.put(rules.encode(), RULES_TRIAL)
        await shell.run("sh", "-euc", _CLOSE, "close", f"{revert_after_s:g}s", RULES_TRIAL, config.hub_tunnel_address)
        return Change(("firewall closed",))

    async def _stands(self, shell: Shell, rules: str) -> bool:
        """Whether these rules are in force and persistent."""
        look = f'cat {RULES} && nft list table inet noc | grep -F "$1" && ! test -e {RULES_TRIAL}'
        result = await shell.run("sh", "-c", look, "look", mark_of(rules), check=False)
        return result.status == 0 and result.stdout.startswith(rules)

    async def firewall_confirm(self, shell: Shell) -> Change:
        """See Platform.firewall_confirm. Raises CommandFailed where it came too late."""
        result = await shell.run("sh", "-euc", _CONFIRM, "confirm", mark_of(node_rules()))
        return Change(tuple(result.stdout.splitlines()))


def _node_files(config: NodeConfig) -> dict[str, File]:
    """What the step `units` brings: programs, units and proxy."""
    units = {f"{UNITS}/{name}": File(text) for name, text in NODE_UNITS.items()}
    return {**shared_files(config), **units, CADDYFILE: File(caddyfile(config))}
