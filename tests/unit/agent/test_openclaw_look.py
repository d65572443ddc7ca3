"""The doctor on an HQ: files that others may read or write, what is installed, foreign credentials, the endpoint."""

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from noc.agent.openclaw import foreign
from noc.agent.openclaw.asking import offered_finding
from noc.agent.openclaw.configuration import configuration
from noc.agent.openclaw.doctor import examine
from noc.agent.openclaw.finding import Finding
from noc.agent.openclaw.foreign import anthropic_finding
from noc.agent.openclaw.kit import kit
from noc.agent.openclaw.modelrules import Endpoint, endpoint
from noc.agent.openclaw.places import MODEL_KEY, OPENCLAW, UNIT, Places
from noc.agent.openclaw.sender import Sender
from noc.agent.openclaw.writer import write
from noc.fleet.chatting import Agent, Discord, Telegram
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.lab.services.model.server import Server

EXAMPLE = Path(__file__).parents[3] / "fleet"
FLEET = load(EXAMPLE).model_copy(update={"telegram": Telegram(chat=-1001), "discord": Discord(guild=11, channel=22)})
PEOPLE = (Sender("telegram", "4711", "approver"), Sender("discord", "99", "viewer"))
KEY, MODEL = "key-of-the-test", "maker/model-1"


@dataclass
class Hq:
    """The agent's places, with a kit in it."""

    root: Path
    places: Places
    fleet: Fleet

    def wrong(self) -> dict[str, str]:
        """What is wrong by name."""
        return {each.name: each.seen for each in examine(self.places.config, self.places) if not each.ok}


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


def test_a_path_that_is_none_is_found(hq: Hq) -> None:
    loosened = hq.places.config.read_text().replace(f"{hq.places.kit}/plugins/noc-gate", "/a\\u0000/noc-gate")
    hq.places.config.write_text(loosened)
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
