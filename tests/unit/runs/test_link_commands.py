"""`noc link`, `noc unlink` and `noc who` as people give them, against a runner of their own."""

import json
from collections.abc import Iterator
from importlib import import_module

import pytest
from typer.testing import CliRunner

from noc.cli.commands import COMMANDS
from noc.errors import NocError
from noc.runs.runner import door
from principal_kit import PEOPLE, ROOT, SERVICE, Hall, person
from runner_house import House


@pytest.fixture
def hall(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hall]:
    """Whoever gives a command here is anna, an approver."""
    path = house.paths.fleet / "fleet.toml"
    path.write_text(path.read_text() + PEOPLE)
    made = Hall(house, person("anna"))
    monkeypatch.setenv("NOC_RUNNER_SOCKET", str(house.paths.runner_socket))
    monkeypatch.setenv("NOC_FLEET", str(house.paths.fleet))
    monkeypatch.setattr(door, "identify", made.identify)
    yield made
    made.there = ROOT


def noc(*words: str) -> tuple[int, str, str]:
    """Give a command in this process; its exit code, stdout and stderr."""
    done = CliRunner().invoke(import_module(COMMANDS[words[0]][0]).app, list(words[1:]))
    if isinstance(done.exception, NocError):
        return done.exception.exit_code, done.stdout, str(done.exception)
    return done.exit_code, done.stdout, done.stderr


def test_the_code_alone_goes_to_stdout_and_links_the_chat_that_brings_it(hall: Hall) -> None:
    code, out, err = noc("link", "telegram")
    assert (code, out.startswith("/link ")) == (0, True)
    assert "within 10 minutes" in err
    said = out.removeprefix("/link ").strip()
    assert hall.ask(SERVICE["noc-bot"], "link", channel="telegram", id="4711", code=said)["linked"]["person"] == "anna"


def test_ones_own_chats_are_listed_and_nobody_elses(hall: Hall) -> None:
    hall.link("james", "5")
    assert "no chat is anna's" in noc("link")[1]
    hall.link("anna", "4711")
    code, out, _ = noc("link", "--json")
    assert code == 0
    document = json.loads(out)
    assert (document["person"], [each["id"] for each in document["identities"]]) == ("anna", ["4711"])


def test_everybody_is_listed_with_role_and_chats_and_the_lease_is_told(hall: Hall) -> None:
    hall.link("james", "5", "discord")
    code, out, _ = noc("who")
    rows = [line.split() for line in out.splitlines()]
    assert code == 0
    assert ["james", "approver", "discord", "5"] in rows
    assert ["noc-agent", "agent", "-"] in rows
    assert "nobody holds the lease" in out


def test_as_a_document_it_is_one(hall: Hall) -> None:
    document = json.loads(noc("who", "--json")[1])
    assert {"principals", "lease", "halt", "explanation"} <= set(document)


def test_who_has_left_and_still_has_a_chat_is_seen(hall: Hall) -> None:
    hall.link("gone", "6")
    assert "no more in fleet.toml" in noc("who")[1]


def test_a_link_ends_and_where_there_is_none_that_is_said(hall: Hall) -> None:
    hall.link("anna", "4711")
    assert noc("unlink", "telegram")[:2] == (0, "✓ telegram 4711 speaks for anna no more\n")
    code, _, err = noc("unlink", "telegram")
    assert (code, "no such chat is linked" in err) == (4, True)


def test_an_approver_ends_all_of_somebody_elses(hall: Hall) -> None:
    hall.link("james", "5")
    hall.link("james", "6", "discord")
    code, out, _ = noc("unlink", "--person", "james", "--json")
    assert (code, len(json.loads(out)["unlinked"])) == (0, 2)


@pytest.mark.parametrize(
    ("arguments", "status"), [(["unlink"], 2), (["link", "irc"], 2), (["unlink", "telegram", "x"], 2)]
)
def test_what_makes_no_sense_is_a_mistake_of_usage(hall: Hall, arguments: list[str], status: int) -> None:
    assert noc(*arguments)[0] == status


def test_the_audit_says_by_which_chat_somebody_acted(hall: Hall) -> None:
    hall.link("vera", "7")
    hall.bot("7", "halt", reason="smoke")
    hall.there = ROOT
    assert "halt  by vera (telegram 7)" in noc("audit")[1]
