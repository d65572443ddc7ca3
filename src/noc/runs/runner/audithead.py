"""Where the audit stands, and whether it holds: against its own chain, the runs' journals, and notes kept elsewhere."""

import asyncio
from collections.abc import Sequence
from typing import Any

from noc.errors import Usage
from noc.runs.paths import Paths
from noc.runs.record.anchors import Anchor, anchors_of, verify
from noc.runs.site.site import Site

MOST_HEADS = 4_000


async def audit_head(site: Site, _names: Sequence[str]) -> dict[str, Any]:
    """The last entry's number and hash, and what is wrong with what leads to it, as a look of the runner's."""
    found = await verified(site.paths, ())
    return {**found["last"], "problems": found["problems"]}


async def verified(paths: Paths, heads: Sequence[Sequence[object]]) -> dict[str, Any]:
    """Hold the audit against its chain, the journals, and entries that were noted elsewhere.

    Args:
        paths: HQ's.
        heads: number, hash and source of each noted entry.

    Returns:
        `{"last": {"seq", "hash"}, "problems": [words]}`.

    Raises:
        Usage: the notes are none, or too many.
    """
    if len(heads) > MOST_HEADS:
        raise Usage(f"{len(heads)} notes are more than are held against the audit at once")
    noted = [_anchor(head) for head in heads]
    finding = await asyncio.to_thread(lambda: verify(paths.audit, [*anchors_of(paths.runs), *noted]))
    return {"last": {"seq": finding.last.seq, "hash": finding.last.hash}, "problems": list(finding.problems)}


def _anchor(head: Sequence[object]) -> Anchor:
    match head:
        case [int(seq), str(sha256), str(source)]:
            return Anchor(seq, sha256, source[:100])
    raise Usage("a note of the audit is an entry's number and its hash", fix="noc audit verify --head SEQ:HASH")
