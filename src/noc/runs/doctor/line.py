"""One finding of the doctor."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

State = Literal["ok", "due", "wrong"]


@dataclass(frozen=True)
class Line:
    """Something that is looked after.

    Attributes:
        subject: whose it is: a node, HQ's name, or "fleet".
        what: in the field's words: "backup", "push-token", "second place".
        state: in order; to be done soon; wrong now.
        says: what was seen, in one line.
        fix: what to do, "" where nothing is.
        at: when it was last done, UTC; None where that is not known.
        due: when it has to be done again, UTC; None where nothing ends.
    """

    subject: str
    what: str
    state: State
    says: str
    fix: str = ""
    at: datetime | None = None
    due: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: times in ISO 8601, UTC."""
        times = {"at": self.at.isoformat() if self.at else None, "due": self.due.isoformat() if self.due else None}
        return {
            "subject": self.subject,
            "what": self.what,
            "state": self.state,
            "says": self.says,
            "fix": self.fix,
            **times,
        }
