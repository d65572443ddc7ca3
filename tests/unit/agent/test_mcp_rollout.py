"""A deployment by an agent from its plan to its end: agreed to by a person, rolled out, one node bad, turned back."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import bot_kit
from agent_kit import call
from bot_kit import DEADLINE_S, Hq, headquarters
from noc.agent.doors.actor import AGENT
from noc.runs.admission.caller import Caller
from noc.runs.runner.client import read_answer
from principal_kit import SERVICE

DEPLOY = {"action": "deploy", "nodes": ["all"], "version": "1.1.0"}


@pytest.fixture
def hq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hq]:
    """HQ, at whose runner the agent knocks; people come by names of their own."""

    def identify(connection: socket.socket) -> Caller:
        return bot_kit.identify(connection) if connection.getpeername() else SERVICE[AGENT]

    with headquarters(tmp_path, monkeypatch) as made:
        monkeypatch.setattr("noc.runs.runner.door.identify", identify)
        yield made


def approve(hq: Hq, by: str, digest: str) -> str:
    """Somebody with a login agrees; the run that this begins."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(DEADLINE_S)
        connection.bind(f"\0noc-test-{by}-{id(hq)}-approves")
        connection.connect(str(hq.house.paths.runner_socket))
        connection.sendall(json.dumps({"op": "approve", "request": digest}).encode() + b"\n")
        with connection.makefile("rb") as lines:
            answers = map(read_answer, lines)
            return str(next(answer["run"] for answer in answers if "run" in answer and "approved" not in answer))


async def agreed(hq: Hq, **plan: object) -> str:
    """The run of a plan that the agent has made and Anna has agreed to."""
    made = await call(hq.doors, "plan_create", **plan)
    started = await call(hq.doors, "run_start", digest=made["digest"])
    assert started["state"] == "needs_approval"
    return approve(hq, "anna", made["digest"])


async def ended(hq: Hq, run: str) -> tuple[str, dict[str, str]]:
    """What became of a run, and of each of its nodes, as one who waits for it hears."""
    for _ in range(10):
        found = await call(hq.doors, "run_wait", run=run)
        if found["state"] != "under way":
            return found["state"], {row["node"]: row["stands"] for row in found["nodes"]}
    raise AssertionError(f"run {run} does not end")


async def test_a_release_reaches_every_node_once_a_person_has_agreed(hq: Hq) -> None:
    state, nodes = await ended(hq, await agreed(hq, **DEPLOY))
    assert (state, set(nodes.values())) == ("ok", {"confirmed"})


async def test_a_plan_tells_from_which_release_to_which(hq: Hq) -> None:
    plan = await call(hq.doors, "plan_create", **DEPLOY)
    assert [row["change"] for row in plan["nodes"]] == ["1.0.0 (1) → 1.1.0 (2)"] * 3
    assert (plan["risk"], plan["has_work"], plan["blocked"]) == ("medium", True, [])


async def test_where_nobody_has_to_agree_an_agent_needs_somebody_all_the_same(hq: Hq) -> None:
    plan = await call(hq.doors, "plan_create", action="deploy", nodes=["virginia"], version="1.1.0")
    assert plan["risk"] == "low"
    assert plan["agreement"] == "an approver"
    assert (await call(hq.doors, "run_start", digest=plan["digest"]))["state"] == "needs_approval"
    assert hq.runs() == []


async def test_a_node_that_is_bad_is_turned_back_and_the_agent_is_told_which_and_why(hq: Hq) -> None:
    hq.world.machines["frankfurt"].flaw = "no heartbeat"
    run = await agreed(hq, **DEPLOY)
    state, nodes = await ended(hq, run)
    assert state != "ok"
    assert nodes == {"virginia": "confirmed", "frankfurt": "rolled-back", "singapore": "untouched"}
    told = {row["node"]: row["untrusted_words"] for row in (await call(hq.doors, "run_status", run=run))["nodes"]}
    assert told["frankfurt"]


async def test_the_way_back_is_a_plan_that_a_person_agrees_to_as_well(hq: Hq) -> None:
    assert (await ended(hq, await agreed(hq, **DEPLOY)))[0] == "ok"
    state, _ = await ended(hq, await agreed(hq, action="rollback", nodes=["all"]))
    assert state == "ok"
    assert {machine.current for machine in hq.world.machines.values()} == {"a" * 64}


async def test_the_audit_names_who_asked_and_who_agreed_and_it_holds(hq: Hq) -> None:
    await ended(hq, await agreed(hq, **DEPLOY))
    entries = (await call(hq.doors, "audit_tail"))["entries"]
    done = [(each["by"], each["untrusted_what"]) for each in entries if each["kind"] == "intent"]
    assert (AGENT, "ask for deploy 1.1.0 (build 2) to 3 nodes") in done
    assert ("anna", "approve deploy 1.1.0 (build 2) to 3 nodes") in done
    assert hq.ask("root", "audit", verify=True)["problems"] == []
