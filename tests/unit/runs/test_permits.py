"""The tables of what services may ask: the whole of them, and that nothing beyond them passes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approval_kit import plan
from noc.fleet.model import Role
from noc.runs.admission.caller import SERVICES, Caller
from noc.runs.admission.permits import ACTIONS, FIELDS, OWN, SPOKEN, check_permitted, check_plan, permitted
from noc.runs.errors import CallerRefused
from noc.runs.paths import Paths
from noc.runs.plan.plan import Options
from noc.runs.runner.daemon import build
from noc.runs.runner.operations import Operations
from principal_kit import ROOT, SERVICE, person

GOLDEN = json.loads((Path(__file__).parent / "permits.json").read_text())
ROLES: tuple[Role, ...] = ("viewer", "operator", "approver", "agent")
VOUCHED = [("noc-bot", "telegram"), ("noc-bot", "discord"), ("noc-watch", "page")]


def spoken_for(voucher: str, channel: str, name: str = "anna") -> Caller:
    return replace(SERVICE[voucher], name=name, groups=frozenset(), channel=channel, voucher=voucher)


def test_the_tables_are_the_ones_that_somebody_has_read_and_agreed_to() -> None:
    found = {
        "own": {name: sorted(operations) for name, operations in OWN.items()},
        "for people": {name: sorted(operations) for name, operations in SPOKEN.items()},
        "fields": {operation: sorted(fields) for operation, fields in FIELDS.items()},
        "plans": sorted(ACTIONS),
    }
    assert found == GOLDEN


def test_every_service_has_a_table_of_its_own() -> None:
    assert set(OWN) == SERVICES


@pytest.fixture
def offered(paths: Paths) -> set[str]:
    """All that the door of HQ's runner offers."""
    operations = Operations(build(paths))
    return {*operations.by_name, *operations.talks}


def test_the_tables_name_nothing_that_the_door_does_not_offer(offered: set[str]) -> None:
    assert set().union(*OWN.values(), *SPOKEN.values()) <= offered


@given(st.sampled_from(sorted(SERVICES)), st.text(max_size=20))
def test_what_no_table_names_is_refused_to_a_service(name: str, operation: str) -> None:
    if operation not in OWN[name]:
        with pytest.raises(CallerRefused):
            check_permitted(SERVICE[name], None, {"op": operation})


@pytest.mark.parametrize(("voucher", "channel"), VOUCHED)
@pytest.mark.parametrize("role", ROLES)
def test_every_operation_of_the_door_that_no_table_names_is_refused_to_people_in_chats_and_on_pages(
    offered: set[str], voucher: str, channel: str, role: Role
) -> None:
    who = spoken_for(voucher, channel)
    for operation in offered - SPOKEN[voucher]:
        with pytest.raises(CallerRefused):
            check_permitted(who, role, {"op": operation})


@pytest.mark.parametrize(("voucher", "channel"), VOUCHED)
@pytest.mark.parametrize("operation", ["approve", "deny", "resume"])
def test_an_agent_decides_about_nothing_also_where_others_speak_for_it(
    voucher: str, channel: str, operation: str
) -> None:
    with pytest.raises(CallerRefused):
        check_permitted(spoken_for(voucher, channel, "claude"), "agent", {"op": operation})


@pytest.mark.parametrize("who", [ROOT, person("anna"), person("claude")])
def test_people_with_a_login_are_held_by_their_role_alone(who: Caller) -> None:
    assert permitted(who, None) is None


@pytest.mark.parametrize("groups", [frozenset(), frozenset({"noc-operators"}), frozenset({"root", "noc-operators"})])
def test_no_group_gives_a_service_more(groups: frozenset[str]) -> None:
    for name, own in OWN.items():
        assert permitted(replace(SERVICE[name], groups=groups), None) == own


REQUESTS: list[dict[str, Any]] = [
    {"op": "lease", "above": 7},
    {"op": "lease", "above": 0},
    {"op": "lease", "above": False},
    {"op": "approve", "request": "last", "signature": "-----BEGIN SSH SIGNATURE-----"},
    {"op": "plan", "action": "terminate", "nodes": ["all"]},
    {"op": "plan", "action": ["deploy"], "nodes": ["all"]},
    {"op": "plan", "nodes": ["all"]},
    {"op": "plan", "action": "deploy", "nodes": ["all"], "options": {"restore_data": True}},
    {"op": "plan", "action": "deploy", "nodes": ["all"], "options": {"override_freeze": "now"}},
    {"op": "plan", "action": "deploy", "nodes": ["all"], "rules": {"soak": 0}},
    {"op": "plan", "action": "deploy", "nodes": ["all"], "system": True},
    {"op": "plan", "action": "deploy", "nodes": ["all"], "canary": "virginia"},
]


@pytest.mark.parametrize("request_", REQUESTS, ids=json.dumps)
def test_a_request_with_more_in_it_than_the_tables_allow_is_refused(request_: dict[str, Any]) -> None:
    for who, role in ((SERVICE["noc-agent"], None), (spoken_for("noc-bot", "telegram"), "approver")):
        with pytest.raises(CallerRefused):
            check_permitted(who, role, request_)  # type: ignore[arg-type]


def test_a_plan_of_nodes_a_release_and_their_configuration_may_be_asked_for() -> None:
    asked = {"op": "plan", "action": "deploy", "nodes": ["all"], "release": "1.4.2", "configuration": True}
    check_permitted(SERVICE["noc-agent"], None, asked)


def test_what_a_person_has_planned_is_not_begun_for_whom_may_not_plan_it() -> None:
    for other in (plan(action="terminate"), plan(options=Options(restore_data=True)), plan(system=True)):
        with pytest.raises(CallerRefused):
            check_plan(SERVICE["noc-agent"], other)
        check_plan(person("anna"), other)
    check_plan(SERVICE["noc-agent"], plan())
    check_plan(SERVICE["noc-agent"], plan(action="os-update", system=True))
