"""Backups at the node's end: HQ asks for a copy, fetches the chunks that it does not hold, and lets go of it.

One copy at a time; it belongs to the session that asked for it, and is gone with that at the latest. Its key comes in a
question of that session, so that no list of processes shows it.
"""

import base64
import contextlib
import os
import threading
from typing import Any

from .backup_copy import Copy
from .layout import Layout
from .state import Refused, current

PIECE = 512 * 1024
"""Bytes of a chunk that one answer brings: in base64 they fit into a session's longest line."""
_NICE = 10


class _Place:
    """Of this process's one copy."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.copy: Copy | None = None

    def clear(self) -> None:
        """Let go of the copy, where there is one."""
        copy, self.copy = self.copy, None
        if copy is not None:
            copy.close()


_place = _Place()


def take(layout: Layout, key: str) -> dict[str, Any]:
    """Copy the database and say of what chunks it consists.

    Args:
        layout: the node.
        key: 64 hexadecimal digits.

    Returns:
        `chunks` as [name, clear bytes], in order, and what was proven. Raises Refused.
    """
    with contextlib.suppress(OSError):  # the service comes first; on Linux a thread has a priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
    with _place.lock:
        _place.clear()
        _place.copy = copy = Copy(layout, bytes.fromhex(key))
    return {
        "ok": True,
        "bytes": copy.bytes,
        "page_size": copy.page_size,
        "release": current(layout),
        "chunks": [[name, copy.pieces[name].size] for name in copy.order],
        "whole": copy.whole,
        **copy.proof._asdict(),
    }


def fetch(name: str, offset: int) -> dict[str, Any]:
    """A chunk as zlib in base64, from an offset on as much as one answer holds, and how long all of it is."""
    copy = _place.copy
    if copy is None or name not in copy.pieces:
        raise Refused("no-copy", "this session has no copy with that chunk")
    content = copy.read(name, offset, PIECE)
    return {"ok": True, "content": base64.b64encode(content).decode(), "bytes": copy.pieces[name].packed}


def discard() -> dict[str, Any]:
    """Let go of this session's copy, where it has one."""
    with _place.lock:
        _place.clear()
    return {"ok": True}
