"""Nix on HQ: where the systems of NixOS nodes are evaluated and built. What it may not be is said, with what helps."""

import platform
import re
from collections.abc import Callable
from pathlib import Path

from noc.hosts.nixbuild import OLDEST_NIX, version
from noc.hub.errors import EmulationMissing, NixTooOld, StepFailed
from noc.hub.system import ensure_file, ensure_packages, ensure_running, run

PACKAGES = ("nix-bin", "nix-setup-systemd")
EMULATION = ("qemu-user-static", "binfmt-support")
NIX_CONF, OURS = Path("/etc/nix/nix.conf"), Path("/etc/nix/noc.conf")
INCLUDE = "!include noc.conf"
BINFMT = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64")
NATIVE = "aarch64"
DAEMON = "nix-daemon.service"


def nix_conf(machine: str, builder_key: str) -> str:
    """What HQ's Nix has to know, as nix.conf(5).

    The runner may use the daemon and is not trusted by it: it would be root then.

    Args:
        machine: `x86_64` or `aarch64`; the former builds for the latter by emulation.
        builder_key: the public key that another builder signs with, "" for none.
    """
    lines = [
        "# Written by noc hub install --nix.",
        "experimental-features = nix-command flakes",
        "allowed-users = root noc-runner",
        "trusted-users = root",
        "max-jobs = 1",
        *([] if machine == NATIVE else ["extra-platforms = aarch64-linux"]),
        *([f"extra-trusted-public-keys = {builder_key}"] if builder_key else []),
    ]
    return "\n".join([*lines, ""])


def candidate(policy: str) -> tuple[int, ...]:
    """The version that `apt-cache policy nix-bin` offers, as numbers; () where it offers none."""
    found = re.search(r"^  Candidate: ([0-9.]+)", policy, re.MULTILINE)
    return tuple(int(part) for part in found[1].split(".") if part) if found else ()


def check_version(installed: tuple[int, ...], offered: tuple[int, ...]) -> None:
    """Refuse a Nix with which no NixOS of today can be evaluated.

    Args:
        installed: the version on HQ, () for none.
        offered: what the distribution would install, () for nothing.

    Raises:
        NixTooOld: neither will do.
    """
    best = max(installed, offered)
    if best >= OLDEST_NIX:
        return
    shown, wanted = ".".join(map(str, best)) or "none", ".".join(map(str, OLDEST_NIX))
    raise NixTooOld(
        f"Nix {wanted} or newer is needed here",
        why=f"the distribution has {shown}; Debian 13 has 2.26, Ubuntu 24.04 has 2.18",
        fix="upgrade HQ to one of them, install Nix from nixos.org yourself, or let another machine build: "
        'builder = "ssh://…" or "ci" under [nixos] in fleet.toml',
    )


def ensure_nix(builder_key: str = "") -> list[str]:
    """Nix with its daemon, emulation of the nodes' architecture where HQ has another, and our settings.

    Raises:
        NixTooOld, EmulationMissing, StepFailed: why that cannot be, with what helps.
    """
    installed = version(_said("nix", "--version"))
    if installed < OLDEST_NIX:
        run("apt-get", "-q", "update", timeout_s=300)
        check_version(installed, candidate(_said("apt-cache", "policy", "nix-bin")))
    changed = ensure_packages(PACKAGES) if installed < OLDEST_NIX else []
    machine = platform.machine()
    changed += [] if machine == NATIVE else ensure_emulation(BINFMT, ensure_packages)
    changed += ensure_file(OURS, nix_conf(machine, builder_key))
    before = NIX_CONF.read_text() if NIX_CONF.exists() else ""
    if INCLUDE not in before.splitlines():
        changed += ensure_file(NIX_CONF, f"{before.rstrip()}\n{INCLUDE}\n".lstrip())
    return changed + ensure_running(DAEMON, [OURS, NIX_CONF])


def ensure_emulation(entry: Path, install: Callable[[tuple[str, ...]], list[str]]) -> list[str]:
    """Let this machine's kernel run the nodes' programs, as Nix's builders need it.

    Args:
        entry: the kernel's entry for them, binfmt_misc.
        install: brings packages.

    Raises:
        EmulationMissing: it does not, or not inside a builder's own file system.
    """
    changed = [] if entry.exists() else install(EMULATION)
    said = entry.read_text() if entry.exists() else ""
    lines = said.splitlines()
    flags = next((line.partition("flags: ")[2] for line in lines if line.startswith("flags: ")), "")
    if lines[:1] == ["enabled"] and "F" in flags:
        return changed
    why = f"{entry} is missing: a container's kernel is its host's" if not said else f"{entry} says: {said[:200]!r}"
    if said and "F" not in flags:
        why = "its interpreter is not held open (flag F), so no builder in a file system of its own finds it"
    raise EmulationMissing(
        "this machine cannot build for arm64",
        why=why,
        fix="systemctl restart systemd-binfmt (on the host, where this is a container), or an arm64 machine as HQ or "
        'builder = "ssh://…" under [nixos]',
    )


def _said(*argv: str) -> str:
    """What a program prints, "" where it is not here."""
    try:
        return run(*argv, check=False).stdout
    except StepFailed:
        return ""
