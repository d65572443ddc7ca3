from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from approval_kit import BASIS, NOW, PEOPLE, approver, caller, plan, request, with_people
from noc.errors import NocError
from noc.fleet.model import Approval as Policy
from noc.fleet.model import Fleet
from noc.fleet.model import Rule as Who
from noc.runs.admission.approval import Approver, approve, approver_of, asked, deny, is_signed, needs, use
from noc.runs.admission.errors import ApprovalDenied, ApprovalExpired, ApprovalUsed, NotAnApprover, NotApproved
from noc.runs.admission.request import Request, State
from noc.runs.errors import PlanRefused
from noc.runs.plan.plan import Risk

RULES: tuple[Who, ...] = ("one", "another", "delayed")
LATER = NOW + timedelta(minutes=1)


def policy(who: Who = "one", **more: object) -> Policy:
    return Policy.model_validate({"low": who, "medium": who, "high": who, **more})


def agree(
    asked_for: Request, name: str, who: Who = "one", *, at: datetime = LATER, basis: str = BASIS, key: str = ""
) -> Request:
    return approve(asked_for, approver(name, key), policy(who), basis=basis, now=at)


@pytest.mark.parametrize("who", RULES)
def test_another_approver_may_always_agree_at_once(who: Who) -> None:
    given = agree(request(), "anna", who)
    assert given.approval is not None
    assert (given.approval.by, given.state(LATER)) == ("anna", State.APPROVED)


@pytest.mark.parametrize("who", RULES)
@pytest.mark.parametrize("name", ["olga", "vera", "claude", "stranger", "uid 1234"])
def test_nobody_but_an_approver_agrees(who: Who, name: str) -> None:
    with pytest.raises(NotAnApprover, match=r"approver"):
        agree(request(requester="james"), name, who)


def test_who_asked_may_agree_where_one_is_enough() -> None:
    assert agree(request(requester="james"), "james", "one").approval is not None


@pytest.mark.parametrize("name", ["james", "root"])
def test_who_asked_is_not_another(name: str) -> None:
    with pytest.raises(NotAnApprover, match="somebody else"):
        agree(request(requester=name), name, "another", at=NOW + timedelta(minutes=59))


def test_who_asked_may_agree_once_the_delay_is_over_and_is_told_when() -> None:
    begins = NOW + timedelta(seconds=policy().delay)
    with pytest.raises(NotAnApprover, match="12:15:00 UTC"):
        agree(request(), "james", "delayed", at=begins - timedelta(microseconds=1))
    assert agree(request(), "james", "delayed", at=begins).approval is not None


def test_root_agrees_as_root() -> None:
    given = agree(request(requester="james"), "root", "another")
    assert given.approval is not None
    assert given.approval.by == "root"


def test_a_signature_names_the_person_whoever_is_logged_in(fleet: Fleet) -> None:
    fleet = with_people(fleet)
    signed = approver_of(caller("root"), fleet, PEOPLE[0], "SHA256:k")
    assert (signed.name, signed.login, signed.role) == ("anna", "root", "approver")
    agent = approver_of(caller("root"), fleet, PEOPLE[4], "SHA256:k")
    assert not agent.may_approve


def test_who_asked_as_root_with_their_own_key_is_still_who_asked(fleet: Fleet) -> None:
    signed = approver_of(caller("root"), with_people(fleet), PEOPLE[1], "SHA256:k")
    with pytest.raises(NotAnApprover):
        approve(request(requester="james"), signed, policy("another"), basis=BASIS, now=LATER)


@pytest.mark.parametrize(("risk", "signed"), [("low", False), ("medium", True), ("high", True)])
def test_from_a_risk_on_an_approval_is_a_signature(risk: Risk, signed: bool) -> None:
    rules = policy("one", signed="medium")
    assert is_signed(risk, rules) == signed
    if signed:
        with pytest.raises(NotApproved, match="signature"):
            approve(request(risk), approver("anna"), rules, basis=BASIS, now=LATER)
    assert approve(request(risk), approver("anna", "SHA256:k"), rules, basis=BASIS, now=LATER).approval is not None


def test_a_fleet_that_has_moved_takes_its_plans_along() -> None:
    with pytest.raises(PlanRefused, match="moved"):
        agree(request(), "anna", basis="c" * 64)
    given = agree(request(), "anna")
    with pytest.raises(PlanRefused, match="moved"):
        use(given, given.plan.digest, "r", policy(), basis="c" * 64, now=LATER)


def test_a_run_needs_an_approval_and_is_told_whose() -> None:
    waiting = request()
    with pytest.raises(NotApproved, match="an approver other than james"):
        use(waiting, waiting.plan.digest, "r", policy("another"), basis=BASIS, now=LATER)


def test_an_approval_is_good_for_one_run() -> None:
    given = agree(request(), "anna")
    used = use(given, given.plan.digest, "run-1", policy(), basis=BASIS, now=LATER)
    with pytest.raises(ApprovalUsed, match="run-1"):
        use(used, given.plan.digest, "run-2", policy(), basis=BASIS, now=LATER)
    with pytest.raises(ApprovalUsed):
        agree(used, "anna")


def test_an_approval_may_be_taken_back_until_it_is_used() -> None:
    taken = deny(agree(request(), "anna"), approver("anna"), "not today", LATER)
    with pytest.raises(ApprovalDenied, match="not today"):
        use(taken, taken.plan.digest, "r", policy(), basis=BASIS, now=LATER)


def test_who_asked_may_take_the_request_back_and_strangers_may_not() -> None:
    assert deny(request(requester="claude"), approver("claude"), "", LATER).state(LATER) is State.DENIED
    with pytest.raises(NotAnApprover):
        deny(request(requester="james"), approver("claude"), "", LATER)


def test_an_approval_that_stands_stays_as_it_is() -> None:
    given = agree(request(), "anna")
    assert agree(given, "root", at=LATER + timedelta(minutes=1)) == given


def test_a_request_ends_when_its_time_is_over_and_when_the_clock_went_back() -> None:
    waiting = asked(plan(), "james", policy(expires=60), NOW)
    for moment in (NOW + timedelta(seconds=60), NOW - timedelta(hours=1)):
        assert waiting.state(moment) is State.EXPIRED
        with pytest.raises(ApprovalExpired):
            agree(waiting, "anna", at=moment)


@pytest.mark.parametrize(
    ("who", "at", "words"),
    [
        ("one", NOW, "an approver"),
        ("another", NOW, "an approver other than james"),
        ("delayed", NOW, "an approver; james only from Sun 2026-03-01 12:15:00 UTC"),
        ("delayed", NOW + timedelta(minutes=20), "an approver"),
    ],
)
def test_what_is_missing_is_said_in_words(who: Who, at: datetime, words: str) -> None:
    assert needs(request(), policy(who), at) == words
    assert needs(request(), policy(who, signed="low"), at) == f"{words}; signed"


names = st.sampled_from(["anna", "james", "olga", "vera", "claude", "root", "stranger"])
moments = st.timedeltas(timedelta(hours=-2), timedelta(hours=3)).map(lambda since: NOW + since)
keys = st.sampled_from(["", "SHA256:k"])


@given(
    name=names,
    requester=names,
    who=st.sampled_from(RULES),
    risk=st.sampled_from(["low", "medium", "high"]),
    signed=st.sampled_from(["low", "medium", "high", "never"]),
    key=keys,
    at=moments,
    basis=st.sampled_from([BASIS, "c" * 64]),
)
def test_an_approval_keeps_every_rule(
    *, name: str, requester: str, who: Who, risk: Risk, signed: str, key: str, at: datetime, basis: str
) -> None:
    rules, waiting = policy(who, signed=signed), request(risk, requester)
    try:
        given = approve(waiting, approver(name, key), rules, basis=basis, now=at)
    except NocError:
        return
    assert name in ("anna", "james", "root")
    assert basis == waiting.plan.basis
    assert NOW - timedelta(minutes=1) <= at < waiting.expires
    assert key or not is_signed(risk, rules)
    assert name != requester or who == "one" or (who == "delayed" and at >= NOW + timedelta(seconds=rules.delay))
    assert given.model_copy(update={"approval": None}) == waiting


class LifeOfAnApproval(RuleBasedStateMachine):
    """Whatever people do in whatever order, and however the clock runs: one run at most, of the plan that was approved,
    by somebody who may, in time."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = policy("another")
        self.request = request(requester="james")
        self.now = NOW
        self.runs: list[str] = []

    def _try(self, act: Callable[[], Request]) -> bool:
        try:
            self.request = act()
        except NocError:
            return False
        return True

    @rule(by=st.timedeltas(timedelta(minutes=-30), timedelta(minutes=40)))
    def wait(self, by: timedelta) -> None:
        self.now += by

    @rule(name=names, key=keys)
    def approve(self, name: str, key: str) -> None:
        who: Approver = approver(name, key)
        before = self.request.approval
        if self._try(lambda: approve(self.request, who, self.policy, basis=BASIS, now=self.now)) and not before:
            assert name in ("anna", "root")

    @rule(name=names)
    def deny(self, name: str) -> None:
        self._try(lambda: deny(self.request, approver(name), "no", self.now))

    @rule(other=st.booleans(), moved=st.booleans())
    def begin(self, other: bool, moved: bool) -> None:
        digest = plan("low").digest if other else self.request.plan.digest
        run, basis = f"run-{len(self.runs)}", "c" * 64 if moved else BASIS
        if self._try(lambda: use(self.request, digest, run, self.policy, basis=basis, now=self.now)):
            self.runs.append(run)
            assert (other, moved) == (False, False)
            assert self.request.approval is not None
            assert self.request.denial is None
            assert self.now < self.request.expires

    @invariant()
    def one_run_at_most(self) -> None:
        assert len(self.runs) <= 1
        assert self.request.approval is None or self.request.approval.by != self.request.requester


TestLifeOfAnApproval = LifeOfAnApproval.TestCase
