"""`noc incidents`, `incident`, `alert`, `silence` and `maintenance` against a watch that runs."""

import getpass
import json
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from typer.testing import CliRunner

from noc.cli.commands import COMMANDS
from noc.errors import NocError
from watch_kit import Receiver, Server, receiving, until, write_fleet

ME = getpass.getuser()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Server]:
    """A server of which one node has died; whoever runs the tests is an operator."""
    folder = tmp_path_factory.mktemp("people")
    fleet = write_fleet(folder / "fleet", push_interval=600, ntfy=receiver.url)
    with (fleet / "fleet.toml").open("a") as file:
        file.write(f'\n[[people]]\nname = "{ME}"\nrole = "operator"\n')
    with Server(folder, fleet) as server:
        server.push("frankfurt", "status=down&msg=killed-KILL&boot=b1")
        until(lambda: receiver.got, what="the death is told")
        yield server


def noc(server: Server, command: str, *arguments: str) -> tuple[int, str]:
    """Give a command in this process; its exit code, and stdout or the error."""
    app = import_module(COMMANDS[command][0]).app
    done = CliRunner().invoke(app, [*arguments, "--at", server.local])
    if isinstance(done.exception, NocError):
        return done.exception.exit_code, str(done.exception)
    return done.exit_code, done.stdout


def document(server: Server, command: str, *arguments: str) -> Any:
    """What a command prints with --json."""
    code, text = noc(server, command, *arguments, "--json")
    assert code == 0, text
    return json.loads(text)


def test_an_incident_is_listed_shown_taken_over_and_written_about(server: Server) -> None:
    assert "killed by SIGKILL" in noc(server, "incidents")[1]
    assert noc(server, "incident", "ack", "1", "--note", "I look")[0] == 0
    assert noc(server, "incident", "note", "1", "out of memory")[0] == 0
    code, text = noc(server, "incident", "show", "1")
    assert code == 0
    assert f"taken over by {ME}: I look" in text
    assert f"{ME}: out of memory" in text
    assert "alert sent: SEV2, ntfy" in text
    assert re.search(r"ntfy +opened +✓ sent", text)


@pytest.mark.parametrize(
    ("arguments", "found"), [(["--node", "frankfurt"], 1), (["--node", "virginia"], 0), (["--since", "1h"], 1)]
)
def test_incidents_can_be_narrowed_down(server: Server, arguments: list[str], found: int) -> None:
    assert len(document(server, "incidents", *arguments)["incidents"]) == found


def test_a_test_of_a_channel_tells_the_truth(server: Server, receiver: Receiver) -> None:
    code, text = noc(server, "alert", "test", "ntfy")
    assert (code, "ntfy took the test" in text) == (0, True)
    receiver.behave = lambda: (403, {}, 0)
    code, text = noc(server, "alert", "test", "ntfy")
    receiver.behave = lambda: (200, {}, 0)
    assert code == 1
    assert text.startswith("NOC-E635 the test did not go out on ntfy: ntfy answered 403: the access token is not good")


def test_a_channel_that_is_not_there_is_not_found(server: Server) -> None:
    assert noc(server, "alert", "test", "pager") == (
        4,
        "NOC-E002 no channel is called pager. Fix: one of ntfy",
    )


def test_channels_messages_and_the_briefing_are_shown(server: Server) -> None:
    assert re.search(r"ntfy +✓ ok +its settings are sound", noc(server, "alert", "check")[1])
    assert document(server, "alert", "list")["alerts"] == []
    assert "opened" in noc(server, "alert", "list", "--all")[1]
    assert "1 incident open" in noc(server, "alert", "briefing")[1]


def test_a_silence_and_a_window_come_and_go(server: Server) -> None:
    made = document(server, "silence", "virginia", "1h", "--reason", "works")
    planned = document(
        server, "maintenance", "add", "all", "--from", "Sun 02:00", "--for", "30m", "--reason", "patches"
    )
    code, text = noc(server, "maintenance", "list")
    assert (code, [made["id"] in text, planned["id"] in text]) == (0, [True, True])
    assert "Sun 02:00 Europe/Zurich" in text
    for name in (made["id"], planned["id"]):
        assert noc(server, "maintenance", "end", name)[0] == 0
    assert document(server, "maintenance", "list")["windows"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["incident", "show", "99"], 4, "there is no incident 99"),
        (["incident", "ack", "99"], 4, "there is no incident 99"),
        (["silence", "paris", "1h", "--reason", "?"], 2, "'paris' is no node, tag or batch"),
        (["silence", "virginia", "1 hour", "--reason", "?"], 2, "is no span of time"),
        (["silence", "virginia", "8d", "--reason", "?"], 2, "8d is too long. Fix: write at most 7d"),
        (["maintenance", "add", "all", "--for", "2w", "--from", "Sun 02:00"], 2, "write at most 7d"),
        (
            ["maintenance", "add", "all", "--for", "1h", "--from", "Sun 02:00", "--zone", "Mars/Olympus"],
            2,
            "no time zone is called Mars/Olympus",
        ),
        (["incidents", "--node", "paris"], 2, "nothing that is watched is called paris"),
        (["maintenance", "add", "all", "--for", "1h"], 2, "a window begins --from a time"),
        (["maintenance", "add", "all", "--for", "1h", "--from", "Someday"], 2, "says no time"),
        (["maintenance", "end", "silence-99"], 4, "there is no window silence-99"),
    ],
)
def test_what_cannot_be_done_ends_with_its_own_code_and_words(
    server: Server, arguments: list[str], code: int, words: str
) -> None:
    found = noc(server, *arguments)
    assert (found[0], words in found[1]) == (code, True), found
