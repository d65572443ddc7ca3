"""What `noc backup list` and `noc backup verify` make of a runner's answers; a stand-in gives them."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from noc.cli.main import run as noc_main
from noc.runs.runner.client import Client

EPOCH = "20261126T062501Z-6dbabc"
Given = Callable[..., tuple[int, str]]


def backup(name: str, age_s: int = 3600) -> dict[str, Any]:
    return {
        "name": name,
        "age_s": age_s,
        "bytes": 8_400_000,
        "added": 500_000,
        "chunks": 33,
        "rows": 715,
        "epoch": EPOCH,
    }


def node(name: str, *backups: dict[str, Any], overdue: bool = False) -> dict[str, Any]:
    rehearsed = "2026-11-26T06:30:00+00:00" if backups else None
    return {"node": name, "overdue": overdue, "rehearsed": rehearsed, "backups": list(backups), "damaged": {}}


NODES = [
    node("virginia", backup("20261126T062508Z"), backup("20261125T030000Z")),
    node("london", overdue=True),
    node("frankfurt", backup("20261120T030000Z", 6 * 86_400), overdue=True),
]
VERIFIED = [
    {"node": "virginia", "backups": [{"name": "20261126T062508Z", "problems": ["chunk be0704f74207 is damaged"]}]}
]


@pytest.fixture
def noc(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Given:
    """Gives a command in this process; returns its exit code and stdout."""
    monkeypatch.setenv("COLUMNS", "160")
    answers = {"backups": {"nodes": NODES}, "backup-verify": {"nodes": VERIFIED}}
    monkeypatch.setattr(Client, "ask", lambda _, op, **more: answers[op])

    def give(*args: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["noc", "backup", *args])
        with pytest.raises(SystemExit) as ended:
            noc_main()
        return int(ended.value.code or 0), capsys.readouterr().out

    return give


def test_the_newest_of_each_node_is_listed_with_its_age(noc: Given) -> None:
    lines = noc("list")[1].splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["virginia", "london", "frankfurt"]
    assert "20261126T062508Z  1 h" in lines[1]
    assert lines[1].rstrip().endswith("2026-11-26 06:30")


def test_a_node_whose_backup_is_too_old_says_so(noc: Given) -> None:
    assert "✗ 6 d, overdue" in noc("list")[1]


def test_every_backup_of_a_node_that_is_named_is_listed(noc: Given) -> None:
    assert "20261125T030000Z" in noc("list", "virginia")[1]
    assert "20261125T030000Z" in noc("list", "--all")[1]
    assert "20261125T030000Z" not in noc("list")[1]


def test_the_list_as_a_document_is_what_the_runner_said(noc: Given) -> None:
    assert json.loads(noc("list", "--json")[1]) == {"nodes": NODES}


def test_damage_is_named_and_the_command_fails(noc: Given) -> None:
    status, out = noc("verify")
    assert (status, "✗ 1 damaged" in out, "chunk be0704f74207 is damaged" in out) == (1, True, True)
    assert noc("verify", "--json")[0] == 1
