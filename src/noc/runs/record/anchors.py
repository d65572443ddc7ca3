"""Places of the audit that are written down elsewhere: an audit whose tail was cut off is whole, but ends before them.

Every run's journal names the place that the audit had reached when it began, and a person may note one, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from noc.runs.record.chain import GENESIS
from noc.runs.record.entries import read_entries
from noc.runs.record.errors import AuditBroken
from noc.runs.record.journal import opening, run_ids


@dataclass(frozen=True)
class Anchor:
    """A place in the audit that is written down elsewhere.

    Attributes:
        seq: number of the last entry then, 0 where there was none.
        hash: of that entry's line.
        source: where it is written down: a run's id, or a person's note.
    """

    seq: int
    hash: str
    source: str = ""


@dataclass(frozen=True)
class Finding:
    """What a verification found: the last entry's place, and what is wrong, in words."""

    last: Anchor
    problems: tuple[str, ...]


def verify(path: Path, anchors: Sequence[Anchor] = ()) -> Finding:
    """Hold an audit's file against its own chain, and against places that are written down elsewhere.

    Args:
        path: the file; a missing one has no entries.
        anchors: those places, in any order.

    Returns:
        What was found; all is well where it names no problem.
    """
    wanted: dict[int, list[Anchor]] = {}
    for anchor in anchors:
        wanted.setdefault(anchor.seq, []).append(anchor)
    problems = [_differs(anchor) for anchor in wanted.pop(0, []) if anchor.hash != GENESIS]
    last = Anchor(0, GENESIS)
    try:
        for found, entry in read_entries(path) if path.exists() else ():
            last = Anchor(entry.seq, found.hash)
            problems += [_differs(anchor) for anchor in wanted.pop(entry.seq, []) if anchor.hash != found.hash]
    except AuditBroken as error:
        problems.append(f"{error.what}: {error.why}" if error.why else error.what)
    missing = sorted((each for same in wanted.values() for each in same), key=lambda each: each.seq)
    problems += [f"{each.source} saw entry {each.seq}, but the audit ends at {last.seq}" for each in missing]
    return Finding(last, tuple(problems))


def anchors_of(runs: Path) -> list[Anchor]:
    """The places that the journals of a directory name, oldest run first; a journal that cannot be read names none."""
    found = []
    for run in reversed(run_ids(runs)):
        place = first.detail.get("audit") if (first := opening(runs, run)) else None
        if place:
            found.append(Anchor(int(place["seq"]), str(place["hash"]), f"run {run}"))
    return found


def _differs(anchor: Anchor) -> str:
    return f"{anchor.source} saw another entry {anchor.seq} than the audit has"
