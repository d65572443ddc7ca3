"""A review: the acceptance lines of a milestone, each with its verdict and its evidence, and the go or no-go.

The report is data first; the terminal, JSON and the self-contained page are three ways to show the same object.
"""

import hashlib
import json
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Verdict(StrEnum):
    """What a check found. A check that could not run is no pass."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


class Evidence(BaseModel):
    """One observation: what was looked at, and what was seen there, as text."""

    model_config = ConfigDict(frozen=True)

    label: str
    value: str


class Line(BaseModel):
    """One acceptance line of a milestone."""

    model_config = ConfigDict(frozen=True)

    name: str
    accepted_when: str
    verdict: Verdict
    summary: str
    evidence: tuple[Evidence, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it was looked at and found well."""
        return self.verdict is Verdict.PASSED


class Report(BaseModel):
    """A whole review of one milestone.

    Attributes:
        milestone: its short name, "M3".
        title: what the milestone is.
        setting: what differs from the real fleet, in words, so that nobody reads a rehearsal as the real thing.
        started, ended: UTC.
        lines: in the order of the plan.
    """

    model_config = ConfigDict(frozen=True)

    milestone: str
    title: str
    setting: tuple[str, ...]
    started: datetime
    ended: datetime
    lines: tuple[Line, ...]

    @property
    def go(self) -> bool:
        """True only if there are lines, and every one passed."""
        return bool(self.lines) and all(line.passed for line in self.lines)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the report's canonical JSON: what a person decides on."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def as_document(self) -> dict[str, object]:
        """The report for `--json`, with its decision and digest."""
        return {**self.model_dump(mode="json"), "go": self.go, "digest": self.digest}


def write_html(report: Report, path: Path) -> None:
    """Write the report as one HTML file without any outside asset."""
    from jinja2 import Environment, PackageLoader  # noqa: PLC0415 - heavy, and only reviews need it

    environment = Environment(loader=PackageLoader("noc.runs.review"), autoescape=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(environment.get_template("review.html").render(report=report, written=datetime.now(UTC)))
