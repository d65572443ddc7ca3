"""The entry point: light for help, strict for mistakes, one sentence and an exit code for failures."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from noc.cli.commands import COMMANDS

HEAVY = ("pydantic", "asyncssh", "sqlalchemy", "starlette", "httpx", "cryptography", "jinja2")
START = "import sys; sys.argv[0] = 'noc'; from noc.cli.main import run; run()"


def noc(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", START, *args]
    env = {"PATH": os.environ["PATH"], "NOC_FLEET": "", **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, check=False)


def imported(*args: str, **environment: str) -> set[str]:
    """The modules that a call of noc imported."""
    program = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
    command = [sys.executable, "-c", program + START, *args]
    env = {"PATH": os.environ["PATH"], **environment}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, check=False)
    return set(done.stderr.split())


def test_help_imports_nothing_heavy() -> None:
    assert imported("--help").isdisjoint(HEAVY)


def test_help_imports_no_command() -> None:
    assert imported("--help").isdisjoint(module for module, _ in COMMANDS.values())


def test_completion_of_a_command_imports_no_command() -> None:
    completed = imported(_NOC_COMPLETE="complete_bash", COMP_WORDS="noc ", COMP_CWORD="1")
    assert completed.isdisjoint(module for module, _ in COMMANDS.values())


def test_completion_offers_the_commands() -> None:
    offered = noc(_NOC_COMPLETE="complete_bash", COMP_WORDS="noc no", COMP_CWORD="1").stdout.split()
    assert offered == ["nodes"]


def test_completion_knows_a_commands_options() -> None:
    offered = noc(_NOC_COMPLETE="complete_bash", COMP_WORDS="noc render --", COMP_CWORD="2").stdout.split()
    assert "--check" in offered


def test_help_lists_every_command() -> None:
    told = noc("--help", COLUMNS="200").stdout
    assert all(name in told and line in told for name, (_, line) in COMMANDS.items())


@pytest.mark.parametrize("args", [("frobnicate",), ("nodes", "--frobnicate")])
def test_a_mistyped_call_exits_2(args: tuple[str, ...]) -> None:
    assert noc(*args).returncode == 2


def test_a_failure_is_one_sentence_on_stderr_and_its_own_exit_code(tmp_path: Path) -> None:
    done = noc("nodes", "-C", str(tmp_path))
    assert (done.returncode, done.stdout) == (6, "")
    assert done.stderr.startswith("✗ NOC-E102 no fleet.toml in ")


def test_a_failure_with_json_is_exactly_one_document(tmp_path: Path) -> None:
    done = noc("nodes", "-C", str(tmp_path), "--json")
    assert done.returncode == 6
    assert json.loads(done.stdout)["error"]["code"] == "NOC-E102"


@pytest.mark.parametrize("args", [("frobnicate",), ("nodes", "--frobnicate"), ("release", "list", "--store")])
def test_a_mistyped_call_with_json_is_exactly_one_document(args: tuple[str, ...]) -> None:
    done = noc("--json", *args) if args == ("frobnicate",) else noc(*args[:2], "--json", *args[2:])
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "NOC-E001"


def test_what_the_system_refuses_is_one_sentence_and_one_document() -> None:
    done = noc("init", "--dir", "/proc/identities", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "NOC-E005"
    assert "Traceback" not in done.stderr


PLAN = str(Path(__file__).parents[3] / "fleet")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("noc provision fr", ["frankfurt"]),
        ("noc deploy frankfurt si", ["singapore"]),
        ("noc deploy al", ["all"]),
        ("noc health fr", ["frankfurt"]),
        ("noc keygen hu", ["hub"]),
        ("noc keygen fr", ["frankfurt"]),
        ("noc demo --node fr", ["frankfurt"]),
        ("noc lab up fr", ["frankfurt"]),
        ("noc lab ssh fr", ["frankfurt"]),
    ],
)
def test_completion_offers_names_of_nodes(words: str, offered: list[str]) -> None:
    count = str(len(words.split()) - 1)
    told = noc(NOC_FLEET=PLAN, _NOC_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=count)
    assert told.stdout.split() == offered


def test_a_failures_brackets_are_shown_and_not_taken_for_markup(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text('domain = "[red]x[/blue]"\n')
    assert '"[red]x[/blue]"' in noc("nodes", "-C", str(tmp_path)).stderr


def test_the_version_is_told() -> None:
    assert noc("--version").stdout.startswith("noc 0.")
