"""A job of the schedule carried out: what becomes of it, in a word and in words."""

import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from noc.errors import NocError
from noc.fleet.backing import Backup, Second
from noc.fleet.inventory import Inventory
from noc.fleet.scheduling import Job, Schedule
from noc.hub import jobs
from noc.hub.jobs import Outcome, Work, carry_out, of_error
from noc.runs.admission.errors import FleetFrozen
from noc.runs.record.events import Event, Verdict
from noc.runs.runner.client import Client
from noc.runs.runner.view import View
from noc.watch.config import Config
from unit.hub.hub_kit import EXAMPLE, example_fleet


class Runner(Client):
    """A stand-in for the runner's client: answers with what it was given, and keeps what it was asked."""

    def __init__(self, *ends: View | NocError | None, look: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.ends, self.look, self.asked = list(ends), look, list[str]()

    def job(self, name: str, action: str, **_more: Any) -> Any:
        self.asked.append(action)
        end = self.ends.pop(0)
        if isinstance(end, NocError):
            raise end
        return None if end is None else ("run-1", iter((end,)))

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        self.asked.append(f"{op} {fields['job']}")
        return {"look": self.look}


def follow(_run: str, events: Iterable[Event]) -> View:
    view: Any = next(iter(events))
    assert isinstance(view, View)
    return view


def done(job: Job, runner: Runner, within: int = 10, told: list[Any] | None = None, **changed: object) -> Outcome:
    fleet = example_fleet()
    fleet = fleet.model_copy(update={"hub": fleet.hub.model_copy(update={"names": ()}), **changed})

    def tell(path: str, body: dict[str, Any]) -> dict[str, str]:
        (told if told is not None else []).append((path, body))
        return {"id": "briefing-day-7"}

    schedule = Schedule(job=job, cron="40 3 * * *", within=within)
    config = Config.of(fleet, Inventory(), EXAMPLE)
    return carry_out(schedule, Work(fleet, runner, follow, lambda _: None, tell), lambda: config)


def ended(code: int = 0, *, good: bool = True, error: dict[str, str] | None = None) -> View:
    verdict = Verdict(node="frankfurt", before="", now="", verdict="backed up" if good else "no copy", good=good)
    return View(run="run-1", what="backup 1 nodes", verdicts=(verdict,), exit_code=code, error=error)


def test_a_run_that_ends_well_is_a_job_that_is_done() -> None:
    assert done("backup", Runner(ended())) == Outcome("ok", "backup: 1 nodes", "run-1")


def test_a_run_that_fails_names_the_nodes() -> None:
    assert done("backup", Runner(ended(3, good=False))) == Outcome(
        "failed", "backup 1 nodes: frankfurt no copy", "run-1"
    )


def test_the_weekly_update_reboots_what_waits_for_it_afterwards() -> None:
    runner = Runner(ended(), None)
    assert done("os-update", runner).words == "os-update: 1 nodes, reboot: nothing to do"
    assert runner.asked == ["os-update", "reboot"]


def test_nothing_is_rebooted_after_an_update_that_failed() -> None:
    runner = Runner(ended(1, good=False), None)
    assert done("os-update", runner).state == "failed"
    assert runner.asked == ["os-update"]


@pytest.mark.parametrize("code", ["E503", "E540", "E541", "E590", "E591"])
def test_what_keeps_a_job_from_its_time_is_no_failure_of_it(code: str) -> None:
    assert of_error(code, "no run begins", "a freeze") == Outcome("missed", "no run begins: a freeze")
    error = {"code": f"NOC-{code}", "what": "no run begins", "why": "a freeze"}
    assert done("backup", Runner(ended(7, error=error))).state == "missed"


def test_a_refusal_of_the_runner_is_told_in_its_words() -> None:
    assert done("backup", Runner(FleetFrozen("no run begins", why="holidays"))).words == "no run begins: holidays"
    assert done("backup", Runner(NocError("the disk is full"))) == Outcome("failed", "the disk is full")


def test_a_job_that_takes_too_long_has_failed_and_says_that_its_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(_run: str, _events: Iterable[Event]) -> View:
        signal.setitimer(signal.ITIMER_REAL, 0.01)  # what is left of the job's time
        time.sleep(30)
        raise AssertionError("nobody ended it")

    monkeypatch.setattr(jobs, "_prices", lambda _answer: slow("", ()))
    outcome = done("prices", Runner(look={}))
    assert (outcome.state, "a run that it began goes on" in outcome.words) == ("failed", True)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def looked(*states: str) -> dict[str, Any]:
    checks = [{"name": "certificate", "state": state, "words": "3.0 days left"} for state in states]
    return {"nodes": [{"node": f"node-{number}", "checks": [each]} for number, each in enumerate(checks)]}


def test_certificates_that_hold_are_counted() -> None:
    assert done("certificates", Runner(look=looked("ok", "ok"))) == Outcome("ok", "2 nodes' certificates hold")


@pytest.mark.parametrize("state", ["failed", "not run"])
def test_a_certificate_that_does_not_hold_or_was_not_seen_is_named(state: str) -> None:
    assert done("certificates", Runner(look=looked("ok", state))) == Outcome("failed", "node-1: 3.0 days left")


HEAD: dict[str, Any] = {"seq": 41, "hash": "ab" * 32, "problems": []}


def test_the_days_briefing_carries_the_audits_last_entry_to_where_people_read_it() -> None:
    told: list[Any] = []
    outcome = done("briefing", Runner(look=HEAD), told=told)
    assert outcome == Outcome("ok", "briefing-day-7, with the audit's entry 41")
    [(path, body)] = told
    assert (path, body["about"], body["lines"]) == ("/api/v1/briefing", "day", [f"audit: 41:{'ab' * 32}"])


def test_an_audit_that_does_not_hold_is_told_first() -> None:
    told: list[Any] = []
    done("briefing", Runner(look=HEAD | {"problems": ["entry 6 does not follow"]}), told=told)
    assert told[0][1]["lines"][0] == "! the audit does not hold: entry 6 does not follow"


def test_the_audits_last_entry_is_noted_in_the_second_place(tmp_path: Path) -> None:
    backup = Backup(second=Second(path=str(tmp_path)))
    name = f"noc-zurich-audit-0000000041-{'ab' * 32}.json"
    assert done("audit-head", Runner(look=HEAD), backup=backup) == Outcome("ok", f"{name} in {tmp_path}")
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_an_audit_that_does_not_hold_is_not_noted(tmp_path: Path) -> None:
    look = HEAD | {"problems": ["entry 6 does not follow"]}
    outcome = done("audit-head", Runner(look=look), backup=Backup(second=Second(path=str(tmp_path))))
    assert (outcome.state, list(tmp_path.iterdir())) == ("failed", [])


def test_without_a_second_place_there_is_nowhere_to_note_it() -> None:
    assert done("audit-head", Runner(look=HEAD)).words.startswith("no second place")
