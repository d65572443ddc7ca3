"""What a preflight finds: each a fact with what mends it, and what a person has accepted, never taken for passed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from noc.fleet.model import Accepted


class Standing(StrEnum):
    """How a finding stands. What nobody could look at is no pass."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"


@dataclass(frozen=True)
class Finding:
    """One thing that can stop a launch.

    Attributes:
        subject: a node, `account`, `fleet` or HQ's name: what an acceptance in the fleet file names.
        check: what was looked at, in a word or two.
        standing: how it stands.
        seen: what was seen, in words.
        fix: what mends it, "" where it passed.
        accepted: the acceptance that covers it, None for none.
    """

    subject: str
    check: str
    standing: Standing
    seen: str
    fix: str = ""
    accepted: Accepted | None = None

    @property
    def stops(self) -> bool:
        """Whether it stands in the way."""
        return self.standing in (Standing.FAILED, Standing.UNKNOWN)

    def as_dict(self) -> dict[str, Any]:
        """The finding for `--json`."""
        accepted = self.accepted.model_dump() if self.accepted else None
        return {**vars(self), "accepted": accepted}


def passed(subject: str, check: str, seen: str) -> Finding:
    """All is well."""
    return Finding(subject, check, Standing.PASSED, seen)


def failed(subject: str, check: str, seen: str, fix: str) -> Finding:
    """Something stands in the way."""
    return Finding(subject, check, Standing.FAILED, seen, fix)


def unknown(subject: str, check: str, seen: str, fix: str) -> Finding:
    """Nobody can say."""
    return Finding(subject, check, Standing.UNKNOWN, seen, fix)


def accept(findings: Iterable[Finding], accepted: Iterable[Accepted], today: date) -> list[Finding]:
    """The same findings, with those that a person has taken responsibility for shown as that until their day.

    Args:
        findings: what was found.
        accepted: of the fleet file; `what` names a node, or a check that is not a node's, such as `ceiling`.
        today: an acceptance holds on its last day, and not on the next.
    """
    held = {each.what: each for each in accepted if date.fromisoformat(each.until) >= today}

    def one(finding: Finding) -> Finding:
        found = held.get(finding.subject) or held.get(finding.check)
        if found is None or not finding.stops:
            return finding
        return replace(finding, standing=Standing.ACCEPTED, accepted=found)

    return [one(finding) for finding in findings]
