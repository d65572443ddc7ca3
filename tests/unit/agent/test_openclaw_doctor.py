"""The doctor: the kit as it was written is well, and each way to loosen it is found."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from noc.agent.openclaw.chatrules import chat_findings
from noc.agent.openclaw.configuration import configuration
from noc.agent.openclaw.doctor import read_live
from noc.agent.openclaw.errors import BadLiveConfig
from noc.agent.openclaw.finding import Finding
from noc.agent.openclaw.modelrules import model_findings
from noc.agent.openclaw.sender import Sender
from noc.agent.openclaw.toolrules import tool_findings
from noc.fleet.chatting import Discord, Telegram
from noc.fleet.load import load

EXAMPLE = Path(__file__).parents[3] / "fleet"
CHATS = {"telegram": Telegram(chat=-1001), "discord": Discord(guild=11, channel=22)}
PEOPLE = (Sender("telegram", "4711", "approver"), Sender("discord", "99", "viewer"))
FLEET = load(EXAMPLE).model_copy(update=CHATS)
LIVE = configuration(FLEET, PEOPLE)
Config = dict[str, Any]


def pure(live: Config) -> list[Finding]:
    return [*tool_findings(live), *chat_findings(live), *model_findings(live)]


def wrong(findings: list[Finding]) -> dict[str, str]:
    return {finding.name: finding.seen for finding in findings if not finding.ok}


def put(live: Config, path: str, value: Any) -> None:
    """Set the value at a dotted path; a dot in a key is written as `~`."""
    *above, last = [each.replace("~", ".") for each in path.split(".")]
    for key in above:
        live = live.setdefault(key, {})
    live[last] = value


def test_the_kits_configuration_is_well() -> None:
    assert wrong(pure(LIVE)) == {}


def test_the_kits_configuration_without_chats_is_well() -> None:
    assert wrong(pure(configuration(FLEET, ()))) == {}


AGENT = "agents.entries.noc"
LOOSENED: list[tuple[str, str, Any]] = [
    ("exec", "tools.exec", {"mode": "full"}),
    ("exec", "tools.exec", {}),
    ("exec", f"{AGENT}.tools.exec", {"mode": "ask"}),
    ("elevated", "tools.elevated.enabled", True),
    ("tools", "tools.allow", ["*"]),
    ("tools", "tools.allow", []),
    ("tools", f"{AGENT}.tools.allow", ["noc__*"]),
    ("tools", f"{AGENT}.tools.allow", ["noc__fleet_status", "write"]),
    ("tools", f"{AGENT}.tools.alsoAllow", ["exec"]),
    ("tools", "tools.toolsBySender.channel:telegram:4711", {"alsoAllow": ["group:fs"]}),
    ("tools", "channels.telegram.groups.-1001.tools", {"alsoAllow": ["exec"]}),
    ("tools", "agents.entries.other", {"tools": {"allow": ["read"]}}),
    ("tools", "agents.entries", {}),
    ("tool search", "tools.toolSearch", True),
    ("tool search", "tools.codeMode", "auto"),
    ("tool search", f"{AGENT}.tools.codeMode", True),
    ("approve", "mcp.servers.noc.toolFilter.include", ["*"]),
    ("approve", f"{AGENT}.tools.allow", ["noc__approve"]),
    ("approve", "tools.alsoAllow", ["NOC__A*"]),
    ("MCP server", "mcp.servers", {}),
    ("MCP server", "mcp.servers.noc.enabled", False),
    ("MCP server", "mcp.servers.noc.command", "/tmp/noc"),
    ("MCP server", "mcp.servers.noc.args", ["ssh"]),
    ("MCP server", "mcp.servers.noc.toolFilter", {}),
    ("MCP server", "mcp.servers.shell", {"command": "/bin/sh"}),
    ("gate", "plugins.entries.noc-gate.enabled", False),
    ("gate", "plugins.entries.noc-gate.config.askFirst", False),
    ("gate", "plugins.enabled", False),
    ("gate", "plugins.deny", ["noc-gate"]),
    ("gate", "plugins.allow", ["telegram"]),
    ("gate", "plugins.allow", ["noc-gate", "browser"]),
    ("allow lists", "channels.telegram.allowFrom", ["*"]),
    ("allow lists", "channels.telegram.groupAllowFrom", ["4711", "tg:*"]),
    ("allow lists", "channels.discord.guilds.11.users", ["*"]),
    ("allow lists", "channels.telegram.groups", {"*": {}}),
    ("allow lists", "channels.discord.accounts.second", {"allowFrom": ["*"], "configWrites": False}),
    ("allow lists", "channels.discord.dangerouslyAllowNameMatching", True),
    ("strangers", "channels.telegram.dmPolicy", "open"),
    ("strangers", "channels.telegram.dmPolicy", "pairing"),
    ("strangers", "channels.discord.groupPolicy", "open"),
    ("strangers", "channels.discord.accounts.second", {"dmPolicy": "pairing"}),
    ("strangers", "channels.whatsapp", {"configWrites": False}),
    ("configuration by chat", "channels.telegram.configWrites", True),
    ("configuration by chat", "channels.signal", {"dmPolicy": "disabled"}),
    ("sessions", "session.dmScope", "main"),
    ("sessions", "session", {}),
    ("chat commands", "commands.bash", True),
    ("chat commands", "commands", {}),
    ("gateway", "gateway.bind", "lan"),
    ("gateway", "gateway.auth.mode", "none"),
    ("gateway", "gateway.terminal", {}),
    ("gateway", "gateway.tailscale", {"mode": "funnel"}),
    ("hooks", "hooks", {"enabled": True, "token": "${HOOKS_TOKEN}"}),
    ("hooks", "hooks", {"enabled": True, "allowedAgentIds": ["noc"]}),
    ("provider", "models.providers.fireworks", {}),
    ("provider", "models.providers.noc-llm.baseUrl", "http://model.example/v1"),
    ("provider", "models.providers.noc-llm.baseUrl", "https://["),
    ("provider", "models.mode", "merge"),
    ("model", "agents.defaults.model", {"primary": "anthropic/claude", "fallbacks": []}),
    ("model", "agents.defaults.model.fallbacks", ["noc-llm/other"]),
    ("model", f"{AGENT}.model", "openai/gpt"),
    ("secrets", "models.providers.noc-llm.apiKey", "fw_written_out"),
    ("secrets", "channels.telegram.botToken", "1234:written-out"),
    ("secrets", "gateway.auth.password", "written-out"),
    ("secrets", "env.vars", {"SOME_KEY": "written-out"}),
    ("one file", "agents.$include", "./agents.json5"),
]


@pytest.mark.parametrize(("name", "path", "value"), LOOSENED, ids=[f"{each[1]}={each[2]!r:.30}" for each in LOOSENED])
def test_what_was_loosened_is_found(name: str, path: str, value: Any) -> None:
    live = copy.deepcopy(LIVE)
    put(live, path, value)
    assert name in wrong(pure(live))


def test_every_finding_that_a_configuration_can_have_wrong_is_loosened_above() -> None:
    assert {finding.name for finding in pure(LIVE)} == {name for name, _, _ in LOOSENED}


def test_a_secret_that_is_written_out_is_not_shown() -> None:
    live = copy.deepcopy(LIVE)
    put(live, "models.providers.noc-llm.apiKey", "fw_written_out")
    assert "fw_written_out" not in json.dumps([finding.as_dict() for finding in pure(live)])


def test_a_reference_to_the_environment_is_no_secret() -> None:
    live = copy.deepcopy(LIVE)
    put(live, "models.providers.noc-llm.apiKey", "${MODEL_KEY}")
    assert "secrets" not in wrong(pure(live))


def test_a_channel_that_is_off_lets_nobody_in() -> None:
    live = copy.deepcopy(LIVE)
    put(live, "channels.whatsapp", {"enabled": False})
    assert wrong(pure(live)) == {}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.tuples(st.sampled_from([path for _, path, _ in LOOSENED]), VALUES), max_size=4))
@example([("agents.entries", {"": None})])
def test_a_configuration_of_any_shape_is_judged_and_breaks_nothing(changes: list[tuple[str, Any]]) -> None:
    live = copy.deepcopy(LIVE)
    for path, value in changes:
        try:
            put(live, path, value)
        except (AttributeError, TypeError):
            continue
    assert {finding.name for finding in pure(live)} == {finding.name for finding in pure(LIVE)}


# The file itself.


@pytest.mark.parametrize("text", ["{", "[]", "x" * 1_000_001, None], ids=["cut", "list", "long", "absent"])
def test_a_configuration_that_cannot_be_read_is_told(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "live.json5").write_text(text)
    with pytest.raises(BadLiveConfig):
        read_live(tmp_path / "live.json5")
