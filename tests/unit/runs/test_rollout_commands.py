"""`noc rollback`, `noc run resume` and `noc runs` as an operator gives them, against a runner on a real socket."""

import json

import pytest

from command_kit import noc
from noc.fleet.inventory import load_inventory
from noc.fleet.load import load
from noc.runs.plan.planners import plan_deploy, plan_keygen
from noc.runs.record.events import State
from noc.runs.record.journal import Journal, read
from noc.runs.record.run import Run
from noc.runs.runner.history import close_cut_runs
from runner_house import House
from runs_kit import NAMES, NOW, manifest

CUT = "20260301T120000000-00ff"


@pytest.fixture
def cut(house: House) -> str:
    """A rollout that was cut while a node was in hand, and closed by the next runner."""
    fleet, inventory = load(house.paths.fleet), load_inventory(house.paths.fleet)
    journal = Journal.create(house.paths.runs, CUT)
    run = Run(plan_deploy(fleet, inventory, manifest(), ["all"], NOW), "james", 1, journal)
    run.record("preflight", State.OK, "virginia", running="a" * 64, before="1.0.0 (1)")
    run.record("stage", State.OK, "virginia", bytes=1000)
    run.record("activate", State.STARTED, "virginia", order=CUT)
    journal.close()
    close_cut_runs(house.paths.runs)
    return CUT


def test_a_rollback_without_an_argument_is_of_all_nodes(house: House) -> None:
    _, out, _ = noc(house, "rollback", "--plan", "--json")
    plan = json.loads(out)
    assert (plan["action"], plan["nodes"], plan["release"]) == ("rollback", list(NAMES), None)
    assert plan["options"]["restore_data"] is False


def test_a_rollback_can_be_of_some_and_of_their_data(house: House) -> None:
    _, out, _ = noc(house, "rollback", "frankfurt", "--restore-data", "--batch", "3", "--plan", "--json")
    plan = json.loads(out)
    assert (plan["nodes"], plan["options"]["restore_data"], plan["rules"]["batch"]) == (["frankfurt"], True, 3)


def test_a_batch_can_be_a_share_and_waves_can_go_region_by_region(house: House) -> None:
    _, out, _ = noc(house, "rollback", "--batch", "67%", "--waves", "region", "--plan", "--json")
    plan = json.loads(out)
    assert (plan["rules"]["batch"], plan["rules"]["waves"], plan["regions"]) == (2, "region", ["US"] * 3)


def test_a_share_that_is_none_is_a_wrong_use(house: House) -> None:
    status, _, err = noc(house, "rollback", "--batch", "0%", "--plan")
    assert status == 2
    assert "a share of them" in err


def test_a_run_that_was_cut_says_which_command_goes_on(house: House, cut: str) -> None:
    last = read(house.paths.runs, cut)[-1]
    assert last.detail["error"]["fix"].startswith(f"noc run resume {cut}: ")
    rows = last.detail["verdicts"]
    assert [row["verdict"] for row in rows] == ["interrupted", "untouched", "untouched"]
    assert (rows[0]["before"], rows[0]["now"]) == ("1.0.0 (1)", "")


def test_a_run_that_was_cut_is_gone_on_with_and_followed(house: House, cut: str) -> None:
    house.let_go()
    status, out, err = noc(house, "run", "resume", cut)
    assert status == 0
    assert f"run {cut}" in out
    assert "gone on with by" in err
    assert [event.step for event in read(house.paths.runs, cut)].count("resumed") == 1


def test_what_cannot_be_gone_on_with_is_exit_code_2(house: House) -> None:
    fleet, inventory = load(house.paths.fleet), load_inventory(house.paths.fleet)
    journal = Journal.create(house.paths.runs, CUT)
    Run(plan_keygen(fleet, inventory, ["frankfurt"], NOW), "james", 1, journal)
    journal.close()
    status, _, err = noc(house, "run", "resume", "last")
    assert status == 2
    assert "E555" in err


def test_runs_is_the_short_form_of_the_list(house: House, cut: str) -> None:
    long, short = noc(house, "run", "list", "--json"), noc(house, "runs", "--json")
    assert short == long
    assert json.loads(short[1])["runs"][0]["run"] == cut
