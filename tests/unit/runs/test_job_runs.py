"""What HQ's schedule may ask of the runner: the runs of its jobs, planned by the runner itself, and nothing else."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from approval_kit import plan as kit_plan
from noc.errors import NocError, Usage
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.runs.admission.caller import Caller, check_known
from noc.runs.admission.errors import JobNotScheduled, NotApproved
from noc.runs.admission.permits import check_permitted
from noc.runs.admission.scheduled import check_standing
from noc.runs.errors import CallerRefused
from noc.runs.plan.plan import Options
from noc.runs.record.journal import read, run_ids
from noc.runs.runner import door
from runner_house import House

RUNNER = Caller(990, "noc-runner", frozenset({"noc"}))
SCHEDULE = '[[schedule]]\njob = "backup"\ncron = "40 3 * * *"\n'
FROZEN = '[[freeze]]\nfrom = "Mon 00:00"\nuntil = "Sun 23:59"\nzone = "UTC"\nreason = "nobody is here"\n'


@pytest.fixture
def headquarters(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A runner that takes whoever comes for its own user, as HQ's timers are; the schedule has the backup."""
    monkeypatch.setattr(door, "identify", lambda _connection: RUNNER)
    add(house, SCHEDULE)
    return house


def add(house: House, text: str) -> None:
    path = house.paths.fleet / "fleet.toml"
    path.write_text(f"{path.read_text()}\n{text}\n")


def refusal(house: House, job: str = "backup", action: str = "backup") -> NocError:
    with pytest.raises(NocError) as raised:
        house.client.job(job, action, wait_s=0)
    assert run_ids(house.paths.runs) == []
    return raised.value


def test_a_scheduled_job_begins_without_anybodys_command_and_says_by_what_right(headquarters: House) -> None:
    begun = headquarters.client.job("backup", "backup", wait_s=0)
    assert begun is not None
    headquarters.let_go()
    assert [event.step for event in begun[1]][-1] == "run"
    first = read(headquarters.paths.runs, begun[0])[0].detail
    assert (first["approved_by"], first["job"]) == ("[[schedule]] of fleet.toml", "backup")


def test_it_begins_also_where_the_fleet_file_wants_an_approval_for_every_run(headquarters: House) -> None:
    add(headquarters, '[approval]\nlow = "another"\nmedium = "another"\nhigh = "another"\n')
    headquarters.let_go()
    assert headquarters.client.job("backup", "backup", wait_s=0) is not None


@pytest.mark.parametrize("operation", ["plan", "start", "resume", "approve", "deny", "lift", "stop", "prune", "health"])
def test_the_runners_own_user_may_ask_for_nothing_else(headquarters: House, operation: str) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(headquarters.paths.runner_socket))
        connection.sendall(json.dumps({"op": operation, "action": "keygen", "nodes": ["all"]}).encode() + b"\n")
        answer = json.loads(connection.makefile().readline())
    assert answer["error"]["code"] == "NOC-E501"


@pytest.mark.parametrize("groups", [frozenset(), frozenset({"noc-operators"})])
def test_no_group_gives_the_runners_own_user_more(groups: frozenset[str]) -> None:
    caller = Caller(990, "noc-runner", groups)
    check_known(caller)
    check_permitted(caller, None, {"op": "job"})
    with pytest.raises(CallerRefused):
        check_permitted(caller, None, {"op": "start"})


def test_a_job_that_the_fleet_file_does_not_have_does_not_begin(headquarters: House) -> None:
    assert refusal(headquarters, "os-update", "os-update").code == "E539"


def test_a_job_stands_for_its_own_runs_alone(headquarters: House) -> None:
    assert refusal(headquarters, "backup", "reboot").code == Usage.code


def test_a_halt_keeps_a_job_from_beginning(headquarters: House) -> None:
    headquarters.runner.halt.set("johan", "")
    assert refusal(headquarters).code == "E541"


def test_a_freeze_keeps_the_weekly_update_from_beginning(headquarters: House) -> None:
    add(headquarters, '[[schedule]]\njob = "os-update"\ncron = "10 3 * * sun"\n' + FROZEN)
    assert refusal(headquarters, "os-update", "os-update").code == "E540"


def test_what_was_refused_stands_in_the_audit(headquarters: House) -> None:
    headquarters.runner.halt.set("johan", "")
    refusal(headquarters)
    text = headquarters.paths.audit.read_text()
    assert "job backup: backup" in text


@pytest.mark.skipif(os.geteuid() == 0, reason="root is HQ itself")
def test_people_are_told_the_command_instead(house: House) -> None:
    add(house, SCHEDULE)
    assert "noc backup run all" in refusal(house).fix


def test_a_look_is_answered_as_a_document(headquarters: House) -> None:
    add(headquarters, '[[schedule]]\njob = "certificates"\ncron = "10 7 * * *"\n')
    assert headquarters.client.ask("job", job="certificates")["look"]["pending"] == ["all"]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    text = (Path(__file__).parents[3] / "fleet" / "fleet.toml").read_text()
    (tmp_path / "fleet.toml").write_text(f"{text}\n{SCHEDULE}")
    return load(tmp_path)


@pytest.mark.parametrize(
    "more",
    [
        {"action": "deploy"},
        {"action": "backup", "options": Options(override_freeze="why not")},
        {"action": "backup", "options": Options(restore_data=True)},
        {"action": "backup", "configuration": True},
        {"action": "backup", "nodes": ("atlantis",)},
        {"action": "reboot"},
    ],
)
def test_the_standing_approval_covers_exactly_what_the_job_stands_for(fleet: Fleet, more: dict[str, Any]) -> None:
    base = kit_plan().model_copy(update={"action": "backup", "nodes": ("frankfurt",), "release": None})
    check_standing(base, "backup", fleet)
    with pytest.raises(NotApproved):
        check_standing(base.model_copy(update=more), "backup", fleet)


def test_the_standing_approval_ends_with_the_table(fleet: Fleet) -> None:
    base = kit_plan().model_copy(update={"action": "backup", "nodes": ("frankfurt",), "release": None})
    with pytest.raises(JobNotScheduled):
        check_standing(base, "backup", fleet.model_copy(update={"schedule": ()}))
