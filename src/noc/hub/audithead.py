"""The audit's last entry, noted in the second place: who rewrites the audit on HQ would have to rewrite it there too.

Each note is a file of its own, whose name says all: a second place that lets HQ add files, and change none, keeps what
it was told.
"""

import json
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from noc.hub.second import Place
from noc.runs.record.anchors import Anchor

SOURCE: Final = "the second place"
MOST_HEADS: Final = 2_000
"""So many of the newest are held against the audit; each stands for all entries before it."""
_NAME: Final = re.compile(r"noc-([a-z][a-z0-9-]{0,62})-audit-(\d{10})-([0-9a-f]{64})\.json")


def note(place: Place, hub: str, seq: int, sha256: str, at: datetime) -> str:
    """Note the audit's last entry there; the same entry is noted once.

    Args:
        place: the second place.
        hub: HQ's name.
        seq: the entry's number.
        sha256: of its line, hexadecimal.
        at: now, UTC.

    Returns:
        The file's name.

    Raises:
        SecondAbsent, SecondDiffers: it was not kept.
    """
    name = f"noc-{hub}-audit-{seq:010d}-{sha256}.json"
    if any(found == name for found, _ in place.files()):
        return name
    stamp = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / name
        file.write_text(json.dumps({"hub": hub, "seq": seq, "hash": sha256, "at": stamp}))
        place.put(file, name)
    return name


def noted(place: Place, hub: str) -> list[Anchor]:
    """The newest entries that were noted there, oldest first. Raises SecondAbsent."""
    names = sorted(name for name, _ in place.files() if (match := _NAME.fullmatch(name)) and match[1] == hub)
    found = [match for name in names[-MOST_HEADS:] if (match := _NAME.fullmatch(name))]
    return [Anchor(int(match[2]), match[3], SOURCE) for match in found]
