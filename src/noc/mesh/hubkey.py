"""What runner and root say to each other about HQ's tunnel key: public halves alone, a small file each way."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from noc.fleet.files import replace

LONGEST_TRIAL_S = 120.0
MAX_BYTES = 4096

Said = TypeVar("Said", bound=BaseModel)
Public = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]


class Asked(BaseModel):
    """What the runner asks root for.

    Attributes:
        key: public half of the key that is to be in the tunnel.
        trial: names one trial, so that one that is over is not begun again.
        within_s: seconds after which root goes back by itself.
        keep: the key stays for good, and the one before is given up.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Public
    trial: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,80}$")]
    within_s: Annotated[float, Field(gt=0, le=LONGEST_TRIAL_S)] = LONGEST_TRIAL_S
    keep: bool = False


class Told(BaseModel):
    """What root tells everybody.

    Attributes:
        in_use: public half of the key that is in the tunnel.
        current: of the one that HQ has for good.
        next: of the one beside it, None where there is none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_use: Public
    current: Public
    next: Public | None = None


def read_asked(path: Path) -> Asked | None:
    """What the runner asks for; None where there is no such file, or it makes no sense."""
    return _read(path, Asked)


def read_told(path: Path) -> Told | None:
    """What root tells; None where there is no such file, or it makes no sense."""
    return _read(path, Told)


def _read(path: Path, kind: type[Said]) -> Said | None:
    with suppress(OSError, ValidationError), path.open("rb") as file:
        return kind.model_validate_json(file.read(MAX_BYTES))
    return None


def write(path: Path, said: Asked | Told) -> None:
    """Write either whole, on the disk when this returns."""
    replace(path, json.dumps(said.model_dump()) + "\n")
