"""The body of a directory: a line a tenant, each 38 bytes long and sorted, so that one is found without reading all."""

import hashlib
import re
from collections.abc import Mapping
from itertools import pairwise

from noc.placement.errors import DirectoryDamaged
from noc.placement.handles import ID_DIGITS
from noc.placement.head import Head

INDEX_DIGITS = 4
GONE = "-" * INDEX_DIGITS
LINE_BYTES = ID_DIGITS + 1 + INDEX_DIGITS + 1
_LINES = re.compile(rb"(?:[0-9a-f]{32} [0-9]{4}\n)*")


def write_body(placed: Mapping[str, int]) -> bytes:
    """The lines of a directory.

    Args:
        placed: tenant id → position of its node, from 0.

    Returns:
        `<id> <position, 4 digits>\\n` for each, in the order of the ids.
    """
    return "".join(f"{tenant} {placed[tenant]:0{INDEX_DIGITS}}\n" for tenant in sorted(placed)).encode()


def write_changes(changed: Mapping[str, int | None]) -> bytes:
    """What a node's program makes another body with, of the one that it has.

    Args:
        changed: tenant id → position of the node; None for who is in the directory no more.

    Returns:
        A line for each, `----` in the place of the position for those that go.
    """
    lines = (
        f"{tenant} {GONE if position is None else f'{position:0{INDEX_DIGITS}}'}\n"
        for tenant, position in changed.items()
    )
    return "".join(lines).encode()


def read_body(body: bytes) -> dict[str, int]:
    """Tenant id → position, of lines that were checked before."""
    return {line[:ID_DIGITS]: int(line[ID_DIGITS + 1 :]) for line in body.decode().splitlines()}


def check_body(head: Head, body: bytes) -> None:
    """Hold the lines against what their head says of them.

    Raises:
        DirectoryDamaged: they are others, or are not lines of a directory at all.
    """
    if why := _damage(head, body):
        raise DirectoryDamaged(f"version {head.version} of the directory is damaged", why=why, fix="send it again")


def _damage(head: Head, body: bytes) -> str:
    if len(body) != head.count * LINE_BYTES:
        return f"it has {len(body)} bytes, and its head says {head.count * LINE_BYTES}"
    if hashlib.sha256(body).hexdigest() != head.sha256:
        return "its hash is not the one in its head"
    if not _LINES.fullmatch(body):
        return "it is not made of lines as HQ writes them"
    lines = body.splitlines()
    if any(one[:ID_DIGITS] >= other[:ID_DIGITS] for one, other in pairwise(lines)):
        return "its lines are not in order, or one tenant is there twice"
    if any(int(line[ID_DIGITS:]) >= len(head.nodes) for line in lines):
        return "a line names a node that its head does not have"
    return ""
