"""A person's decision on a milestone, signed over the digest of the report that it rests on.

A name alone is no signature: the statement is signed with the SSH key that the fleet file gives to an approver, in a
namespace of its own (ssh-keygen(1), `-Y sign`), on the person's own machine.
"""

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from noc.fleet.model import Fleet, Person
from noc.release.errors import MalformedSignature
from noc.release.sshkeygen import is_signed_with
from noc.release.sshsig import parse_envelope
from noc.runs.review.errors import DecisionRefused
from noc.runs.review.report import Report

NAMESPACE = "noc-decision"
Word = Literal["go", "no-go"]


class Decision(BaseModel):
    """What a person decided.

    Attributes:
        milestone: its short name, "M3".
        digest: of the report that it rests on.
        word: go or no-go.
        person: whose key signed it.
        at: when it was taken in, UTC.
        signature: armoured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    milestone: str
    digest: str
    word: Word
    person: str
    at: datetime
    signature: str


def statement(report: Report, word: Word, fleet: Fleet) -> str:
    """What a person signs: lines of `name: value`, with a newline at the end."""
    facts = {
        "fleet": f"{fleet.name} ({fleet.domain})",
        "milestone": report.milestone,
        "report": report.digest,
        "looked at": report.ended.astimezone(UTC).isoformat(),
        "lines": f"{sum(line.passed for line in report.lines)} of {len(report.lines)} passed",
    }
    lines = [f"{name}: {value}" for name, value in facts.items()]
    return "\n".join([f"I decide {word.upper()}.", *lines, ""])


def decide(report: Report, word: Word, fleet: Fleet, armoured: str, now: datetime) -> Decision:
    """Take a decision in.

    Args:
        report: what it rests on.
        word: what was decided.
        fleet: whose approvers may decide.
        armoured: the signature of the statement, as `ssh-keygen -Y sign` writes it.
        now: the time, UTC.

    Raises:
        DecisionRefused: the signature is none, of nobody who may decide, for another purpose, or over something else;
            or a report with a line that did not pass is to be a go.
        TimedOut: ssh-keygen did not answer.
    """
    if word == "go" and not report.go:
        open_lines = [line.name for line in report.lines if not line.passed]
        raise DecisionRefused(
            f"{report.milestone} cannot be a go",
            why=f"not passed: {', '.join(open_lines) or 'it has no lines'}",
            fix="mend that, or accept it in fleet.toml under [[accepted]], and review again; or decide no-go",
        )
    person = _approver(fleet, armoured)
    assert person.ssh_key is not None
    said = statement(report, word, fleet).encode()
    if not is_signed_with(said, armoured, person.name, person.ssh_key, NAMESPACE):
        raise DecisionRefused(
            f"the signature by {person.name} does not fit this report and {word}",
            why="it was made for another report, for another decision, or for another purpose",
            fix=f"noc review {report.milestone} --statement {word} prints what is to be signed",
        )
    return Decision(
        milestone=report.milestone, digest=report.digest, word=word, person=person.name, at=now, signature=armoured
    )


def holds(decision: Decision, report: Report, fleet: Fleet) -> bool:
    """Whether a decision that was kept is still one: of this report, by a key of somebody who may decide."""
    try:
        again = decide(report, decision.word, fleet, decision.signature, decision.at)
    except DecisionRefused:
        return False
    return again == decision


def _approver(fleet: Fleet, armoured: str) -> Person:
    try:
        key = parse_envelope(armoured.encode(errors="replace"), "what was sent", "").public_key
    except MalformedSignature as error:
        raise DecisionRefused(error.what, why=error.why, fix="ssh-keygen -Y sign makes one") from None
    for person in fleet.people:
        if person.role == "approver" and person.ssh_key and person.ssh_key.split()[1] == key:
            return person
    raise DecisionRefused(
        "the signature's key belongs to no approver of fleet.toml",
        fix="an approver signs, with the ssh_key that [[people]] gives to that person",
    )
