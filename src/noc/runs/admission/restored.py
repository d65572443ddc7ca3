"""What a restore leaves for the runner: nothing begins before every node was asked for its fence."""

from contextlib import suppress
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from noc.fleet.files import replace
from noc.fleet.model import Name
from noc.fleet.shares import MOST_NODES
from noc.runs.admission.errors import RestoredUnreadable
from noc.runs.record.chain import sync_directory

GENERATION = 1_000_000
"""Fence numbers of an HQ that was restored begin at the next multiple: the HQ that it replaces never comes that far."""
BELIEVED = 2**53 - GENERATION
"""No HQ lives long enough to give a higher number: a node that says so does not speak the truth."""
_MAX_BYTES = 128 * 1024


class Restored(BaseModel):
    """A restore that is not through yet.

    Attributes:
        at: when HQ was restored.
        backup: of which time the backup was.
        fence: the last number that the old HQ had given by then.
        without: nodes that a person goes on without.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: AwareDatetime
    backup: AwareDatetime
    fence: int = Field(ge=0)
    without: tuple[Name, ...] = Field(default=(), max_length=MOST_NODES)


def read_restored(path: Path) -> Restored | None:
    """The restore that is not through yet; None where nothing is open.

    Raises:
        RestoredUnreadable: the file is there and cannot be understood.
    """
    try:
        with path.open("rb") as file:
            return Restored.model_validate_json(file.read(_MAX_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        fix = f"noc lease --above N, with N above the fence of every node, then remove {path}"
        raise RestoredUnreadable(f"{path} cannot be read", why=type(error).__name__, fix=fix) from None


def go_without(path: Path, nodes: tuple[str, ...]) -> None:
    """Note that a person goes on without nodes; nothing where no restore is open. Raises RestoredUnreadable."""
    if (open_restore := read_restored(path)) is not None:
        together = tuple(sorted({*open_restore.without, *nodes}))
        replace(path, open_restore.model_copy(update={"without": together}).model_dump_json() + "\n")


def settle(path: Path) -> None:
    """The restore is through."""
    with suppress(FileNotFoundError):
        path.unlink()
        sync_directory(path.parent)


def next_generation(highest: int) -> int:
    """The number from which a restored HQ counts on.

    Args:
        highest: that any node or the backup knows of.
    """
    return (highest // GENERATION + 1) * GENERATION
