"""What kind of machine HQ is to become, and whether it can."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from noc.hub.errors import UnsupportedHost

OLDEST = {"debian": (12,), "ubuntu": (24, 4)}
NEEDED_MEMORY = 2_000_000_000  # bytes; a machine sold as 2 GB shows a little less than 2 GiB
NEEDED_DISK = 20_000_000_000


@dataclass(frozen=True)
class HostFacts:
    """The machine as it is. Sizes in bytes; `version` as numbers, () for a rolling release."""

    system: str
    version: tuple[int, ...]
    memory: int
    disk: int
    has_systemd: bool
    has_program: bool


def read_facts(program: Path) -> HostFacts:
    """Look at this machine.

    Args:
        program: where the installed `noc` must lie.
    """
    release = dict(line.partition("=")[::2] for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    version = release.get("VERSION_ID", "").strip('"')
    return HostFacts(
        system=release.get("ID", "unknown").strip('"'),
        version=tuple(int(part) for part in version.split(".") if part.isdigit()),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        disk=shutil.disk_usage("/var/lib").total,
        has_systemd=Path("/run/systemd/system").is_dir(),
        has_program=os.access(program, os.X_OK),
    )


def judge(facts: HostFacts) -> list[str]:
    """Refuse a machine that cannot be HQ, and warn of one that is tight.

    Returns:
        Warnings, whole sentences.

    Raises:
        UnsupportedHost: wrong system, too old, without systemd, or `noc` itself is not installed.
    """
    oldest = OLDEST.get(facts.system)
    shown = ".".join(map(str, facts.version)) or "rolling"
    if oldest is None or (facts.version and facts.version < oldest):
        raise UnsupportedHost(
            f"{facts.system} {shown} cannot be HQ", why="Debian 12 or Ubuntu 24.04 is the oldest", fix="install one"
        )
    if not facts.has_systemd:
        raise UnsupportedHost("this machine cannot be HQ", why="systemd is not its first process")
    if not facts.has_program:
        raise UnsupportedHost(
            "noc is not installed here", why="the units would start nothing", fix="run the file that make dist wrote"
        )
    tight = []
    if facts.memory < NEEDED_MEMORY:
        tight.append(f"memory: {facts.memory / 1e9:.1f} GB, 2 GB are recommended")
    if facts.disk < NEEDED_DISK:
        tight.append(f"disk: {facts.disk / 1e9:.1f} GB, 20 GB are recommended")
    return tight
