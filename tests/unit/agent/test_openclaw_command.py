"""`noc openclaw`: the kit as an operator writes it, and the doctor's answer."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from noc.agent.openclaw import foreign
from noc.cli.openclaw import app
from noc.errors import NocError
from noc.runs.admission.identities import Identities, Identity
from noc.runs.paths import Paths
from runner_house import House

CHATS = '\n[[people]]\nname = "johan"\nrole = "approver"\n[telegram]\nchat = -1001\n'


def noc(*arguments: object) -> tuple[int, str, str]:
    """Give a command in this process: exit code, stdout, and stderr or the error."""
    done = CliRunner().invoke(app, [str(each) for each in arguments])
    if isinstance(done.exception, NocError):
        return done.exception.exit_code, done.stdout, done.stderr + str(done.exception)
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def fleet(paths: Paths) -> Path:
    with (paths.fleet / "fleet.toml").open("a") as file:
        file.write(CHATS)
    return paths.fleet


def test_a_kit_is_written_and_a_second_time_left_alone(fleet: Path, tmp_path: Path) -> None:
    first, second = (json.loads(noc("init", tmp_path / "kit", "-C", fleet, "--json")[1]) for _ in range(2))
    assert first["written"] == first["files"]
    assert second["written"] == []


def test_an_edited_file_is_shown_and_kept(fleet: Path, tmp_path: Path) -> None:
    noc("init", tmp_path / "kit", "-C", fleet)
    (tmp_path / "kit/README.md").write_text("mine\n")
    code, _, said = noc("init", tmp_path / "kit", "-C", fleet)
    assert (code, "-mine\n" in said, "NOC-E875" in said) == (7, True, True)
    assert noc("init", tmp_path / "kit", "-C", fleet, "--force")[0] == 0


def test_those_whose_chats_are_linked_are_let_in(
    fleet: Path, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = Identity(channel="telegram", id="4711", person="johan", at=datetime.now(UTC))
    Identities(house.paths.identities).add(identity)
    monkeypatch.setenv("NOC_RUNNER_SOCKET", str(house.paths.runner_socket))
    assert noc("init", tmp_path / "kit", "-C", fleet, "--linked")[0] == 0
    assert '"allowFrom": [\n        "4711"\n' in (tmp_path / "kit/openclaw.json5").read_text()


def test_paths_in_the_kit_do_not_depend_on_where_the_command_was_given(
    fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    noc("init", "kit", "-C", fleet)
    assert f'"{tmp_path}/kit/skills"' in (tmp_path / "kit/openclaw.json5").read_text()


@pytest.fixture
def findings(fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the doctor says of a kit that is nowhere near its place: some of it is wrong."""
    monkeypatch.setattr(foreign, "ROOT", tmp_path / "nowhere")
    noc("init", tmp_path / "kit", "-C", fleet)
    config = tmp_path / "kit/openclaw.json5"
    config.write_text(config.read_text().replace("https://api.fireworks.ai/inference/v1", "http://127.0.0.1:9/v1"))
    return config


def test_the_doctor_tells_what_is_wrong_and_how_it_is_mended(findings: Path) -> None:
    code, shown, said = noc("doctor", "--config", findings)
    assert code == 1
    assert "✗ wrong  endpoint" in shown
    assert "endpoint: " in said


def test_the_doctors_document_holds_every_finding(findings: Path) -> None:
    code, shown, _ = noc("doctor", "--config", findings, "--json")
    document = json.loads(shown)
    assert (code, document["ok"]) == (1, False)
    assert {"exec", "gate", "approve", "Anthropic credentials"} <= {
        each["name"] for each in document["findings"] if each["ok"]
    }


def test_a_configuration_that_is_not_there_is_told(tmp_path: Path) -> None:
    code, _, said = noc("doctor", "--config", tmp_path / "none.json5")
    assert (code, "NOC-E877" in said) == (6, True)
