"""`noc nodes`, `noc render` and the completion of names, on the plan's fleet."""

import json
import os
import pwd
import shutil
import tempfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from noc.cli.completion import node_names
from noc.cli.nodes import app as nodes
from noc.cli.render import app as render
from noc.fleet.inventory import Inventory, NodeRecord, save_inventory

PLAN = Path(__file__).parents[3] / "fleet"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PLAN, tmp_path / "fleet"))


def call(app: object, *args: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)  # type: ignore[arg-type]
    return done.exit_code, done.stdout


def test_each_machine_has_one_line() -> None:
    assert len(call(nodes, "-C", PLAN)[1].splitlines()) == 1 + 21


def test_a_planned_node_is_marked_with_glyph_and_word() -> None:
    assert "· planned" in call(nodes, "-C", PLAN)[1]


def test_a_live_node_shows_its_address(directory: Path) -> None:
    record = NodeRecord.model_validate({"life": "live", "address": "203.0.113.7"})
    save_inventory(directory, Inventory(nodes={"frankfurt": record}))
    (line,) = (line for line in call(nodes, "-C", directory)[1].splitlines() if "frankfurt" in line)
    assert line.endswith("203.0.113.7     ✓ live   ")


def test_json_is_one_document_with_every_node() -> None:
    document = json.loads(call(nodes, "-C", PLAN, "--json")[1])
    assert [node["number"] for node in document["nodes"]] == list(range(1, 21))


def test_json_holds_no_token_hash(directory: Path) -> None:
    save_inventory(directory, Inventory(nodes={"frankfurt": NodeRecord(push_token_sha256="ab" * 32)}))
    assert "ab" * 32 not in call(nodes, "-C", directory, "--json")[1]


def test_the_plans_fleet_has_not_drifted() -> None:
    assert call(render, "--check", "-C", PLAN)[0] == 0


def test_a_check_tells_the_drift_and_exits_1(directory: Path) -> None:
    (directory / "nixos/nodes/paris.nix").write_text("{ }\n")
    status, told = call(render, "--check", "-C", directory)
    assert (status, told) == (1, "✗ different nixos/nodes/paris.nix\n")


def test_a_check_changes_nothing(directory: Path) -> None:
    (directory / "nixos/nodes/paris.nix").write_text("{ }\n")
    call(render, "--check", "-C", directory)
    assert (directory / "nixos/nodes/paris.nix").read_text() == "{ }\n"


def test_render_mends_the_drift(directory: Path) -> None:
    (directory / "nixos/nodes/paris.nix").write_text("{ }\n")
    assert call(render, "-C", directory) == (0, "✓ written nixos/nodes/paris.nix\n")
    assert call(render, "--check", "-C", directory)[0] == 0


def test_drift_as_json_names_kind_and_difference(directory: Path) -> None:
    (directory / "wireguard/peers.conf").unlink()
    status, told = call(render, "--check", "--json", "-C", directory)
    (drift,) = json.loads(told)["drift"]
    assert (status, drift["path"], drift["kind"]) == (1, "wireguard/peers.conf", "missing")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")
def test_root_renders_as_the_owner_of_the_fleet_directory() -> None:
    """The runner could not change files of root's again, and a link that it laid would lead root's hand elsewhere."""
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o755)
        directory = Path(shutil.copytree(PLAN, Path(parent, "fleet")))
        (directory / "nixos/nodes/paris.nix").unlink()
        for path in (directory, *directory.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        assert call(render, "-C", directory)[0] == 0
        assert (directory / "nixos/nodes/paris.nix").stat().st_uid == nobody.pw_uid


def test_names_are_completed_from_the_fleet_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOC_FLEET", str(PLAN))
    assert node_names("s") == ["saopaulo", "spain", "stockholm", "singapore", "sydney", "seoul"]


@pytest.mark.parametrize("text", ["", "nodes = 3", "nodes = [1]", "[[nodes]]", "nodes = [", "a = " + "[" * 100_000])
def test_completion_never_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "fleet.toml").write_text(text)
    monkeypatch.setenv("NOC_FLEET", str(tmp_path))
    assert node_names() == []
