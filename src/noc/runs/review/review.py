"""A review from its beginning to its report, and the decision on it."""

from datetime import UTC, datetime
from typing import Any

from noc.runs.review.decision import Word, decide, statement
from noc.runs.review.look import look
from noc.runs.review.milestones import milestone
from noc.runs.review.report import Report
from noc.runs.review.shelf import Shelf
from noc.runs.site.site import Site


async def review(site: Site, name: str) -> Report:
    """Review a milestone against the fleet as it is, and keep the report.

    Raises:
        NoMilestone: there is none of that name.
    """
    asked, started = milestone(name), datetime.now(UTC)
    shelf = Shelf(site.paths.reviews)
    seen = await look(site, shelf)
    report = Report(
        milestone=asked.name,
        title=asked.title,
        setting=tuple(f"{each}: left out, {reason}" for each, reason in seen.left_out.items()),
        started=started,
        ended=datetime.now(UTC),
        lines=asked.judge(seen),
    )
    shelf.put(report)
    return report


def what_to_sign(site: Site, name: str, word: Word, digest: str = "") -> str:
    """The statement for a decision on a report that is kept. Raises NoMilestone, NoReport."""
    _, report = Shelf(site.paths.reviews).find(milestone(name).name, digest)
    return statement(report, word, site.fleet)


def take_decision(site: Site, name: str, word: Word, signature: str, digest: str = "") -> dict[str, Any]:
    """Take in a signed decision, and keep it beside its report.

    Returns:
        The decision as a document.

    Raises:
        NoMilestone, NoReport: there is nothing to decide on.
        DecisionRefused: see `noc.runs.review.decision.decide`.
    """
    shelf = Shelf(site.paths.reviews)
    place, report = shelf.find(milestone(name).name, digest)
    made = decide(report, word, site.fleet, signature, datetime.now(UTC))
    shelf.decide(place, made)
    return made.model_dump(mode="json")
