"""A lease as it is written down: who holds it, what for, how fresh it is, and whether it stands."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from noc.runs.admission.clock import lasting, told
from noc.runs.admission.errors import LeaseUnreadable
from noc.runs.admission.holder import Holder, uptime

_MAX_BYTES = 64 * 1024


class Standing(StrEnum):
    """Whether a lease keeps others out."""

    HELD = "held"
    EXPIRED = "expired"
    GONE = "gone"


class Grant(BaseModel):
    """What the file says.

    Attributes:
        holder: the process that may act.
        what: what it does, in words.
        run: the run's id.
        fence: its number; nodes refuse a lower one than they have seen.
        acquired, heartbeat, expires: for people, by a clock that may be set meanwhile.
        beat: the heartbeat by `uptime`, which decides.
        ttl_s: seconds without a heartbeat after which another may take it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    holder: Holder
    what: str
    run: str
    fence: int = Field(ge=1)
    acquired: AwareDatetime
    heartbeat: AwareDatetime
    expires: AwareDatetime
    beat: float
    ttl_s: float = Field(gt=0)

    @property
    def age_s(self) -> float:
        """Seconds since the last heartbeat; of no meaning after the machine started anew."""
        return uptime() - self.beat

    @property
    def standing(self) -> Standing:
        """Whether it keeps others out at this moment."""
        if self.holder.is_gone():
            return Standing.GONE
        return Standing.EXPIRED if self.age_s > self.ttl_s else Standing.HELD


def read_lease(path: Path) -> Grant | None:
    """The lease that a file holds, whether or not it still stands; None where there is none.

    Raises:
        LeaseUnreadable: there is something else in it.
        PermissionError: it is not ours to read.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES)
        return Grant.model_validate_json(text)
    except FileNotFoundError:
        return None
    except ValidationError as error:
        fix = f"once no run is under way (noc run list, systemctl status noc-runner): rm {path}"
        raise LeaseUnreadable(f"{path} holds no lease", why="it was changed, or damaged", fix=fix) from error


def explain(grant: Grant | None, now: datetime) -> str:
    """One sentence: who holds the lease since when, for what, how fresh, and what one can do.

    Args:
        grant: as `read_lease` found it.
        now: the present; times are told in its zone, UTC beside it.
    """
    if grant is None:
        return "nobody holds the lease: a run may begin"
    advice = {
        Standing.HELD: f"follow it with noc run show {grant.run} --follow, or stop it with noc halt",
        Standing.EXPIRED: "the next run takes over",
        Standing.GONE: "the next run takes over at once",
    }
    return f"{situation(grant, now)}; {advice[grant.standing]}"


def situation(grant: Grant, now: datetime) -> str:
    """The sentence without what one can do."""
    whose = f"{grant.holder.user}'s run {grant.run} ({grant.what}, fence {grant.fence})"
    since = told(grant.acquired.astimezone(now.tzinfo))
    process, silent = f"process {grant.holder.pid} on {grant.holder.host}", lasting(grant.age_s)
    match grant.standing:
        case Standing.GONE:
            return f"{whose} took the lease at {since}, but its {process} is gone"
        case Standing.EXPIRED:
            return f"{whose} let its lease expire: {process} is silent for {silent}, {grant.ttl_s:g} s are allowed"
        case Standing.HELD:
            left = lasting(grant.ttl_s - grant.age_s)
            return f"{whose} holds the lease since {since}, heartbeat {silent} ago, expires in {left}"


def describe(grant: Grant | None, now: datetime) -> dict[str, Any]:
    """The same as a document: lease (None where nobody holds it), standing (free, held, expired, gone), explanation."""
    return {
        "lease": grant.model_dump(mode="json") if grant else None,
        "standing": grant.standing.value if grant else "free",
        "explanation": explain(grant, now),
    }
