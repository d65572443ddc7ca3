"""Whether this HQ is one of a lab, where a drill puts nobody at risk.

The lab writes the mark when it installs HQ, with the number of that very machine in it (machine-id(5)). So a file that
is copied, restored from a backup or brought along by an image marks no other machine; it has to be root's own, and the
fleet file has no say in it.
"""

import os
import stat
from pathlib import Path
from typing import Final

MARK: Final = Path("/etc/noc-lab")
MACHINE: Final = Path("/etc/machine-id")


def mark_text(machine_id: str) -> str:
    """What the mark says on the machine of that number."""
    return f"HQ of a lab {machine_id.strip()}\n"


def in_lab(mark: Path = MARK, machine: Path = MACHINE, owner: int = 0) -> bool:
    """Whether the mark is there, nobody but its owner could have written it, and it means this machine.

    Args:
        mark: the mark.
        machine: the file with this machine's number.
        owner: whose it has to be.
    """
    try:
        with open(mark, opener=_not_a_link) as file:
            status, text = os.fstat(file.fileno()), file.read(200)
        return (
            stat.S_ISREG(status.st_mode)
            and status.st_uid == owner
            and not status.st_mode & 0o022
            and text == mark_text(machine.read_text())
        )
    except (OSError, UnicodeDecodeError):
        return False


def _not_a_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
