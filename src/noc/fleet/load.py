"""Reading `fleet.toml`: all of its problems at once, each with its line and what mends it."""

from pathlib import Path

from noc.fleet.checks import CHECKS
from noc.fleet.document import read_document, validate
from noc.fleet.errors import FleetProblems
from noc.fleet.model import Fleet


def load(directory: Path) -> Fleet:
    """Read and check the fleet file of a fleet directory.

    Args:
        directory: the fleet directory; its `fleet.toml` is read.

    Raises:
        FleetProblems: the file has mistakes; all of them are in it.
        FileUnreadable: the file is missing, too large or not UTF-8.
    """
    document = read_document(directory / "fleet.toml")
    fleet, problems = validate(document, Fleet)
    problems += [problem for check in CHECKS for problem in check(document)]
    if fleet is None or problems:
        raise FleetProblems(document.file, problems)
    return fleet
