"""The kit: what it lets the model do, whom it lets in, and that nothing secret stands in it."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.agent.openclaw.configuration import configuration
from noc.agent.openclaw.json5 import loads
from noc.agent.openclaw.kit import KitFile, kit
from noc.agent.openclaw.places import CONFIG, TOKENS, UNIT, Places
from noc.agent.openclaw.sender import Sender, senders
from noc.agent.openclaw.tools import model_tools, seen, server_tools, writing_tools
from noc.agent.openclaw.unit import unit_text
from noc.agent.verbs.table import VERBS
from noc.fleet.chatting import Agent, Discord, Telegram
from noc.fleet.load import load
from noc.fleet.model import Fleet
from unit.hub.hub_kit import program

EXAMPLE = Path(__file__).parents[3] / "fleet"
CHATS = {"telegram": Telegram(chat=-1001, api="https://telegram.lab"), "discord": Discord(guild=11, channel=22)}
APPROVER, OPERATOR = Sender("telegram", "4711", "approver"), Sender("telegram", "4712", "operator")
VIEWER, ELSEWHERE = Sender("telegram", "4713", "viewer"), Sender("discord", "99", "operator")
PEOPLE = (APPROVER, OPERATOR, VIEWER, ELSEWHERE)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load(EXAMPLE).model_copy(update=CHATS)


def text(files: list[KitFile], path: str) -> str:
    [found] = [file.text for file in files if file.path == path]
    return found


def test_the_model_has_the_fleets_tools_one_by_one(fleet: Fleet) -> None:
    config = configuration(fleet, ())
    named = [seen(verb.name) for verb in VERBS if "mcp" in verb.doors]
    assert config["tools"]["allow"] == config["agents"]["entries"]["noc"]["tools"]["allow"]
    assert set(named) < set(config["tools"]["allow"])
    assert config["mcp"]["servers"]["noc"]["toolFilter"]["include"] == list(server_tools())


def test_no_tool_approves_and_no_shell_is_left(fleet: Fleet) -> None:
    config = configuration(fleet, PEOPLE)
    assert not [name for name in model_tools() if "approve" in name or "deny" in name or "*" in name]
    assert config["tools"]["exec"] == config["agents"]["entries"]["noc"]["tools"]["exec"] == {"mode": "deny"}
    assert (config["tools"]["toolSearch"], config["tools"]["codeMode"]) == (False, False)


def test_endpoint_and_model_are_the_fleet_files(fleet: Fleet) -> None:
    agent = Agent(api="https://model.lab/v1", model="maker/model-1", context=9000, answer=300)
    config = configuration(fleet.model_copy(update={"agent": agent}), ())
    [(name, provider)] = config["models"]["providers"].items()
    [model] = provider["models"]
    assert provider["baseUrl"] == "https://model.lab/v1"
    assert config["agents"]["defaults"]["model"] == {"primary": f"{name}/maker/model-1", "fallbacks": []}
    assert (model["id"], model["contextWindow"], model["maxTokens"]) == ("maker/model-1", 9000, 300)


def test_without_people_no_chat_is_on(fleet: Fleet) -> None:
    assert configuration(fleet, ())["channels"] == {}


def test_a_chat_that_the_fleet_has_not_is_left_out(fleet: Fleet) -> None:
    config = configuration(fleet.model_copy(update={"discord": None}), PEOPLE)
    assert list(config["channels"]) == ["telegram"]


def test_a_chat_listens_to_those_who_are_linked_there(fleet: Fleet) -> None:
    telegram, discord = (configuration(fleet, PEOPLE)["channels"][name] for name in ("telegram", "discord"))
    assert telegram["allowFrom"] == telegram["groupAllowFrom"] == ["4711", "4712", "4713"]
    assert discord["allowFrom"] == discord["guilds"]["11"]["users"] == ["99"]
    assert list(telegram["groups"]) == ["-1001"]
    assert {chat["dmPolicy"] for chat in (telegram, discord)} == {"allowlist"}
    assert telegram["execApprovals"]["approvers"] == ["4711"]


def test_for_who_only_looks_the_agent_only_reads_and_halts(fleet: Fleet) -> None:
    limits = configuration(fleet, PEOPLE)["tools"]["toolsBySender"]
    assert set(limits) == {"channel:telegram:4711", "channel:telegram:4712", "channel:discord:99", "*"}
    assert set(limits["*"]["deny"]) == set(writing_tools()) - {"noc__halt"}
    assert seen("run_start") in limits["*"]["deny"]


def test_agents_and_those_who_left_are_not_let_in() -> None:
    listed: list[dict[str, Any]] = [
        {"person": "johan", "role": "approver", "identities": [{"channel": "telegram", "id": "5", "since": "x"}]},
        {"person": "robot", "role": "agent", "identities": [{"channel": "telegram", "id": "6"}]},
        {"person": "gone", "role": None, "identities": [{"channel": "discord", "id": "7"}]},
    ]
    assert senders(listed) == [Sender("telegram", "5", "approver")]


def test_every_secret_is_a_file_and_none_is_in_the_kit(fleet: Fleet) -> None:
    config = configuration(fleet, PEOPLE)
    secrets: Any = config["secrets"]["providers"]
    assert set(secrets) == {"model_key", "gateway_token", *TOKENS.values()}
    assert {secret["source"] for secret in secrets.values()} == {"file"}
    assert isinstance(config["gateway"]["auth"]["token"], dict)
    assert not re.search(r"\b(sk-|[0-9]{8,}:AA|AGE-SECRET)", "".join(file.text for file in kit(fleet, PEOPLE)))


def test_the_configuration_is_json5_that_says_where_it_comes_from(fleet: Fleet) -> None:
    written = text(kit(fleet, PEOPLE), CONFIG)
    assert loads(written) == configuration(fleet, PEOPLE)
    assert written.startswith("//")


def test_the_gate_knows_the_tools_and_has_no_gap_left(fleet: Fleet) -> None:
    program = text(kit(fleet), "plugins/noc-gate/index.js")
    listed = re.search(r"new Set\((\[.*?\])\)", program)
    assert listed is not None
    assert json.loads(listed.group(1)) == list(model_tools())
    assert "__" not in re.sub(r"noc__\w+", "", program)


def test_the_gate_asks_first_where_there_is_somebody_to_ask(fleet: Fleet) -> None:
    asks = [
        configuration(fleet, people)["plugins"]["entries"]["noc-gate"]["config"]["askFirst"]
        for people in ((), (OPERATOR, VIEWER), PEOPLE)
    ]
    assert asks == [False, False, True]


def test_no_text_of_the_kit_has_a_gap_left(fleet: Fleet) -> None:
    gaps = [file.path for file in kit(fleet, PEOPLE) if re.search(r"__[A-Z]+__", file.text)]
    assert gaps == []


def test_the_rules_name_no_tool_that_is_not_there(fleet: Fleet) -> None:
    rules = text(kit(fleet), "workspace/AGENTS.md") + text(kit(fleet), "skills/clavitor-noc/references/runbooks.md")
    named = set(re.findall(r"noc__\w+", rules))
    assert named
    assert named <= set(model_tools())


def test_the_skill_says_the_same_as_the_agents_rules(fleet: Fleet) -> None:
    files = kit(fleet)
    assert text(files, "skills/clavitor-noc/SKILL.md").endswith(text(files, "workspace/AGENTS.md"))


def test_what_names_people_is_not_for_everybody(fleet: Fleet) -> None:
    assert {file.path: file.mode for file in kit(fleet, PEOPLE) if file.mode != 0o644} == {CONFIG: 0o640}


def test_the_unit_is_the_agents_and_loads_what_the_configuration_reads(fleet: Fleet) -> None:
    unit = text(kit(fleet, PEOPLE), UNIT)
    loaded = set(re.findall(r"^LoadCredential=(\w+):", unit, re.MULTILINE))
    assert "User=noc-agent\n" in unit
    assert loaded == {"model_key", *TOKENS.values()}
    assert loaded == set(re.findall(r"install -m 0400 \S+/(\w+) ", unit))


def test_the_unit_asks_for_no_token_of_a_chat_that_is_off(fleet: Fleet) -> None:
    assert "token" not in text(kit(fleet), UNIT).replace("gateway_token", "")


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)


@given(NAMES, NAMES, NAMES)
def test_all_paths_follow_the_places(one: str, two: str, three: str) -> None:
    places = Places(Path("/k", one), Path("/s", two), Path("/r", three), Path("/n/noc"))
    written = json.dumps(configuration(load(EXAMPLE), (), places)) + unit_text((), places)
    own = (Path("/etc/noc-agent"), Path("/var/lib/noc-agent"), Path("/run/noc-agent"), Path("/usr/local/bin/noc"))
    assert [path for path in own if str(path) in written] == []


def test_systemd_understands_every_line_of_the_unit(fleet: Fleet, tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    # The programs are not installed here; whether they exist is not this test's question.
    unit = re.sub(r"(?<==)/(usr|opt)/\S+", "/bin/true", text(kit(fleet, PEOPLE), UNIT))
    (tmp_path / UNIT).write_text(unit)
    argv = [analyze, "verify", "--man=no", str(tmp_path / UNIT)]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=60, env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    )
    assert [line for line in done.stderr.splitlines() if UNIT in line] == []
