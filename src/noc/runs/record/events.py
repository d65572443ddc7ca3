"""The record of one thing that happened in a run. Journal, clients and pages all see this one shape."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

RUN = "run"
"""The step of a run's first and last record."""
RESUMED = "resumed"
"""The step of the record with which a run that was cut goes on; what was its last record is that no more."""


class State(StrEnum):
    """What a record says of its step."""

    STARTED = "started"
    PROGRESS = "progress"
    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


class Event(BaseModel):
    """One record.

    Attributes:
        seq: its number in the run, from 1 without a gap.
        at: when it was written, UTC.
        run: the run's id.
        node: the node that it concerns, None for the run as a whole.
        step: the step's name, `run` for the first and the last record.
        state: what it says of that step.
        detail: facts to go with it; never a secret.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seq: int
    at: datetime
    run: str
    node: str | None
    step: str
    state: State
    detail: dict[str, Any] = {}

    @property
    def is_last(self) -> bool:
        """Whether this record ends its run."""
        return self.step == RUN and self.state in (State.OK, State.FAILED)


class Verdict(BaseModel):
    """What became of one node: the row of the table that every run ends with.

    Attributes:
        node: its name.
        before: what it ran or was before, "" where unknown.
        now: what it runs or is now.
        verdict: one word or a short phrase: confirmed, unchanged, rolled-back, untouched, live, failed …
        good: whether it is what the plan wanted.
        why: the reason where it is not, "" otherwise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    node: str
    before: str
    now: str
    verdict: str
    good: bool = False
    why: str = ""
