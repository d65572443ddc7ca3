"""What is written down of rehearsed restores: one line of JSON each, beside the node's backups."""

from pathlib import Path
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from noc.backup.files import read, write

FILE: Final = "rehearsals.jsonl"
MOST: Final = 500
"""So many stay."""
_MAX_BYTES = 2 * 1024 * 1024


class Rehearsal(BaseModel):
    """One rehearsed restore.

    Attributes:
        at: when, UTC.
        backup: the backup's name.
        ok: whether what came out was what had been backed up.
        seconds: how long it took, from the first chunk to the last row.
        tables, rows: what was counted; 0 where it did not come to that.
        by: who asked for it.
        why: what was wrong, "" where nothing was.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: AwareDatetime
    backup: Annotated[str, Field(max_length=40)]
    ok: bool
    seconds: Annotated[float, Field(ge=0)]
    tables: Annotated[int, Field(ge=0)] = 0
    rows: Annotated[int, Field(ge=0)] = 0
    by: Annotated[str, Field(max_length=100)]
    why: Annotated[str, Field(max_length=1000)] = ""


def rehearsals(directory: Path) -> tuple[Rehearsal, ...]:
    """Those of a node, the newest first; lines that cannot be read are left out.

    Args:
        directory: of the node's backups.

    Raises:
        BackupError: the system refused.
    """
    path = directory / FILE
    if not path.exists():
        return ()
    found = []
    for line in read(path, _MAX_BYTES).decode("utf-8", "replace").splitlines():
        try:
            found.append(Rehearsal.model_validate_json(line))
        except ValidationError:
            continue
    return tuple(reversed(found))


def add(directory: Path, rehearsal: Rehearsal) -> None:
    """Write one down, durably; the oldest go beyond MOST. Raises NoRoom, BackupError."""
    known = (*reversed(rehearsals(directory)), rehearsal)[-MOST:]
    write(directory / FILE, "".join(f"{each.model_dump_json()}\n" for each in known).encode())
