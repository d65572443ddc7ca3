"""Reports and decisions on HQ's disk, each report in `reviews/<milestone>/<time>-<digest>/` as JSON and as a page."""

import json
from pathlib import Path

from noc.fleet.files import replace
from noc.fleet.model import Fleet
from noc.runs.review.decision import Decision, holds
from noc.runs.review.errors import NoReport
from noc.runs.review.report import Report, write_html

REPORT, PAGE, DECISION = "report.json", "report.html", "decision.json"


class Shelf:
    """Where reports are kept. Nothing is ever removed or replaced but a decision by a newer one of the same report."""

    def __init__(self, directory: Path) -> None:
        """Use a directory; it is made with the first report."""
        self._directory = directory

    def put(self, report: Report) -> Path:
        """Keep a report, and return the directory that holds it."""
        place = self._directory / report.milestone / f"{report.ended:%Y%m%dT%H%M%SZ}-{report.digest[:16]}"
        place.mkdir(parents=True, exist_ok=True)
        write_html(report, place / PAGE)
        replace(place / REPORT, report.model_dump_json(indent=2) + "\n")
        return place

    def newest(self, milestone: str) -> Report | None:
        """The newest report of a milestone, None where none is kept."""
        places = self._places(milestone)
        return _read(places[0]) if places else None

    def find(self, milestone: str, digest: str = "") -> tuple[Path, Report]:
        """A report by the beginning of its digest, the newest for "", and where it lies. Raises NoReport."""
        for place in self._places(milestone):
            report = _read(place)
            if report.digest.startswith(digest):
                return place, report
        raise NoReport(f"no report of {milestone} is kept", fix=f"noc review {milestone}")

    def decide(self, place: Path, decision: Decision) -> None:
        """Keep a decision beside its report."""
        replace(place / DECISION, decision.model_dump_json(indent=2) + "\n")

    def decision(self, milestone: str, fleet: Fleet) -> Decision | None:
        """The newest decision on a milestone, whichever of its reports it is on; None where none holds any more.

        It is verified anew: a file that somebody wrote by hand is no decision, nor is one by somebody who was let go.
        """
        for place in self._places(milestone):
            path = place / DECISION
            if path.is_file():
                kept = Decision.model_validate(json.loads(path.read_text("utf-8")))
                return kept if holds(kept, _read(place), fleet) else None
        return None

    def _places(self, milestone: str) -> list[Path]:
        folder = self._directory / milestone
        return sorted((each.parent for each in folder.glob(f"*/{REPORT}")), reverse=True) if folder.is_dir() else []


def _read(place: Path) -> Report:
    return Report.model_validate_json((place / REPORT).read_text("utf-8"))
