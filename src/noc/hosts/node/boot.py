"""What of the system in force runs only once the machine has started anew."""

import contextlib
import os
from pathlib import Path

from .layout import Layout
from .state import SYSTEM_IN_FORCE, read_json

PARTS = ("kernel", "initrd", "kernel-modules")
"""The links of a NixOS system by which its own weekly upgrade decides about a reboot (nixpkgs, auto-upgrade.nix)."""
_BOOTED, _NEXT = "run/booted-system", "nix/var/nix/profiles/system"


def boot_id() -> str:
    """Names the time since the machine's last start."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def booted(layout: Layout) -> dict[str, str]:
    """Where those links of the system lead that was started last, by their name; {} where it is no NixOS."""
    return _parts(layout, _BOOTED)


def due(layout: Layout) -> list[str]:
    """What runs in its old version until a reboot: parts of the NixOS system that boots next, or packages."""
    if running := booted(layout):
        following = _parts(layout, _NEXT)
        return [part for part in PARTS if running.get(part) != following.get(part)]
    known = read_json(layout, SYSTEM_IN_FORCE) or {}
    return list(known.get("reboot", [])) if known.get("boot_id", boot_id()) == boot_id() else []


def _parts(layout: Layout, system: str) -> dict[str, str]:
    found = {}
    for part in PARTS:
        with contextlib.suppress(OSError):
            found[part] = os.readlink(layout.path(f"{system}/{part}"))  # noqa: PTH115 - what it says, not where it ends
    return found
