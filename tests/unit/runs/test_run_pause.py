"""`noc run pause`: a run that is under way ends at its next step, whoever follows it."""

import json

import pytest

from command_kit import noc
from noc.runs.record.journal import read
from runner_house import House


@pytest.fixture
def run(house: House) -> str:
    """A run that is under way, and that nobody follows."""
    plan = house.client.ask("plan", action="keygen", nodes=["frankfurt"])["plan"]
    name, events = house.client.start(plan)
    next(events)
    events.close()
    return name


@pytest.mark.parametrize("named", ["last", "digits", "id"])
def test_a_run_is_paused_by_any_of_its_names(house: House, run: str, named: str) -> None:
    wanted = {"last": "last", "digits": run[-4:], "id": run}[named]
    status, out, _ = noc(house, "run", "pause", wanted)
    assert (status, out.split()[:2]) == (0, ["run", run])
    assert [event.step for event in house.client.follow(run)][-1] == "run"
    assert read(house.paths.runs, run)[-1].detail["verdicts"][0]["good"] is False


def test_it_is_told_as_one_document(house: House, run: str) -> None:
    assert json.loads(noc(house, "run", "pause", run, "--json")[1]) == {"run": run}


def test_a_run_that_is_over_cannot_be_paused(house: House, run: str) -> None:
    house.let_go()
    assert [event.step for event in house.client.follow(run)][-1] == "run"
    status, _, err = noc(house, "run", "pause", run)
    assert status == 4
    assert "is not under way" in err
