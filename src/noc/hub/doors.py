"""Closing HQ's doors: the firewall through UFW or nftables, and sshd for keys only."""

import os
from collections.abc import Iterator
from pathlib import Path

from noc.fleet.model import Fleet
from noc.hub.errors import StepFailed
from noc.hub.firewall import nftables_text, sshd_text, ufw_commands
from noc.hub.places import FIREWALL, SSH_SETTINGS, UNITS
from noc.hub.system import Owner, ensure_absent, ensure_file, ensure_running, ensure_stopped, run
from noc.hub.units import firewall_unit

FIREWALL_UNIT = "noc-firewall.service"


def firewall_kind() -> str:
    """Which firewall HQ is closed with: "ufw" where UFW is active, "nftables" otherwise."""
    if not Path("/usr/sbin/ufw").exists():
        return "nftables"
    return "ufw" if "Status: active" in run("ufw", "status", check=False).stdout else "nftables"


def ensure_firewall(fleet: Fleet) -> list[str]:
    """Close everything but HQ's own doors; SSH is among them, so that the session at work stays."""
    return _ensure_ufw(fleet) if firewall_kind() == "ufw" else _ensure_nftables(fleet)


def _ensure_ufw(fleet: Fleet) -> list[str]:
    """UFW skips what it has already, so that what it lists before and after tells whether anything changed."""
    before = _ufw_state()
    for command in ufw_commands(fleet):
        run(*command)
    changed = ["rules of UFW"] if _ufw_state() != before else []
    return changed + ensure_stopped(FIREWALL_UNIT) + ensure_absent(FIREWALL)


def _ufw_state() -> str:
    defaults = Path("/etc/default/ufw").read_text()
    return run("ufw", "show", "added").stdout + defaults


def _ensure_nftables(fleet: Fleet) -> list[str]:
    text, unit = nftables_text(fleet), UNITS / FIREWALL_UNIT
    if not FIREWALL.exists() or FIREWALL.read_text() != text:
        run("nft", "--check", "--file", "-", stdin=text)
    changed = ensure_file(FIREWALL, text, Owner(mode=0o600)) + ensure_file(unit, firewall_unit())
    if changed:
        run("systemctl", "daemon-reload")
    changed += ensure_running(FIREWALL_UNIT, [FIREWALL, unit], verb="reload")
    if not _table_loaded():
        run("systemctl", "reload", FIREWALL_UNIT)
        changed.append("table inet noc loaded")
    return changed


def _table_loaded() -> bool:
    return run("nft", "list", "table", "inet", "noc", check=False).returncode == 0


def ensure_keys_only() -> list[str]:
    """Make sshd refuse passwords, unless that would shut out whoever is logged in by one.

    Raises:
        StepFailed: nobody's key is on this machine, and this is an SSH session; or sshd does not take the settings.
    """
    if not Path("/usr/sbin/sshd").exists():
        return []
    if not SSH_SETTINGS.exists() and in_ssh_session() and not any(_authorized_keys()):
        raise StepFailed(
            "passwords were not switched off in sshd",
            why="no user of this machine has an authorised key, so nobody could log in again",
            fix="put your public key into ~/.ssh/authorized_keys, then run it again",
        )
    changed = ensure_file(SSH_SETTINGS, sshd_text())
    if changed:
        _reload_sshd()
    return changed


def _reload_sshd() -> None:
    """A reload keeps the sessions that are open; settings that sshd refuses are taken away again."""
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    check = run("sshd", "-t", check=False)
    if check.returncode != 0:
        SSH_SETTINGS.unlink()
        raise StepFailed("sshd does not take its settings", why=check.stderr.strip(), fix="sshd -t")
    run("systemctl", "try-reload-or-restart", "ssh.service", check=False)


def _authorized_keys() -> Iterator[Path]:
    for home in (Path("/root"), *Path("/home").glob("*")):
        path = home / ".ssh" / "authorized_keys"
        if path.is_file() and path.stat().st_size > 0:
            yield path


def in_ssh_session(process: int | None = None) -> bool:
    """Whether a process descends from sshd; sudo hides SSH_CONNECTION, but not the ancestors (proc(5))."""
    pid = process or os.getpid()
    while pid > 1:
        status = Path(f"/proc/{pid}/stat").read_text()
        name, _, rest = status.partition("(")[2].rpartition(")")
        if name.startswith("sshd"):
            return True
        pid = int(rest.split()[1])
    return False
