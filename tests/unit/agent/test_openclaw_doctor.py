"""The doctor: the kit as it was written is well, and each way to loosen it is found."""

import copy
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.agent.openclaw import foreign
from noc.agent.openclaw.asking import offered_finding
from noc.agent.openclaw.chatrules import chat_findings
from noc.agent.openclaw.configuration import configuration
from noc.agent.openclaw.doctor import examine, read_live
from noc.agent.openclaw.errors import BadLiveConfig
from noc.agent.openclaw.finding import Finding
from noc.agent.openclaw.foreign import anthropic_finding
from noc.agent.openclaw.kit import kit
from noc.agent.openclaw.modelrules import Endpoint, endpoint, model_findings
from noc.agent.openclaw.places import MODEL_KEY, OPENCLAW, UNIT, Places
from noc.agent.openclaw.sender import Sender
from noc.agent.openclaw.toolrules import tool_findings
from noc.agent.openclaw.writer import write
from noc.fleet.chatting import Agent, Discord, Telegram
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.lab.chat.model_server import Server

EXAMPLE = Path(__file__).parents[3] / "fleet"
CHATS = {"telegram": Telegram(chat=-1001), "discord": Discord(guild=11, channel=22)}
PEOPLE = (Sender("telegram", "4711", "approver"), Sender("discord", "99", "viewer"))
KEY, MODEL = "key-of-the-test", "maker/model-1"
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


# Files, on an HQ below a directory.


@dataclass
class Hq:
    """The agent's places, with a kit in it."""

    root: Path
    places: Places
    fleet: Fleet

    def wrong(self) -> dict[str, str]:
        return wrong(examine(self.places.config, self.places))


@pytest.fixture
def base() -> Iterator[str]:
    """A model's endpoint on loopback, which offers one model."""
    server = Server(("127.0.0.1", 0), KEY, (MODEL,))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hq(tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch) -> Hq:
    """An HQ that is well."""
    monkeypatch.setattr(foreign, "ROOT", tmp_path)
    paths = ("etc/noc-agent", "var/lib/noc-agent", "run/noc-agent", "noc", "opt/openclaw", "noc-agent.service")
    places = Places(*(tmp_path / path for path in paths))
    for directory in (places.state, places.run):
        directory.mkdir(parents=True)
        directory.chmod(0o700)
    (places.run / MODEL_KEY).write_text(KEY + "\n")
    (places.run / MODEL_KEY).chmod(0o400)
    fleet = FLEET.model_copy(update={"agent": Agent(api=base, model=MODEL)})
    write(places.kit, kit(fleet, PEOPLE, places))
    shutil.copy(places.kit / UNIT, places.unit)
    install(places, OPENCLAW)
    return Hq(tmp_path, places, fleet)


def install(places: Places, version: str) -> None:
    package = places.prefix / "node_modules/openclaw/package.json"
    package.parent.mkdir(parents=True, exist_ok=True)
    package.write_text(json.dumps({"name": "openclaw", "version": version}))


def test_an_hq_with_the_kit_is_well(hq: Hq) -> None:
    assert hq.wrong() == {}


def opened_config(hq: Hq) -> None:
    hq.places.config.chmod(0o644)


def opened_state(hq: Hq) -> None:
    (hq.places.state / "session.jsonl").write_text("what was said")
    hq.places.state.chmod(0o755)


def opened_key(hq: Hq) -> None:
    (hq.places.run / MODEL_KEY).chmod(0o440)


@pytest.mark.parametrize("open_it", [opened_config, opened_state, opened_key])
def test_what_others_may_read_is_found(hq: Hq, open_it: Callable[[Hq], None]) -> None:
    open_it(hq)
    assert list(hq.wrong()) == ["private files"]


def test_rules_that_others_may_write_are_found(hq: Hq) -> None:
    (hq.places.kit / "workspace/AGENTS.md").chmod(0o666)
    assert list(hq.wrong()) == ["binding files"]


def test_a_configuration_that_is_a_link_is_found(hq: Hq) -> None:
    moved = hq.places.kit / "elsewhere.json5"
    hq.places.config.rename(moved)
    hq.places.config.symlink_to(moved)
    assert list(hq.wrong()) == ["binding files"]


def test_a_gate_that_was_changed_is_found(hq: Hq) -> None:
    program = hq.places.kit / "plugins/noc-gate/index.js"
    program.write_text(program.read_text().replace("block: true", "block: false"))
    assert list(hq.wrong()) == ["gate's program"]


def test_a_gate_that_is_gone_is_found(hq: Hq) -> None:
    (hq.places.kit / "plugins/noc-gate/index.js").unlink()
    assert list(hq.wrong()) == ["gate's program"]


def test_another_openclaw_than_was_tried_is_told(hq: Hq) -> None:
    install(hq.places, "2027.1.1")
    assert hq.wrong() == {"OpenClaw": f"2027.1.1; the kit was tried with {OPENCLAW}"}


@pytest.mark.parametrize("text", ["", "[]", "{}", None])
def test_an_openclaw_that_is_not_there_is_told(hq: Hq, text: str | None) -> None:
    package = hq.places.prefix / "node_modules/openclaw/package.json"
    package.unlink() if text is None else package.write_text(text)
    assert list(hq.wrong()) == ["OpenClaw"]


def test_a_unit_of_somebody_elses_is_found(hq: Hq) -> None:
    hq.places.unit.write_text(hq.places.unit.read_text().replace("User=noc-agent", "User=root"))
    assert hq.wrong() == {"unit": "it runs as root"}


def test_a_unit_that_is_not_there_is_found(hq: Hq) -> None:
    hq.places.unit.unlink()
    assert list(hq.wrong()) == ["unit"]


# Credentials that have no business on HQ. The values are made up.

LEFT_BEHIND = [
    ("etc/environment", "PATH=/bin\nANTHROPIC_API_KEY=sk-ant-madeup0000000000\n", "/etc/environment line 2"),
    ("etc/systemd/system/noc-agent.service.d/key.conf", "[Service]\nEnvironment=ANTHROPIC_AUTH_TOKEN=x1\n", "line 2"),
    ("etc/noc-agent/.env", 'export CLAUDE_CODE_OAUTH_TOKEN="madeup"\n', "/etc/noc-agent/.env line 1"),
    ("etc/noc-credentials/model_key", "sk-ant-madeup0000000000\n", "/etc/noc-credentials/model_key line 1"),
    ("etc/noc-credentials/anthropic_key", "x\n", "/etc/noc-credentials/anthropic_key is called so"),
    ("root/.claude/.credentials.json", "{}", "/root/.claude/.credentials.json is a sign-in"),
    ("home/johan/.config/anthropic/key", "x", "/home/johan/.config/anthropic/key is a sign-in"),
    ("home/johan/.config/tool/deep/settings.json", '{"ANTHROPIC_API_KEY": "x"}', "settings.json line 1"),
    ("var/lib/noc-agent/.env", "ANTHROPIC_API_KEY=x\n", "/var/lib/noc-agent/.env line 1"),
    ("home/johan/.bashrc", "alias l=ls\nexport ANTHROPIC_API_KEY='x'\n", "/home/johan/.bashrc line 2"),
]


@pytest.mark.parametrize(("path", "content", "told"), LEFT_BEHIND, ids=[each[0] for each in LEFT_BEHIND])
def test_a_credential_that_was_left_behind_is_found_and_not_shown(
    tmp_path: Path, path: str, content: str, told: str
) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(content)
    found = anthropic_finding(tmp_path)
    assert not found.ok
    assert told in found.seen
    assert "madeup" not in json.dumps(found.as_dict())


HARMLESS = ("ANTHROPIC_API_KEY=", "# ANTHROPIC models are not used", "MY_ANTHROPICS=1", "ANTHROPIC_API_KEY=$X")


@pytest.mark.parametrize("content", HARMLESS)
def test_what_is_no_credential_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/environment").write_text(content)
    assert anthropic_finding(tmp_path).ok


def test_a_file_that_cannot_be_read_as_text_breaks_nothing(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/environment").write_bytes(b"\xff\x00ANTHROPIC_API_KEY=x\n")
    os.mkfifo(tmp_path / "etc/environment.d")
    assert "line 1" in anthropic_finding(tmp_path).seen


# The endpoint.


def asked(base: str, tmp_path: Path, *, model: str = MODEL, key: str = KEY) -> Finding:
    (tmp_path / "key").write_text(key)
    return offered_finding(Endpoint(base, model, tmp_path / "key"))


def test_a_model_that_is_offered_is_well(base: str, tmp_path: Path) -> None:
    assert asked(base, tmp_path) == Finding("endpoint", True, f"offers {MODEL}")


def test_a_model_that_is_not_offered_is_told(base: str, tmp_path: Path) -> None:
    found = asked(base, tmp_path, model="maker/model-2")
    assert (found.ok, found.seen) == (False, "maker/model-2 is not among its 1 models")


def test_a_key_that_is_refused_is_told_and_not_shown(base: str, tmp_path: Path) -> None:
    found = asked(base, tmp_path, key="another-key")
    assert (found.ok, found.seen) == (False, "it refuses the key")
    assert "another-key" not in json.dumps(found.as_dict())


def test_an_endpoint_that_is_away_is_told(tmp_path: Path) -> None:
    assert "does not answer" in asked("http://127.0.0.1:9/v1", tmp_path).seen


def test_an_address_that_is_none_is_told(tmp_path: Path) -> None:
    assert "does not answer" in asked("http://[", tmp_path).seen


def test_an_endpoint_that_is_something_else_is_told(base: str, tmp_path: Path) -> None:
    assert asked(base + "/files", tmp_path).seen == "it answers 404"


def test_without_a_key_nothing_is_asked(base: str, tmp_path: Path) -> None:
    assert "no key" in asked(base, tmp_path, key="").seen


def test_a_configuration_without_an_endpoint_is_told() -> None:
    assert endpoint({"models": {"providers": {"noc-llm": {"baseUrl": 3}}}}) is None
    assert not offered_finding(None).ok


def test_the_endpoint_is_the_one_that_the_agent_asks() -> None:
    found = endpoint(configuration(FLEET, (), replace(Places(), run=Path("/r"))))
    assert found == Endpoint(FLEET.agent.api, FLEET.agent.model, Path("/r") / MODEL_KEY)
