"""Whether another HQ has taken over: one that was restored counts fences in a higher generation, and nodes tell."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from noc.fleet.files import replace
from noc.runs.admission.errors import AnotherHq
from noc.runs.admission.fence import last_fence
from noc.runs.admission.restored import BELIEVED, GENERATION
from noc.runs.record.chain import sync_directory

_MAX_BYTES = 64 * 1024


class Whose(StrEnum):
    """Whose the fleet is, by what nodes say."""

    OURS = "ours"
    ANOTHERS = "another's"
    UNKNOWN = "unknown"


def whose(own: int, said: Mapping[str, int], asked: int) -> Whose:
    """Judge by the fences of nodes. One node that lies does not make HQ step down.

    Args:
        own: the last number that this HQ gave.
        said: what nodes say, those that answered.
        asked: how many were asked.

    Returns:
        Another's only where all that answered have seen a higher generation, and they are at least half of the fleet.
    """
    if not said or 2 * len(said) < asked:
        return Whose.UNKNOWN
    higher = [own // GENERATION < number // GENERATION and number <= BELIEVED for number in said.values()]
    return Whose.ANOTHERS if all(higher) else Whose.OURS


class Superseded(BaseModel):
    """Another HQ has acted on the fleet.

    Attributes:
        at: when that was seen.
        own: the last fence number of this HQ by then.
        seen: what nodes have seen, by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: AwareDatetime
    own: int
    seen: dict[str, int] = Field(min_length=1)

    @property
    def words(self) -> str:
        """It in one line."""
        nodes = ", ".join(sorted(self.seen))
        return f"fence {max(self.seen.values())} was seen by {nodes}, the highest that this HQ ever gave is {self.own}"


def read_superseded(path: Path) -> Superseded | None:
    """What was noted; None where this HQ is the one. A file that makes no sense is as good as none."""
    with suppress(OSError, ValidationError), path.open("rb") as file:
        return Superseded.model_validate_json(file.read(_MAX_BYTES))
    return None


def note_superseded(path: Path, own: int, seen: Mapping[str, int], now: datetime) -> None:
    """Write down that another HQ has acted."""
    replace(path, Superseded(at=now, own=own, seen=dict(seen)).model_dump_json() + "\n")


def withdraw(path: Path) -> None:
    """This HQ is the one."""
    with suppress(FileNotFoundError):
        path.unlink()
        sync_directory(path.parent)


def check_ours(path: Path, fence: Path) -> None:
    """Go on only where no other HQ has taken over, or a person has said that this one is to go on.

    Args:
        path: where it is noted.
        fence: the file of the fence numbers.

    Raises:
        AnotherHq: with what nodes have seen, and what to do.
        FenceUnreadable: that file holds something else.
    """
    found = read_superseded(path)
    if found is None:
        return
    highest = max(found.seen.values())
    if last_fence(fence) >= highest:
        withdraw(path)
        return
    raise AnotherHq(
        "another HQ has acted on the fleet",
        why=f"{found.words}: HQ was restored on another machine",
        fix=f"switch this machine off; only if the other one is gone for good: noc lease --above {highest}",
    )
