"""What the running system has to be told when files changed, so that it is what its files say."""

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence

from .layout import Layout
from .service import Unproven

BOOTING = ("units", "firewall")
"""What may be done while the system starts; every other action would wait for a unit that waits for us."""
WITHIN_S, SYSTEM_WITHIN_S = 90, 600
"""Seconds for an action, and for one on a whole NixOS system."""
SWITCH_FAILURES = {
    2: "the system's activation script failed",
    3: "systemd would not take the new units",
    4: "units failed to start",
    100: "it can only be booted into: its init does not fit the running one",
}
"""What switch-to-configuration's statuses mean (nixpkgs, switch-to-configuration-ng)."""
# Each makes the running system what its files say, whichever way they were changed, so that the way back is the same
# action; {system} is a NixOS system. A layout may name other commands.
ACTIONS: Mapping[str, Sequence[str]] = {
    "units": (
        *("sh", "-ec", 'systemctl enable --quiet --no-reload "$@"; exec systemctl daemon-reload', "units"),
        *("clavitor.socket", "clavitor.service", "noc-settle.service", "noc-watchdog.service", "caddy.service"),
    ),
    "reload": ("systemctl", "daemon-reload"),
    "firewall": (
        *("sh", "-ec", '[ ! -e "$1" ] || exec nft -f "$1"; nft "add table inet noc; delete table inet noc"'),
        *("firewall", "/etc/nftables.d/noc.nft"),
    ),
    # An old end that does not go by itself is taken away, since the new one could not come up beside it.
    "tunnel": (
        *("sh", "-c", 'again() { systemctl restart "$1"; }; again "$1" || { ip link delete wg0; again "$1"; }'),
        *("tunnel", "wg-quick@wg0.service"),
    ),
    "sshd": ("sh", "-ec", "sshd -t; exec systemctl try-reload-or-restart ssh.service"),
    "watchdog": ("systemctl", "restart", "noc-watchdog.service"),
    "socket": ("systemctl", "restart", "clavitor.socket"),
    "proxy-unit": ("systemctl", "restart", "caddy.service"),
    "proxy": (
        *("sh", "-ec", '[ ! -e "$1" ] || caddy adapt --config "$1" >/dev/null; exec systemctl "$2" caddy.service'),
        *("proxy", "/etc/caddy/Caddyfile", "reload-or-restart"),
    ),
    "system-test": ("{system}/bin/switch-to-configuration", "test"),
    "system-profile": ("nix-env", "--profile", "/nix/var/nix/profiles/system", "--set", "{system}"),
    "system-boot": ("{system}/bin/switch-to-configuration", "boot"),
    # One to run and one to go back to; `nix.gc.options` has no words for that (nix-env(1), --delete-generations).
    "system-prune": ("nix-env", "--profile", "/nix/var/nix/profiles/system", "--delete-generations", "+2"),
}
WATCHDOG = (
    "/etc/systemd/system/noc-watchdog.service",
    "/etc/noc-node/watchdog.json",
    "/usr/local/lib/noc-node/watchdog.py",
)
"""What the watchdog reads when it starts."""
# In the order in which they are taken: a unit is read before it is restarted, the way in comes before the proxy.
_CAUSES = (
    ("units", ("/etc/systemd/system/",)),
    ("firewall", ("/etc/nftables.d/",)),
    ("tunnel", ("/etc/wireguard/", "/etc/systemd/system/wg-quick@wg0.service.d/")),
    ("sshd", ("/etc/ssh/sshd_config.d/",)),
    ("watchdog", WATCHDOG),
    ("socket", ("/etc/systemd/system/clavitor.socket",)),
    ("proxy-unit", ("/etc/systemd/system/caddy.service.d/",)),
    ("proxy", ("/etc/caddy/", "/etc/noc-node/acme-root.pem")),
)


_FAILED_UNITS = "the following units failed: "


def actions_for(paths: Iterable[str]) -> tuple[str, ...]:
    """The actions that changed files call for, each once, in their order."""
    changed = tuple(paths)
    return tuple(name for name, causes in _CAUSES if any(path.startswith(causes) for path in changed))


def take(layout: Layout, action: str, system: str = "") -> None:
    """Take one action; `system` is the NixOS system that some of them are about. Raises Unproven where it fails."""
    argv = [part.replace("{system}", system) for part in {**ACTIONS, **layout.actions}[action]]
    within_s = SYSTEM_WITHIN_S if action.startswith("system-") else WITHIN_S
    try:
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=within_s, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise Unproven(f"{action}: {error}") from None
    if done.returncode:
        said = _last_words(done.stderr or done.stdout) or f"status {done.returncode}"
        raise Unproven(f"{action}: {_switching(done.returncode, done.stderr) if action == 'system-test' else ''}{said}")


def take_all(layout: Layout, actions: Iterable[str], system: str = "") -> list[str]:
    """Take every action, whatever became of those before; returns what went wrong, in words."""
    troubles = []
    for action in actions:
        try:
            take(layout, action, system)
        except Unproven as failure:
            troubles.append(str(failure))
    return troubles


def running_system(layout: Layout, link: str) -> str | None:
    """The NixOS system that one of the system's links leads to, None where there is none."""
    path = layout.path(link.lstrip("/"))
    root = os.path.realpath(layout.root).rstrip("/")
    return os.path.realpath(path).removeprefix(root) if path.is_symlink() else None


def _switching(status: int, said: str) -> str:
    """What a status of switch-to-configuration means, with the units that it names before their long logs."""
    failed = [line.partition(_FAILED_UNITS)[2].strip() for line in said.splitlines() if _FAILED_UNITS in line]
    words = [SWITCH_FAILURES.get(status, ""), ", ".join(failed)]
    return _last_words(": ".join(filter(None, words))) + " | " if any(words) else ""


def _last_words(said: str) -> str:
    return "".join(char if char.isprintable() else " " for char in said.strip())[-300:]
