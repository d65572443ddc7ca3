"""The body of a directory: a line a tenant, all as long, sorted by id; whole, or by what has changed."""

import hashlib
import heapq
import os
from collections.abc import Iterator
from pathlib import Path

LINE, ID = 38, 32
GONE = b"----"
"""Stands in a change where a line of the body has the position of a node."""
MOST_CHANGES = 1 << 20
"""Bytes."""


def is_body(path: Path, lines: int, sha256: str) -> bool:
    """Whether a file is the body of so many lines with that hash, to the byte."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != lines * LINE:
                return False
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False


def merged(body: bytes, changes: bytes) -> bytes:
    """A body with changes made to it. Whether it is the one that was meant, its hash says.

    Args:
        body: its lines.
        changes: lines that come, or take the place of others, and such with `----` for those that go.
    """
    changed = {line[:ID]: line for line in _lines(changes)}
    kept = (line for line in _lines(body) if line[:ID] not in changed)
    came = sorted(line for line in changed.values() if line[ID + 1 : -1] != GONE)
    return b"".join(heapq.merge(kept, came))


def _lines(content: bytes) -> Iterator[bytes]:
    return (content[start : start + LINE] for start in range(0, len(content), LINE))
