"""A plan that waits for somebody to agree, as it lies in the store.

One deadline holds for a request and for the approval that it gets: `expires` seconds after the plan was asked for. A
plan rests on what the fleet was then, so that approving it late does not make it younger.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

from noc.runs.plan.plan import Plan

_CLOCK_BACK = timedelta(minutes=1)


class State(StrEnum):
    """Where a request is in its life; it never goes back."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    USED = "used"
    EXPIRED = "expired"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Approval(_Part):
    """That somebody agreed.

    Attributes:
        by: the person.
        login: who was logged in.
        at: when, UTC.
        key: fingerprint of the key that signed, "" without a signature.
    """

    by: str
    login: str
    at: AwareDatetime
    key: str = ""


class Denial(_Part):
    """That somebody did not."""

    by: str
    at: AwareDatetime
    reason: str


class Use(_Part):
    """The run that an approval was used for."""

    run: str
    at: AwareDatetime


class Request(_Part):
    """A plan that waits for somebody to agree, and what became of it.

    Attributes:
        plan: what is asked for; an approval is one of this plan, by its digest.
        requester: the login that asked.
        at, expires: when, and until when it may be approved and used, UTC.
        approval, denial, use: what happened since.
    """

    plan: Plan
    requester: str
    at: AwareDatetime
    expires: AwareDatetime
    approval: Approval | None = None
    denial: Denial | None = None
    use: Use | None = None

    def state(self, now: datetime) -> State:
        """Where it is. A clock that went back behind the request makes nothing young again: that is expired, too."""
        if self.use:
            return State.USED
        if self.denial:
            return State.DENIED
        if now >= self.expires or now < self.at - _CLOCK_BACK:
            return State.EXPIRED
        return State.APPROVED if self.approval else State.PENDING

    @property
    def name(self) -> str:
        """What is asked for, as sentences call it: `deploy 1.4.2 (build 7) to 3 nodes (four words of phrase)`."""
        return f"{self.plan.label()} ({self.plan.phrase})"
