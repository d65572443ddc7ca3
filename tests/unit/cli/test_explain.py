"""Every error has a code of its own in its room's range, and an explanation."""

import json

import pytest
from typer.testing import CliRunner

from noc.cli.explain import all_errors, app, catalogue
from noc.errors import NocError

RANGES = {"noc.errors": "E0", "fleet": "E1", "mesh": "E2", "cloud": "E2", "hosts": "E3", "release": "E4", "runs": "E5"}
RANGES |= {"watch": "E6", "lab": "E7", "hub": "E8", "agent": "E8", "demo": "E9", "backup": "E4", "placement": "E8"}
DAY_TWO = ("backup", "rotation", "removal", "diagnosis", "drill", "doctor", "tenants")
"""Rooms of the runs whose errors are E75x to E79x, since E5xx is full."""
KNOWN = catalogue()
ERRORS = sorted({cls for cls in all_errors(NocError) if cls.__module__.startswith("noc.")}, key=lambda cls: cls.code)


def test_no_two_errors_share_a_code() -> None:
    codes = [cls.code for cls in ERRORS]
    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_has_a_code_of_its_room_and_an_explanation(error: type[NocError]) -> None:
    _, room, part, *_ = *error.__module__.split("."), ""
    late = room == "runs" and part in DAY_TWO
    assert error.code.startswith("E7" if late else RANGES["noc.errors" if room == "errors" else room])
    assert "__doc__" in vars(error)
    assert vars(error)["__doc__"]


def test_json_explains_the_code_that_was_asked_for() -> None:
    (found,) = json.loads(CliRunner().invoke(app, ["noc-e101", "--json"]).stdout)["errors"]
    assert (found["code"], found["name"]) == ("NOC-E101", "FleetProblems")


def test_without_a_code_all_are_listed_a_line_each() -> None:
    assert len(CliRunner().invoke(app, []).stdout.splitlines()) == 1 + len(KNOWN)
