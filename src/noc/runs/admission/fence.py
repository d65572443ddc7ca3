"""The fence: a number that only grows. A node refuses an activation whose number is lower than the last it saw."""

from pathlib import Path

from noc.fleet.files import replace
from noc.runs.admission.errors import FenceUnreadable
from noc.runs.admission.exclusive import exclusive

_LONGEST = 40
_BELIEVED = 2**53
"""No HQ lives long enough to give a higher number: a node that says so does not speak the truth."""


def next_fence(path: Path) -> int:
    """Take the next number; it is on the disk before it is returned, so that none is ever given twice.

    Args:
        path: the file that holds the last number given; missing before the first. Its directory exists.

    Raises:
        FenceUnreadable: the file holds something else.
    """
    with exclusive(path.with_suffix(".lock")):
        number = last_fence(path) + 1
        replace(path, str(number))
    return number


def raise_fence(path: Path, seen: int) -> None:
    """Make the next number higher than one that a node has seen: an HQ that was restored may be behind its nodes.

    Args:
        path: as for `next_fence`.
        seen: the highest number that nodes know of; a lower one than the last given changes nothing, nor does an
            absurd one.

    Raises:
        FenceUnreadable: the file holds something else.
    """
    with exclusive(path.with_suffix(".lock")):
        if last_fence(path) < seen <= _BELIEVED:
            replace(path, str(seen))


def last_fence(path: Path) -> int:
    """The last number that was given, 0 before the first. Raises FenceUnreadable."""
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST).strip()
    except FileNotFoundError:
        return 0
    if not text.isdigit():
        fix = "write a number into it that is higher than /var/lib/noc-node/fence of every node"
        raise FenceUnreadable(f"{path} holds no number", why="it was changed, or damaged", fix=fix)
    return int(text)
