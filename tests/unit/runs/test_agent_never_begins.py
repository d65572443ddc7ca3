"""The model begins nothing: whatever it asks for, in whatever order, no run begins that no person has agreed to.

The rules of the fleet say that nobody has to agree to anything. They say so to people.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noc.errors import NocError
from noc.runs.admission.permits import ACTIONS
from noc.runs.record.journal import run_ids
from noc.runs.runner import door
from noc.runs.runner.operations import Operations
from principal_kit import NOBODY_ASKED, PEOPLE, ROOT, SERVICE, Hall, person
from runner_house import House

AGENT = SERVICE["noc-agent"]
MADE = (*ACTIONS, "keygen", "terminate", "remove", "levitate")
WHICH = st.sampled_from(["own", "waiting", "other's", "last", "nothing"])
FOR = st.sampled_from(
    [
        {},
        {"for": {"channel": "telegram", "id": "1"}},
        {"for": {"channel": "page", "person": "anna"}},
        {"for": {"channel": "socket", "person": "root"}},
    ]
)


@pytest.fixture
def hall(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hall]:
    """A runner without any rule, and a person who may approve and has a chat."""
    path = house.paths.fleet / "fleet.toml"
    path.write_text(path.read_text() + NOBODY_ASKED + PEOPLE)
    house.let_go()
    made = Hall(house)
    made.link("anna", "1")
    monkeypatch.setattr(door, "identify", made.identify)
    monkeypatch.setattr("noc.runs.admission.often.MOST", 1_000_000)
    yield made
    made.there = ROOT


class Attempts:
    """What the model may try: plans of its own and of others, every operation, every voucher."""

    def __init__(self, hall: Hall) -> None:
        self.hall, self.plans = hall, dict[str, dict[str, Any]]()
        others = hall.ask(person("james"), "plan", action="backup", nodes=["virginia"])
        self.plans["other's"] = others["plan"]

    def plan(self, action: str) -> None:
        with suppress(NocError):
            self.plans["own"] = self.hall.ask(AGENT, "plan", action=action, nodes=["frankfurt"])["plan"]

    def digest(self, which: str) -> str:
        if which == "waiting":
            waiting = self.hall.ask(ROOT, "pending")["requests"]
            return str(waiting[-1]["digest"]) if waiting else "f" * 64
        return str(self.plans[which]["digest"]) if which in self.plans else which

    def start(self, which: str, how: str, voucher: dict[str, Any]) -> None:
        fields: dict[str, Any] = {"digest": self.digest(which)}
        if how == "whole" and which in self.plans:
            fields = {"plan": self.plans[which]}
        elif how == "smaller" and which in self.plans:
            fields = {"plan": {**self.plans[which], "risk": "low", "nodes": ["virginia"]}}
        with suppress(NocError):
            self.hall.ask(AGENT, "start", **fields, **voucher)

    def other(self, op: str, which: str, voucher: dict[str, Any]) -> None:
        named = {"request": self.digest(which), "run": "last", "job": "backup", "action": "backup"}
        more = {"nodes": ["all"], "node": "frankfurt", "reason": "", "above": 0, "argv": ["true"]}
        with suppress(NocError):
            self.hall.ask(AGENT, op, **named, **more, **voucher)


START = st.tuples(st.just("start"), WHICH, st.sampled_from(["digest", "whole", "smaller"]), FOR)
PLAN = st.tuples(st.just("plan"), st.sampled_from(MADE))


def attempts(operations: list[str]) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    other = st.tuples(st.just("other"), st.sampled_from(operations), WHICH, FOR)
    return st.lists(st.one_of(PLAN, START, other), min_size=1, max_size=12)


def test_no_sequence_of_calls_by_the_model_begins_a_run(hall: Hall) -> None:
    operations = Operations(hall.house.runner)
    offered = sorted({*operations.by_name, *operations.talks, "levitate"} - {"plan", "start", "follow"})

    @given(attempts(offered))
    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    def tried(steps: list[tuple[Any, ...]]) -> None:
        for waiting in hall.house.paths.requests.iterdir():
            waiting.unlink()
        hall.ask(ROOT, "lift")
        trying = Attempts(hall)
        for name, *arguments in steps:
            getattr(trying, name)(*arguments)
        assert run_ids(hall.house.paths.runs) == []
        assert all(request["approval"] is None for request in hall.ask(ROOT, "pending")["requests"])

    tried()


def test_the_same_plan_begins_once_a_person_agrees_to_it(hall: Hall) -> None:
    digest = hall.ask(AGENT, "plan", action="backup", nodes=["frankfurt"])["plan"]["digest"]
    asked = hall.ask(AGENT, "start", digest=digest)["approval"]
    assert (asked["requester"], asked["state"]) == ("noc-agent", "pending")
    with hall.asked(person("anna"), "approve", request=digest) as answers:
        first = next(answer for answer in answers if answer.get("step") == "run")
    assert (first["detail"]["by"], first["detail"]["approved_by"]) == ("noc-agent", "anna")


def test_the_same_plan_begins_at_once_for_a_person_to_whom_the_rules_say_nobody(hall: Hall) -> None:
    digest = hall.ask(person("james"), "plan", action="backup", nodes=["frankfurt"])["plan"]["digest"]
    assert "run" in hall.ask(person("james"), "start", digest=digest)


@pytest.mark.parametrize("role", ["viewer", "operator", "approver"])
def test_the_model_is_an_agent_whatever_the_fleet_file_says_of_its_login(hall: Hall, role: str) -> None:
    path = hall.house.paths.fleet / "fleet.toml"
    path.write_text(
        path.read_text().replace('name = "anna"\nrole = "approver"', f'name = "noc-agent"\nrole = "{role}"')
    )
    assert hall.ask(AGENT, "whoami")["role"] == "agent"
    digest = hall.ask(AGENT, "plan", action="backup", nodes=["frankfurt"])["plan"]["digest"]
    assert "approval" in hall.ask(AGENT, "start", digest=digest)


def test_an_agent_with_a_login_lifts_resumes_and_lets_go_of_nothing(hall: Hall) -> None:
    hall.ask(person("vera"), "halt", reason="")
    for op, fields in (("lift", {}), ("lease", {"above": 7}), ("prune", {}), ("approve", {"request": "last"})):
        with pytest.raises(NocError):
            hall.ask(person("claude"), op, **fields)
    assert hall.ask(ROOT, "lease")["halt"]["by"] == "vera"
