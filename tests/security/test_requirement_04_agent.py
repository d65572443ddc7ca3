"""Requirement 4: an agent cannot approve, read a secret or run a command, by whichever door it asks."""

import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from noc.agent.mcp import tools
from noc.agent.verbs.table import TOOLS
from noc.errors import NocError
from noc.hosts.trust import generate_key
from noc.runs.admission.caller import Caller
from noc.runs.admission.requests import MAX_WAITING_EACH
from noc.runs.runner.operations import Operations
from noc.watch.access.keyring import Keyring
from noc.watch.api.operation import Operation
from noc.watch.api.rest import Api
from principal_kit import ROOT, SERVICE, Hall, person
from unit.runs.test_principals_door import refusal, rewrite
from unit.watch.test_tokens import House as WatchHouse
from watch_kit import NAMES, token
from watching import watching

UNIT = Path(__file__).parents[1] / "unit"
AGENT, CLAUDE = SERVICE["noc-agent"], person("claude")
DECIDING = {"approve", "deny", "resume", "lift", "link", "link-code", "unlink"}
SHELLS = {"exec", "ssh", "logs"}
SECRETS = {"unseal", "seal", "backup-request", "rehearse", "peer-add", "peer-remove"}
CHANGES = {("POST", "/api/v1/incidents/{id:int}/ack")}
"""All that an agent may change at the watch."""


def test_a_models_tools_are_those_of_the_golden_file() -> None:
    golden = json.loads((UNIT / "agent" / "tools.json").read_text())
    assert {tool.name for tool in tools.listed()} == set(TOOLS) == set(golden)
    assert not {name for name in golden if any(word in name for word in (*DECIDING, *SHELLS, "secret", "seal"))}


def test_the_runner_refuses_an_agent_whatever_the_golden_file_does_not_name(hall: Hall) -> None:
    golden = json.loads((UNIT / "runs" / "permits.json").read_text())
    operations = Operations(hall.house.runner)
    offered = {*operations.by_name, *operations.talks}
    refused = offered - set(golden["own"]["noc-agent"])
    assert refused >= DECIDING | SHELLS | SECRETS
    for op in sorted(refused):
        assert (
            refusal(hall, AGENT, op, node="frankfurt", nodes=["frankfurt"], request="last", run="last").code == "E501"
        )


@pytest.mark.parametrize("op", ["exec", "ssh", "logs", "approve"])
def test_an_agent_with_a_login_of_its_own_gets_no_shell_and_approves_nothing(hall: Hall, op: str) -> None:
    key = hall.house.paths.credentials / "ssh_key"
    key.touch(mode=0o600)
    key.write_bytes(generate_key("noc").private)
    rewrite(hall, '[[people]]\nname = "anna"', '[approval]\nlow = "one"\n[[people]]\nname = "anna"')
    digest = hall.ask(CLAUDE, "plan", action="backup", nodes=["frankfurt"])["plan"]["digest"]
    hall.ask(CLAUDE, "start", digest=digest)
    fields = {"nodes": ["frankfurt"], "node": "frankfurt", "argv": ["true"], "within_s": 5, "request": digest}
    assert refusal(hall, CLAUDE, op, **fields).exit_code == 5


def test_an_agent_that_asks_for_ever_more_keeps_nobody_else_from_asking(hall: Hall) -> None:
    def ask(there: Caller) -> None:
        digest = hall.ask(there, "plan", action="backup", nodes=["frankfurt"])["plan"]["digest"]
        assert "approval" in hall.ask(there, "start", digest=digest)

    rewrite(hall, '[[people]]\nname = "anna"', '[approval]\nlow = "another"\n[[people]]\nname = "anna"')
    for _ in range(MAX_WAITING_EACH):
        ask(AGENT)
    with pytest.raises(NocError, match="wait for an approval already"):
        ask(AGENT)
    ask(person("james"))
    waiting = Counter(each["requester"] for each in hall.ask(ROOT, "pending")["requests"])
    assert waiting == {"noc-agent": MAX_WAITING_EACH, "james": 1}


@pytest.fixture
async def at_watch(tmp_path: Path) -> AsyncIterator[WatchHouse]:
    """A watch, and somebody at its socket who is an agent."""
    async with watching(tmp_path) as watch:
        keyring = Keyring(watch)
        await keyring.start()
        made = WatchHouse(watch, keyring)
        made.make("agent")
        yield made


def table(house: WatchHouse) -> list[Operation[Any, Any]]:
    return Api(house.watch, house.keyring).operations


def filled(operation: Operation[Any, Any]) -> str:
    path = operation.path.replace("{id:int}", "1").replace("{person}", "anna")
    return path.replace("{name}", "frankfurt").replace("{id}", "1")


async def test_at_the_watch_an_agent_changes_nothing_but_whom_an_incident_waits_for(at_watch: WatchHouse) -> None:
    writes = [each for each in table(at_watch) if each.method != "GET"]
    assert len(writes) > 10
    answers = {
        (each.method, each.path): (await at_watch.local(each.method, filled(each), {})).status_code for each in writes
    }
    assert {key for key, status in answers.items() if status != 403} == CHANGES


async def test_nothing_that_an_agent_may_read_there_holds_a_token(at_watch: WatchHouse) -> None:
    at_watch.make("approver")
    secret = (await at_watch.token()).json()["secret"]
    at_watch.make("agent")
    read = [await at_watch.local("GET", filled(each)) for each in table(at_watch) if each.method == "GET"]
    assert sum(answer.status_code == 200 for answer in read) > 8
    for known in (secret, *map(token, NAMES)):
        for hidden in (known, hashlib.sha256(known.encode()).hexdigest()):
            assert not any(hidden in answer.text for answer in read)
