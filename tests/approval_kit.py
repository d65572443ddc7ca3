"""What the tests of approvals share: a fleet with people, plans of each risk, and callers."""

from datetime import UTC, datetime, timedelta
from typing import Any

from noc.fleet.model import Fleet, Person
from noc.runs.admission.approval import Approver
from noc.runs.admission.caller import Caller
from noc.runs.admission.request import Request
from noc.runs.plan.plan import Plan, Risk

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BASIS = "b" * 64
PEOPLE = (
    Person(name="anna", role="approver"),
    Person(name="james", role="approver"),
    Person(name="olga", role="operator"),
    Person(name="vera", role="viewer"),
    Person(name="claude", role="agent"),
)
NODES: dict[Risk, tuple[str, ...]] = {
    "low": ("virginia",),
    "medium": ("virginia", "frankfurt"),
    "high": ("virginia", "frankfurt", "singapore"),
}


def with_people(fleet: Fleet, people: tuple[Person, ...] = PEOPLE, **policy: Any) -> Fleet:
    return fleet.model_copy(
        update={"people": people, "approval": fleet.approval.model_copy(update={"delay": 900.0, **policy})}
    )


def plan(risk: Risk = "medium", basis: str = BASIS, **more: Any) -> Plan:
    """A rollout whose risk is what the table says of it."""
    made = {
        "action": "deploy",
        "nodes": NODES[risk],
        "release": "b" * 64,
        "version": "1.1.0",
        "build": 2,
        "configuration": risk == "high",
        "risk": risk,
        "basis": basis,
        "created": NOW,
    }
    return Plan.model_validate({**made, **more}).sealed()


def request(risk: Risk = "medium", requester: str = "james", **more: Any) -> Request:
    return Request(plan=plan(risk, **more), requester=requester, at=NOW, expires=NOW + timedelta(hours=1))


def caller(name: str) -> Caller:
    return Caller(uid=0 if name == "root" else 1000, name=name, groups=frozenset())


def approver(name: str, key: str = "") -> Approver:
    role = next((person.role for person in PEOPLE if person.name == name), None)
    return Approver(name=name, login=name, role=role, is_root=name == "root", key=key)
