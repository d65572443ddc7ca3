"""The runner on a real Unix socket, with a real client; what its runs do is a short wait. See runner_house."""

import getpass
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from noc.errors import NocError
from noc.fleet.inventory import load_inventory
from noc.fleet.load import load
from noc.runs.admission.caller import Caller, check_known
from noc.runs.errors import CallerRefused, JournalBroken, RunnerAbsent
from noc.runs.paths import Paths
from noc.runs.plan.planners import plan_keygen
from noc.runs.record.events import RUN, State
from noc.runs.record.journal import Journal, read
from noc.runs.record.run import Run
from noc.runs.runner.client import Client
from noc.runs.runner.errors import NotResumable
from noc.runs.runner.history import close_cut_runs, summaries
from noc.runs.runner.resumable import resumable
from noc.runs.runner.view import View, advance
from noc.runs.site.credential import credential
from noc.runs.site.site import open_site
from runner_house import House, with_tunnels
from runs_kit import NOW


def a_plan(house: House) -> dict[str, Any]:
    return dict(house.client.ask("plan", action="keygen", nodes=["frankfurt"])["plan"])


def test_a_run_is_planned_started_and_followed_to_its_verdicts(house: House) -> None:
    run, events = house.client.start(a_plan(house))
    house.let_go()
    told = [(event.seq, event.step, event.state.value) for event in events]
    assert told == [(1, "run", "started"), (2, "switch", "started"), (3, "switch", "ok"), (4, "run", "ok")]
    assert read(house.paths.runs, run)[-1].detail["verdicts"][0]["verdict"] == "rotated"


def test_a_client_that_goes_away_leaves_the_run_running_and_finds_it_again(house: House) -> None:
    run, events = house.client.start(a_plan(house))
    assert next(events).step == "run"
    events.close()
    house.let_go()
    assert [event.seq for event in house.client.follow(run, after=1)] == [2, 3, 4]


def test_a_second_run_is_refused_and_told_who_does_what_since_when(house: House) -> None:
    plan = a_plan(house)
    _run, first = house.client.start(plan)
    next(first)
    with pytest.raises(NocError) as raised:
        house.client.start(plan)
    assert (raised.value.code, raised.value.exit_code) == ("E503", 7)
    assert f"{getpass.getuser()}'s run " in raised.value.why
    assert "(keygen frankfurt, fence 1) holds the lease since " in raised.value.why
    assert " UTC" in raised.value.why
    first.close()


def test_a_plan_that_was_changed_on_the_way_is_refused(house: House) -> None:
    with pytest.raises(NocError) as raised:
        house.client.start({**a_plan(house), "nodes": ["virginia"]})
    assert raised.value.code == "E504"


def test_runs_are_listed_and_shown_by_id_by_its_end_and_as_last(house: House) -> None:
    run, events = house.client.start(a_plan(house))
    house.let_go()
    list(events)
    assert [row["outcome"] for row in house.client.ask("list")["runs"]] == ["ok"]
    for name in (run, run[-4:], "last"):
        assert house.client.ask("show", run=name)["run"]["run"] == run


def test_health_is_answered_without_a_run(house: House) -> None:
    assert house.client.ask("health", nodes=["all"])["pending"] == ["all"]
    assert house.client.ask("list")["runs"] == []


def test_a_stop_ends_the_run_with_its_last_record(house: House) -> None:
    run, events = house.client.start(a_plan(house))
    next(events)
    house.call(house.runner.stop())
    assert list(events)[-1].is_last
    assert read(house.paths.runs, run)[-1].detail["exit"] == 1


def test_each_run_gets_a_higher_fence(house: House) -> None:
    house.let_go()
    runs = []
    for _ in range(2):
        run, events = house.client.start(a_plan(house))
        list(events)
        runs.append(run)
    assert [read(house.paths.runs, run)[0].detail["fence"] for run in runs] == [1, 2]


def test_a_stranger_is_refused_with_exit_code_5(paths: Paths) -> None:
    house = House(paths, permit=lambda caller: check_known(Caller(4242, "mallory", frozenset({"users"}))))
    try:
        with pytest.raises(NocError) as raised:
            house.client.ask("list")
        assert (raised.value.code, raised.value.exit_code) == ("E501", 5)
    finally:
        house.close()


@pytest.mark.parametrize("caller", [Caller(0, "root", frozenset()), Caller(7, "james", frozenset({"noc-operators"}))])
def test_root_and_operators_pass(caller: Caller) -> None:
    check_known(caller)


def test_nobody_else_passes() -> None:
    with pytest.raises(CallerRefused):
        check_known(Caller(7, "james", frozenset({"noc"})))


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"[1]\n",
        b"not json\n",
        b'{"op": "start", "plan": 7}\n',
        b'{"op": "plan", "action": "deploy", "words": []}\n',
        b'{"op": "audit", "limit": 1e400}\n',
        b"x" * 2_000_000 + b"\n",
    ],
)
def test_a_request_that_makes_no_sense_is_answered_and_the_runner_lives_on(house: House, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(house.paths.runner_socket))
        try:
            connection.sendall(line)
        except BrokenPipeError:
            pass
        else:
            answer = json.loads(connection.makefile("rb").readline())
            assert answer["error"]["exit"] in {2, 6}
    assert house.client.ask("list") == {"runs": []}


def test_an_answer_that_quotes_half_a_character_is_sent(house: House) -> None:
    [problem] = house.client.ask("audit", verify=True, heads=[[1, "x", "half of \ud83d"]])["problems"]
    assert "half of ?" in problem


def test_without_a_runner_the_error_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(RunnerAbsent) as raised:
        Client(tmp_path / "none.sock").ask("list")
    assert "systemctl status noc-runner" in raised.value.fix


def test_a_run_that_was_cut_is_closed_at_the_next_start_and_says_how_to_go_on(paths: Paths) -> None:
    fleet, inventory = load(paths.fleet), load_inventory(with_tunnels(paths).fleet)
    journal = Journal.create(paths.runs, "20260301T120000000-00ff")
    Run(plan_keygen(fleet, inventory, ["frankfurt"], NOW), "james", 1, journal).record("switch", State.STARTED, "x")
    journal.close()
    assert close_cut_runs(paths.runs) == [journal.run]
    last = read(paths.runs, journal.run)[-1]
    assert last.is_last
    assert last.detail["error"]["fix"].startswith("noc rotate wg frankfurt:")
    assert close_cut_runs(paths.runs) == []


def test_a_run_that_a_younger_noc_has_planned_is_closed_and_shown_too(paths: Paths) -> None:
    fleet, inventory = load(paths.fleet), load_inventory(with_tunnels(paths).fleet)
    journal = Journal.create(paths.runs, "20260301T120000000-00ff")
    plan = plan_keygen(fleet, inventory, ["frankfurt"], NOW).model_dump(mode="json")
    journal.append(RUN, State.STARTED, detail={"plan": {**plan, "action": "levitate", "height": 3}, "by": "james"})
    journal.close()
    assert close_cut_runs(paths.runs) == [journal.run]
    (row,) = summaries(paths.runs, 5)
    assert (row["outcome"], row["nodes"]) == ("interrupted", ["frankfurt"])
    assert row["what"] == "levitate, planned by another version of noc"
    assert advance(View(), read(paths.runs, journal.run)[0]).what == row["what"]
    with pytest.raises(NotResumable, match="another version of noc"):
        resumable(paths.runs, journal.run)


def test_a_broken_journal_hides_no_other_run(house: House) -> None:
    house.let_go()
    _run, events = house.client.start(a_plan(house))
    list(events)
    broken = house.paths.runs / "20260101T000000000-0000"
    broken.mkdir()
    (broken / "journal.jsonl").write_text("{}\n")
    assert [row["outcome"] for row in house.client.ask("list")["runs"]] == ["ok", "broken"]
    with pytest.raises(JournalBroken):
        read(house.paths.runs, broken.name)


@pytest.mark.parametrize(("mode", "good"), [(0o600, True), (0o400, True), (0o604, False), (0o620, False)])
def test_a_credential_that_others_can_read_is_refused(tmp_path: Path, mode: int, good: bool) -> None:
    path = tmp_path / "ssh_key"
    path.write_bytes(b"key")
    path.chmod(mode)
    if good:
        assert credential(tmp_path, "ssh_key") == b"key"
    else:
        with pytest.raises(NocError, match="others may read it"):
            credential(tmp_path, "ssh_key")


def test_a_site_is_not_opened_without_the_fleets_key(paths: Paths) -> None:

    with pytest.raises(NocError, match="ssh_key cannot be read"):
        open_site(paths)


def test_who_follows_a_run_whose_last_record_cannot_be_written_is_let_go(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, events = house.client.start(house.client.ask("plan", action="keygen", nodes=["virginia"])["plan"])
    next(events)

    def full(*_: Any, **__: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("noc.runs.record.journal.Journal.append", full)
    house.let_go()
    with pytest.raises(RunnerAbsent):
        list(events)


def test_a_runner_that_falls_silent_is_not_waited_for_without_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noc.runs.runner.client.SILENT_AFTER_S", 0.2)
    _, events = house.client.start(house.client.ask("plan", action="keygen", nodes=["virginia"])["plan"])
    with pytest.raises(RunnerAbsent):
        list(events)


def test_a_refusal_does_not_give_back_all_that_was_sent(house: House) -> None:
    with pytest.raises(NocError) as raised:
        house.client.ask("plan", action="keygen", nodes=["\x1b[31m" + "x" * 100_000])
    assert len(str(raised.value)) < 10_000
    assert "\x1b" not in str(raised.value)
