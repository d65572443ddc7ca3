"""Requirement 1: no run that needs an approval begins without one, of exactly the plan that was approved."""

from collections.abc import Iterator
from typing import Any

import pytest

from noc.errors import NocError
from noc.runs.plan.plan import Plan
from noc.runs.record.journal import run_ids
from principal_kit import ROOT, Hall, person
from unit.runs.test_principals_door import refusal, rewrite

WANTED = {"action": "backup", "nodes": ["virginia", "frankfurt"]}
OTHERS = {str: "another", int: 7, float: 7.5, bool: True, type(None): "something", list: ["another"], dict: {"a": "b"}}
Path = tuple[str | int, ...]


def fields(document: Any, path: Path = ()) -> Iterator[Path]:
    """The way to every value of a document, whole lists and tables among them."""
    if path:
        yield path
    if isinstance(document, dict | list):
        for key, value in document.items() if isinstance(document, dict) else enumerate(document):
            yield from fields(value, (*path, key))


def changed(document: Any, path: Path) -> Any:
    """A document with another value in one place."""
    if not path:
        return not document if isinstance(document, bool) else OTHERS[type(document)]
    copy: Any = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = changed(document[path[0]], path[1:])
    return copy


def sealed(document: dict[str, Any]) -> dict[str, Any]:
    """The same plan with a digest that fits it, where it still is a plan."""
    try:
        return Plan.model_validate(document).sealed().model_dump(mode="json")
    except ValueError:
        return document


def approved(hall: Hall) -> dict[str, Any]:
    """A plan of james's that anna has approved, and that has not begun: the fleet was halted when she did."""
    rewrite(hall, '[[people]]\nname = "anna"', '[approval]\nlow = "another"\n[[people]]\nname = "anna"')
    plan: dict[str, Any] = hall.ask(person("james"), "plan", **WANTED)["plan"]
    assert "approval" in hall.ask(person("james"), "start", plan=plan)
    hall.ask(ROOT, "halt", reason="until it was tried")
    with hall.asked(person("anna"), "approve", request=plan["digest"]) as answers:
        assert next(answers)["approved"]["state"] == "approved"
        with pytest.raises(NocError, match="halted"):
            list(answers)
    hall.ask(ROOT, "lift")
    return plan


def test_whatever_is_changed_of_an_approved_plan_it_does_not_begin_and_the_plan_itself_does(hall: Hall) -> None:
    plan = approved(hall)
    tried = [path for path in fields(plan) if path != ("digest",)]
    assert len(tried) > 30
    for path in tried:
        other = changed(plan, path)
        for sent in (other, sealed(other)):
            refused = refusal(hall, person("james"), "start", plan=sent)
            assert refused.code in {"E504", "E514", "E001"}, (path, refused)
        digest = sealed(other)["digest"]
        if digest != plan["digest"]:
            assert refusal(hall, person("anna"), "approve", request=digest).code == "E535", path
    assert run_ids(hall.house.paths.runs) == []
    assert hall.audit()[-1]["kind"] == "refusal"
    hall.house.let_go()
    with hall.asked(person("anna"), "approve", request=plan["digest"]) as answers:
        first = next(answer for answer in answers if answer.get("step") == "run")
    assert (first["detail"]["plan"]["digest"], first["detail"]["by"]) == (plan["digest"], "james")


def test_an_approval_does_not_outlive_a_change_of_the_fleet(hall: Hall) -> None:
    plan = approved(hall)
    rewrite(hall, 'name = "vera"', 'name = "verena"')
    for there, op, named in ((person("anna"), "approve", "request"), (person("james"), "start", "digest")):
        assert "moved" in refusal(hall, there, op, **{named: plan["digest"]}).what
    assert run_ids(hall.house.paths.runs) == []


def test_nobody_begins_what_nobody_approved(hall: Hall) -> None:
    rewrite(hall, '[[people]]\nname = "anna"', '[approval]\nlow = "one"\n[[people]]\nname = "anna"')
    for there in (ROOT, person("james"), person("olga")):
        plan = hall.ask(there, "plan", **WANTED)["plan"]
        assert hall.ask(there, "start", plan=plan)["approval"]["state"] == "pending"
    assert run_ids(hall.house.paths.runs) == []
