import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from approval_kit import BASIS, NOW, caller, plan, with_people
from noc.errors import NocError, Usage
from noc.fleet.inventory import Inventory
from noc.fleet.model import Fleet
from noc.runs.admission.approval import check_may_ask
from noc.runs.admission.desk import Desk, Standing
from noc.runs.admission.errors import ApprovalDenied, ApprovalUsed, NotAnApprover, NotApproved, TooManyRequests
from noc.runs.admission.request import Request, State
from noc.runs.admission.requests import MAX_WAITING_EACH, Requests
from noc.runs.errors import CallerRefused, PlanRefused
from noc.runs.record.audit import Audit
from noc.runs.record.entries import Kind
from noc.runs.record.errors import AuditUnwritable

LATER = timedelta(minutes=1)


class Office:
    """A desk with its store and audit, at which people ask and answer."""

    def __init__(self, directory: Path, fleet: Fleet) -> None:
        self.fleet, self.store = with_people(fleet, medium="another"), Requests(directory / "requests")
        self.audit = Audit(directory / "audit" / "audit.jsonl")
        self.store.open()
        self.desk = Desk(self.store, self.audit)

    def standing(self, after: timedelta = timedelta(), basis: str = BASIS) -> Standing:
        return Standing(self.fleet, basis, NOW + after)

    def ask(self, name: str = "james", **more: Any) -> Request:
        request = self.desk.ask(plan(**more), caller(name), self.standing(), Inventory())
        assert request is not None
        return request

    async def approve(self, name: str = "anna", **more: Any) -> Request:
        return await self.desk.approve("last", caller(name), None, self.standing(LATER, **more))

    def told(self) -> list[tuple[str, str, str, str]]:
        return [(entry.kind.value, entry.what, entry.by, entry.result) for entry in self.audit.entries()]


@pytest.fixture
def office(tmp_path: Path, fleet: Fleet) -> Iterator[Office]:
    made = Office(tmp_path, fleet)
    yield made
    made.audit.close()


def test_a_plan_that_nobody_has_to_agree_to_begins_as_it_is(office: Office) -> None:
    assert office.desk.ask(plan("low"), caller("james"), office.standing(), Inventory()) is None
    assert office.desk.consume(plan("low"), "run-1", "james", office.standing()) is None


def test_a_plan_that_makes_itself_small_is_refused(office: Office) -> None:
    small = plan("medium").model_copy(update={"risk": "low"}).sealed()
    with pytest.raises(PlanRefused, match="it is medium"):
        office.desk.ask(small, caller("james"), office.standing(), Inventory())


async def test_asked_approved_and_used_once(office: Office) -> None:
    waiting = office.ask()
    assert waiting.state(NOW) is State.PENDING
    with pytest.raises(NotApproved):
        office.desk.consume(waiting.plan, "run-0", "james", office.standing())
    await office.approve()
    used = office.desk.consume(waiting.plan, "run-1", "james", office.standing(LATER))
    assert used is not None
    assert used.use is not None
    with pytest.raises(ApprovalUsed, match="run-1"):
        office.desk.consume(waiting.plan, "run-2", "james", office.standing(LATER))
    with pytest.raises(ApprovalUsed):
        office.ask()


async def test_every_answer_is_in_the_audit_before_it_is_given(office: Office) -> None:
    office.ask()
    with pytest.raises(NotAnApprover):
        await office.approve("james")
    with pytest.raises(Usage):
        await office.desk.approve("nonsense", caller("anna"), None, office.standing())
    await office.approve("anna")
    office.desk.deny("last", caller("anna"), "on second\nthoughts", office.standing(LATER))
    label = plan().label()
    assert office.told() == [
        ("intent", f"ask for {label}", "james", ""),
        ("outcome", f"ask for {label}", "james", "ok"),
        ("refusal", "approve", "james", "refused"),
        ("refusal", "approve", "anna", "refused"),
        ("intent", f"approve {label}", "anna", ""),
        ("outcome", f"approve {label}", "anna", "ok"),
        ("intent", f"deny {label}", "anna", ""),
        ("outcome", f"deny {label}", "anna", "ok"),
    ]
    assert office.store.all()[0].denial is not None
    assert office.audit.entries()[-2].detail["reason"] == "on second thoughts"


async def test_an_answer_that_cannot_be_written_down_is_not_given(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = office.ask()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("noc.runs.record.chain.os.fsync", full)
        with pytest.raises(AuditUnwritable):
            await office.approve()
        with pytest.raises(AuditUnwritable):
            office.desk.deny("last", caller("anna"), "", office.standing())
    assert office.store.all() == [waiting]


async def test_who_asks_again_gets_the_same_request_and_stays_who_asked(office: Office) -> None:
    first = office.ask("james")
    assert office.ask("anna") == first
    with pytest.raises(NotAnApprover):
        await office.approve("james")


def test_a_plan_that_was_denied_is_not_asked_for_again(office: Office) -> None:
    office.ask()
    office.desk.deny("last", caller("anna"), "no", office.standing())
    with pytest.raises(ApprovalDenied):
        office.ask()


async def test_an_approval_that_stands_is_not_given_twice(office: Office) -> None:
    office.ask()
    given = await office.approve("anna")
    assert await office.approve("root") == given
    assert [what for kind, what, *_ in office.told() if kind == "intent"] == [
        f"ask for {given.plan.label()}",
        f"approve {given.plan.label()}",
    ]


async def test_a_fleet_that_has_moved_is_not_approved(office: Office) -> None:
    office.ask()
    with pytest.raises(PlanRefused, match="moved"):
        await office.approve(basis="c" * 64)


def test_too_many_requests_are_refused_and_written_down(office: Office) -> None:
    for number in range(MAX_WAITING_EACH):
        office.ask("james", created=NOW + timedelta(seconds=number))
    with pytest.raises(TooManyRequests):
        office.ask("james", created=NOW - LATER)
    assert office.told()[-1][3] == "failed"


def test_the_list_has_no_plans_and_one_request_has_all(office: Office) -> None:
    waiting = office.ask()
    (row,) = office.desk.pending(office.standing())
    assert row["phrase"] == waiting.plan.phrase
    assert (row["state"], row["needs"], row["signed"]) == ("pending", "an approver other than james", False)
    assert "plan" not in row
    whole = office.desk.find("last", office.standing())
    assert whole["plan"] == waiting.plan.model_dump(mode="json")
    assert waiting.plan.digest in whole["statement"]


async def test_who_waits_is_told_as_soon_as_there_is_an_answer(office: Office) -> None:
    waiting = office.ask()
    waits = asyncio.create_task(office.desk.changed(waiting, 10))
    await asyncio.sleep(0)
    begun = time.monotonic()
    await office.approve()
    answered = await waits
    assert answered.approval is not None
    assert time.monotonic() - begun < 5
    assert await office.desk.changed(waiting, 10) == answered
    assert await office.desk.changed(answered, 0.01) == answered


async def test_what_was_answered_while_a_signature_was_checked_counts(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = office.ask()

    def meanwhile(*_: Any) -> Any:
        office.store.put(waiting.model_copy(update={"denial": denial}), waiting)
        return office.fleet.people[0], "SHA256:k"

    denial = office.desk.deny("last", caller("anna"), "no", office.standing()).denial
    office.store.put(waiting, office.store.all()[0])
    monkeypatch.setattr("noc.runs.admission.desk.signer_of", meanwhile)
    with pytest.raises(ApprovalDenied):
        await office.desk.approve("last", caller("root"), "signature", office.standing())


async def test_an_entry_names_no_signature_and_no_secret(office: Office) -> None:
    office.ask()
    with pytest.raises(NocError):
        await office.desk.approve("last", caller("root"), "-----BEGIN PRIVATE", office.standing())
    (refusal,) = [entry for entry in office.audit.entries() if entry.kind is Kind.REFUSAL]
    assert "PRIVATE" not in refusal.model_dump_json()


def test_to_an_agents_plan_somebody_always_has_to_agree(office: Office) -> None:
    asked_for = office.desk.ask(plan("low"), caller("claude"), office.standing(), Inventory())
    assert asked_for is not None
    with pytest.raises(NotApproved, match="needs an approver"):
        office.desk.consume(asked_for.plan, "run-1", "claude", office.standing())


@pytest.mark.parametrize("name", ["claude", "noc-agent"])
def test_what_an_agent_never_asked_for_does_not_begin_either(office: Office, name: str) -> None:
    with pytest.raises(NotApproved, match="nobody asked for"):
        office.desk.consume(plan("low"), "run-1", name, office.standing())


def test_a_viewer_may_not_even_ask(fleet: Fleet) -> None:
    with pytest.raises(CallerRefused, match="viewer"):
        check_may_ask(caller("vera"), with_people(fleet))
