"""What drills on the lab's hosts came to, and what they refuse."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from noc.cli.pilot import app
from noc.errors import Usage
from noc.lab.drilling import Drilled
from noc.lab.hqlost import Phase

IN_TIME, LATE = Phase("restored", 12.0, 300.0), Phase("restored", 301.0, 300.0)


@pytest.mark.parametrize(
    ("verdicts", "phase", "held"),
    [
        (("held", "not done"), IN_TIME, True),
        (("held", "missed"), IN_TIME, False),
        (("held", "held"), LATE, False),
    ],
)
def test_a_promise_that_was_not_kept_fails_all_and_what_a_lab_cannot_do_does_not(
    verdicts: tuple[str, str], phase: Phase, held: bool
) -> None:
    done = Drilled(tuple({"fault": "kill", "verdict": verdict} for verdict in verdicts), (phase,))
    assert (done.held, done.as_document()["held"]) == (held, held)


@pytest.mark.parametrize("options", [("--cloud", "--nodes", "4"), ("--nodes", "19")], ids=" ".join)
def test_drills_take_machines_of_the_lab_and_two_more(options: tuple[str, ...], tmp_path: Path) -> None:
    dist = tmp_path / "noc.run"
    dist.touch()
    result = CliRunner().invoke(app, ["--drills", "--dist", str(dist), *options])
    assert isinstance(result.exception, Usage)
