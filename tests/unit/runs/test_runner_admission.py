"""What a run must pass before it begins, through the runner's own door: see runner_house."""

import getpass
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from noc.errors import NocError
from noc.runs.plan.plan import Plan
from noc.runs.record.events import Event
from noc.runs.record.journal import read, run_ids
from runner_house import House
from watch_kit import until

ME = getpass.getuser()
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="root alone may approve what nobody of the fleet file can")


def a_plan(house: House, **more: Any) -> dict[str, Any]:
    return dict(house.client.ask("plan", action="keygen", nodes=["frankfurt"], **more)["plan"])


def add_to_fleet(house: House, text: str) -> None:
    path = house.paths.fleet / "fleet.toml"
    path.write_text(f"{path.read_text()}\n{text}\n")


def refusal(house: House, plan: dict[str, Any]) -> NocError:
    with pytest.raises(NocError) as raised:
        house.client.start(plan)
    assert run_ids(house.paths.runs) == []
    return raised.value


def entries(house: House) -> list[tuple[str, str]]:
    """Kind and act of what the audit holds."""
    return [(entry["kind"], entry["what"]) for entry in house.client.ask("audit")["entries"]]


class Asking:
    """A client in a thread of its own that asks for a run, and what it was told."""

    def __init__(self, house: House, plan: dict[str, Any]) -> None:
        self.told: list[dict[str, Any]] = []
        self.events: list[Event] = []
        self.error: NocError | None = None
        self._house, self._plan = house, plan
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        try:
            _run, events = self._house.client.start(self._plan, heard=self.told.append)
            self.events = list(events)
        except NocError as error:
            self.error = error

    def end(self) -> "Asking":
        self._thread.join(10)
        assert not self._thread.is_alive()
        return self


def approve(house: House, request: str) -> list[dict[str, Any]]:
    """Approve, and read the answers until the run has ended."""
    return list(house.client._stream("approve", {"request": request}))


def test_a_plan_that_another_made_begins_nothing_however_well_it_is_sealed(house: House) -> None:
    made = Plan.model_validate(a_plan(house))
    forged = made.model_copy(update={"nodes": ("virginia",)}).sealed()
    assert refusal(house, forged.model_dump(mode="json")).code == "E504"


def test_a_plan_is_refused_once_the_fleet_has_moved(house: House) -> None:
    plan = a_plan(house)
    add_to_fleet(house, "# a word more")
    assert "moved" in refusal(house, plan).what


def test_nothing_begins_while_the_fleet_is_halted_and_again_once_that_is_lifted(house: House) -> None:
    house.let_go()
    house.client.ask("halt", reason="the database is being moved")
    error = refusal(house, a_plan(house))
    assert (error.code, error.exit_code) == ("E541", 7)
    assert "the database is being moved" in error.why
    house.client.ask("lift")
    _run, events = house.client.start(a_plan(house))
    assert list(events)[-1].state == "ok"


def test_a_halt_ends_the_run_that_is_under_way(house: House) -> None:
    run, events = house.client.start(a_plan(house))
    next(events)
    assert house.client.ask("halt")["run"] == run
    assert list(events)[-1].is_last


FROZEN = """
[[freeze]]
from = "2020-01-01 00:00"
until = "2090-01-01 00:00"
zone = "Europe/Zurich"
reason = "holidays"
"""


def test_nothing_begins_in_a_freeze(house: House) -> None:
    add_to_fleet(house, FROZEN)
    error = refusal(house, a_plan(house))
    assert (error.code, error.exit_code) == ("E540", 7)
    assert "holidays" in error.why


def test_what_was_refused_stands_in_the_audit(house: House) -> None:
    house.client.ask("halt")
    refusal(house, a_plan(house))
    assert entries(house)[-1] == ("refusal", "keygen frankfurt")


def test_a_run_stands_in_the_audit_before_and_after_and_its_journal_names_the_place(house: House) -> None:
    house.let_go()
    run, events = house.client.start(a_plan(house))
    list(events)
    assert entries(house) == [("intent", "keygen frankfurt"), ("outcome", "keygen frankfurt")]
    assert read(house.paths.runs, run)[0].detail["audit"]["seq"] == 1
    assert house.client.ask("audit", verify=True)["problems"] == []


def test_without_an_audit_nothing_begins(house: House) -> None:
    (house.paths.audit.parent).write_text("in the way")
    assert refusal(house, a_plan(house)).code == "E525"
    assert house.client.ask("lease")["lease"] is None


@root_only
def test_a_plan_that_needs_an_approval_begins_with_it_in_the_name_of_who_asked(house: House) -> None:
    add_to_fleet(house, '[approval]\nlow = "one"')
    house.let_go()
    plan = a_plan(house)
    asking = Asking(house, plan)
    until(lambda: asking.told)
    assert asking.told[0]["approval"]["phrase"] == Plan.model_validate(plan).phrase
    answers = approve(house, plan["digest"][:12])
    assert answers[0]["approved"]["state"] == "approved"
    first = asking.end().events[0]
    assert (first.detail["by"], first.detail["approved_by"], first.run) == (ME, ME, answers[1]["run"])


@root_only
def test_an_approval_is_good_for_one_run(house: House) -> None:
    add_to_fleet(house, '[approval]\nlow = "one"')
    house.let_go()
    plan = a_plan(house)
    asking = Asking(house, plan)
    until(lambda: asking.told)
    approve(house, "last")
    asking.end()
    with pytest.raises(NocError) as raised:
        approve(house, plan["digest"])
    assert raised.value.code == "E533"
    assert len(run_ids(house.paths.runs)) == 1


@root_only
def test_who_asked_hears_of_a_denial_and_its_reason(house: House) -> None:
    add_to_fleet(house, '[approval]\nlow = "one"')
    asking = Asking(house, a_plan(house))
    until(lambda: asking.told)
    house.client.ask("deny", request="last", reason="not on a Friday")
    error = asking.end().error
    assert error is not None
    assert (error.code, error.exit_code) == ("E534", 7)
    assert "not on a Friday" in error.why
    assert run_ids(house.paths.runs) == []


@root_only
def test_root_is_not_another_than_root(house: House) -> None:
    add_to_fleet(house, '[approval]\nlow = "another"')
    asking = Asking(house, a_plan(house))
    until(lambda: asking.told)
    with pytest.raises(NocError) as raised:
        approve(house, "last")
    assert raised.value.code == "E530"
    house.client.ask("deny", request="last")
    asking.end()


def test_a_rotation_is_given_again_rather_than_resumed(house: House) -> None:
    house.let_go()
    run, events = house.client.start(a_plan(house))
    list(events)
    with pytest.raises(NocError) as raised:
        house.client.ask("resume", run=run)
    assert (raised.value.code, raised.value.exit_code) == ("E555", 2)


def test_who_waits_for_another_run_hears_why_and_then_begins(house: House) -> None:
    _run, first = house.client.start(a_plan(house))
    next(first)
    waiting: list[dict[str, Any]] = []
    second: list[Event] = []

    def wait() -> None:
        _run, events = house.client.start(a_plan(house), wait_s=30, heard=waiting.append)
        second.extend(events)

    thread = threading.Thread(target=wait)
    thread.start()
    until(lambda: waiting)
    assert "holds the lease" in waiting[0]["waiting"]
    house.let_go()
    thread.join(10)
    assert second[-1].state == "ok"
    first.close()


def test_each_plan_that_is_shown_can_begin_for_as_long_as_it_is_remembered(house: House, tmp_path: Path) -> None:
    house.let_go()
    plans = [a_plan(house) for _ in range(70)]
    assert "not made by this runner" in refusal(house, plans[0]).what
    _run, events = house.client.start(plans[-1])
    assert list(events)[-1].state == "ok"


def test_a_restored_hq_gives_fence_numbers_above_what_the_nodes_have_seen(house: House) -> None:
    house.let_go()
    assert house.client.ask("lease", above=41)["next_fence"] == 42
    run, events = house.client.start(a_plan(house))
    list(events)
    assert read(house.paths.runs, run)[0].detail["fence"] == 42
    assert ("outcome", "give fence numbers above 41") in entries(house)


def test_a_plan_that_nobody_has_to_agree_to_says_so(house: House) -> None:
    said = house.client.ask("plan", action="keygen", nodes=["frankfurt"])
    assert said["agreement"] == ""
    add_to_fleet(house, '[approval]\nlow = "one"')
    assert house.client.ask("plan", action="keygen", nodes=["frankfurt"])["agreement"] == "an approver"


@pytest.mark.parametrize(("op", "fields"), [("lift", {}), ("lease", {"above": 40}), ("resume", {"run": "last"})])
def test_a_viewer_may_halt_and_let_nothing_go_on(house: House, op: str, fields: dict[str, Any]) -> None:
    house.let_go()
    _run, events = house.client.start(a_plan(house))
    list(events)
    add_to_fleet(house, f'[[people]]\nname = "{ME}"\nrole = "viewer"')
    house.client.ask("halt")
    with pytest.raises(NocError, match="viewer"):
        house.client.ask(op, **fields)
    state = house.client.ask("lease")
    assert state["halt"]
    assert state["next_fence"] < 40
