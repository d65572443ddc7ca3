"""An agent that wants to do without the approval, at every step of the way: it gets nowhere, and it is written down.

It has the tools, and the socket itself as the login noc-agent: what the tools do not offer, the door refuses.
"""

from contextlib import aclosing
from typing import Any

import pytest

from agent_kit import PLAN, approved, call, refusal
from noc.agent.doors.actor import AGENT
from noc.agent.doors.house import House
from noc.agent.doors.runner import RunnerDoor
from noc.errors import NocError
from page_runner_kit import PageRunner


async def wanted(hq: House, **plan: Any) -> str:
    """The digest of a plan that the agent has made and asked to begin."""
    digest = str((await call(hq, "plan_create", **(plan or PLAN)))["digest"])
    assert (await call(hq, "run_start", digest=digest))["state"] == "needs_approval"
    return digest


def nothing_runs(runner: PageRunner) -> bool:
    return runner.runner.current is None and runner.client.ask("list")["runs"] == []


async def test_without_a_plan_there_is_nothing_to_begin(hq: House, runner: PageRunner) -> None:
    assert (await refusal(hq, "run_start", digest="0" * 64))["code"] == "NOC-E504"
    assert nothing_runs(runner)


async def test_to_ask_again_and_again_begins_nothing(hq: House, runner: PageRunner) -> None:
    digest = await wanted(hq)
    for _ in range(5):
        assert (await call(hq, "run_start", digest=digest[:12]))["state"] == "needs_approval"
    assert nothing_runs(runner)


@pytest.mark.parametrize("action", ["reboot", "rollback", "backup"])
async def test_no_action_and_no_risk_goes_without_an_agreement(hq: House, runner: PageRunner, action: str) -> None:
    await wanted(hq, action=action, nodes=["virginia"])
    assert nothing_runs(runner)


ASKED: list[dict[str, Any]] = [
    {"op": "approve", "request": "last"},
    {"op": "deny", "request": "last"},
    {"op": "resume", "run": "last"},
    {"op": "lift"},
    {"op": "exec", "nodes": ["all"], "argv": ["id"]},
    {"op": "ssh", "node": "virginia"},
    {"op": "logs", "nodes": ["all"]},
    {"op": "unseal", "identity": "x"},
    {"op": "link-code", "channel": "telegram"},
    {"op": "link", "channel": "telegram", "id": "1", "code": "ABCD-EFGH"},
    {"op": "principals"},
    {"op": "job", "job": "os-update", "action": "os-update"},
    {"op": "plan", "action": "terminate", "nodes": ["all"]},
    {"op": "plan", "action": "deploy", "nodes": ["all"], "options": {"override_freeze": "I may"}},
    {"op": "approve", "request": "last", "for": {"channel": "telegram", "id": "4711"}},
    {"op": "approve", "request": "last", "for": {"channel": "page", "person": "anna"}},
    {"op": "whoami", "for": {"channel": "page", "person": "anna"}},
]


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: f"{asked['op']} {asked.get('for', '')}")
async def test_what_no_tool_offers_the_door_refuses(hq: House, runner: PageRunner, asked: dict[str, Any]) -> None:
    await wanted(hq)
    operation, fields = asked["op"], {key: value for key, value in asked.items() if key != "op"}
    with pytest.raises(NocError) as raised:
        await RunnerDoor(runner.socket_of(AGENT)).ask(operation, **fields)
    assert raised.value.code == "E501"
    assert nothing_runs(runner)


async def test_a_plan_that_was_changed_on_the_way_is_no_plan(hq: House, runner: PageRunner) -> None:
    door = RunnerDoor(runner.socket_of(AGENT))
    plan = (await door.ask("plan", action="reboot", nodes=["all"]))["plan"]
    for changed in ({"risk": "low"}, {"nodes": ["virginia"]}, {"digest": "0" * 64}):
        with pytest.raises(NocError) as raised:
            await door.ask("start", plan={**plan, **changed})
        assert raised.value.code == "E504"
    assert nothing_runs(runner)


async def test_another_agent_agrees_to_nothing(hq: House, runner: PageRunner) -> None:
    digest = await wanted(hq)
    with pytest.raises(NocError) as raised:
        await approved(runner, digest, by="claude")
    assert raised.value.code in ("E501", "E530")
    assert nothing_runs(runner)


async def test_an_agreement_to_one_plan_is_none_to_the_next(hq: House, runner: PageRunner) -> None:
    first = await approved(runner, await wanted(hq))
    runner.let_go()
    assert (await call(hq, "run_wait", run=first))["state"] == "ok"
    await wanted(hq)
    assert [each["run"] for each in runner.client.ask("list")["runs"]] == [first]


async def test_an_agreement_is_good_for_one_run(hq: House, runner: PageRunner) -> None:
    digest = await wanted(hq)
    run = await approved(runner, digest)
    runner.let_go()
    assert (await call(hq, "run_wait", run=run))["state"] == "ok"
    assert (await call(hq, "run_start", digest=digest))["run"] == run
    with pytest.raises(NocError) as raised:
        async with aclosing(RunnerDoor(runner.socket_of(AGENT)).stream("start", digest=digest)) as answers:
            await anext(answers)
    assert raised.value.code in ("E504", "E533")
    assert [each["run"] for each in runner.client.ask("list")["runs"]] == [run]


async def test_a_no_stays_a_no(hq: House, runner: PageRunner) -> None:
    digest = await wanted(hq)
    await RunnerDoor(runner.socket_of("anna")).ask("deny", request=digest, reason="not today")
    again = await call(hq, "run_start", digest=digest)
    assert (again["state"], again["run"]) == ("denied", None)
    assert (await call(hq, "plan_show", request=digest))["untrusted_reason"] == "not today"
    assert nothing_runs(runner)


async def test_every_try_stands_in_an_audit_that_holds(hq: House, runner: PageRunner) -> None:
    digest = await wanted(hq)
    door = RunnerDoor(runner.socket_of(AGENT))
    for operation in ("approve", "resume", "lift"):
        with pytest.raises(NocError):
            await door.ask(operation, request=digest, run="last")
    entries = (await call(hq, "audit_tail"))["entries"]
    refused = [each["untrusted_what"] for each in entries if each["kind"] == "refusal" and each["by"] == AGENT]
    assert refused == ["ask for approve", "ask for resume", "ask for lift"]
    assert runner.client.ask("audit", verify=True)["problems"] == []
