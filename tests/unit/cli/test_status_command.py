"""`noc status`, `noc telemetry` and `noc tokens` against a watch that runs."""

import getpass
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from noc.cli.commands import COMMANDS
from noc.cli.status import notes, rows
from noc.errors import NocError
from watch_kit import NAMES, Server, until, write_fleet

NOC = (sys.executable, "-c", "from noc.cli.main import run; run()")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of whose three nodes two pushed; whoever runs the tests is an approver."""
    folder = tmp_path_factory.mktemp("status")
    fleet = write_fleet(folder / "fleet", push_interval=600)
    with (fleet / "fleet.toml").open("a") as file:
        file.write(f'\n[[people]]\nname = "{getpass.getuser()}"\nrole = "approver"\n')
    with Server(folder, fleet) as server:
        for name in NAMES[:2]:
            server.push(name, "status=up&seq=1&boot=b1&v=1.0.0", body=b'{"ram_mb": 412, "disk_pct": 31.5}')
        yield server


def noc(server: Server, command: str, *arguments: str) -> tuple[int, str, str]:
    """Give a command in this process; its exit code, stdout and stderr."""
    app = import_module(COMMANDS[command][0]).app
    done = CliRunner().invoke(app, [*arguments, "--at", server.local])
    if isinstance(done.exception, NocError):
        return done.exception.exit_code, done.stdout, str(done.exception)
    return done.exit_code, done.stdout, done.stderr


def node(name: str, state: str, **given: Any) -> dict[str, Any]:
    known = {
        "name": name,
        "life": "live",
        "state": state,
        "since": "2026-11-26T11:00:00.000Z",
        "last_heartbeat": {"at": "2026-11-26T11:59:30.000Z", "version": "1.0.0"},
        "deployment": None,
        "maintenance": False,
        "sighting": None,
        "incident": None,
    }
    return {**known, **given}


def incident(number: int, name: str, severity: str = "SEV2") -> dict[str, Any]:
    return {"id": number, "node": name, "severity": severity, "detail": "2 pushes were missed"}


def document(
    *nodes: dict[str, Any],
    incidents: list[dict[str, Any]] | None = None,
    maintenance: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    found = {"incidents": incidents or [], "maintenance": maintenance or []}
    return {"now": "2026-11-26T12:00:00.000Z", "timezone": "Europe/Zurich", "nodes": list(nodes), **found}


def test_what_fails_stands_first_and_the_oldest_trouble_before_the_younger() -> None:
    found = rows(
        document(
            node("a", "up"),
            node("b", "down", since="2026-11-26T11:30:00.000Z", incident=2),
            node("c", "pending"),
            node("d", "down", since="2026-11-26T10:30:00.000Z", incident=1),
            node("e", "unheard", incident=3),
            incidents=[incident(1, "d", "SEV1"), incident(2, "b"), incident(3, "e")],
        )
    )
    assert [row[1] for row in found] == ["d", "b", "e", "a", "c"]
    assert "SEV1 down" in found[0][0]


def test_a_row_says_for_how_long_when_it_was_heard_and_why() -> None:
    row = rows(document(node("a", "down", incident=1, maintenance=True), incidents=[incident(1, "a")]))[0]
    assert row[2:5] == ("1 h", "30 s", "1.0.0")
    assert row[6] == "2 pushes were missed; maintenance"


def test_an_incident_of_no_single_node_stands_below_the_table() -> None:
    lines = notes(document(node("a", "up"), incidents=[incident(1, "@fleet", "SEV1")]))
    assert "@fleet: 2 pushes were missed" in lines[0]
    assert "1 open, 1 up" in lines[1]


def test_maintenance_that_holds_or_comes_stands_below_the_table() -> None:
    holding = {"scope": ["eu"], "until": "2026-11-26T13:00:00.000Z", "next": None, "reason": "new disks"}
    coming = {"scope": ["all"], "until": None, "next": "2026-11-29T02:00:00.000Z", "reason": ""}
    lines = notes(document(node("a", "up"), maintenance=[holding, coming]))
    assert "maintenance of eu until 14:00:00 CET (13:00:00 UTC, 2026-11-26): new disks" in lines[0]
    assert "maintenance of all from 03:00:00 CET (02:00:00 UTC, 2026-11-29)" in lines[1]


def test_words_from_elsewhere_are_no_markup() -> None:
    lines = notes(document(node("a", "up"), incidents=[{**incident(1, "@fleet"), "detail": "[red]\x1b[2J"}]))
    assert "\\[red]" in lines[0]
    assert "\x1b" not in lines[0]


def test_where_nothing_is_open_it_returns_0(server: Server) -> None:
    code, text, _ = noc(server, "status")
    assert code == 0
    assert re.search(r"✓ up +virginia", text)
    assert "2 up, 1 pending" in text


def test_as_json_it_is_one_document(server: Server) -> None:
    code, text, _ = noc(server, "status", "--json")
    assert (code, {each["name"] for each in json.loads(text)["nodes"]}) == (0, set(NAMES))


def test_watching_and_json_exclude_each_other(server: Server) -> None:
    assert noc(server, "status", "--watch", "--json")[0] == 2


def test_a_watch_that_is_not_there_is_said(tmp_path: Path) -> None:
    argv = [*NOC, "status", "--at", f"unix:{tmp_path}/none"]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "NOC-E603" in done.stderr) == (1, True)


def test_watching_shows_what_changes_and_ends_cleanly_with_ctrl_c(server: Server) -> None:
    """On a terminal of its own, while a node's service dies."""
    master, slave = pty.openpty()
    argv = [*NOC, "status", "--watch", "--at", server.local]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    with subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=environment) as process:
        os.close(slave)
        shown = bytearray()
        try:
            read_until(master, shown, b"2 up")
            server.push("virginia", "status=down&msg=killed-KILL&boot=b1")
            read_until(master, shown, b"1 open")
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(15) == 0
            os.close(master)
    assert b"Traceback" not in shown


def read_until(master: int, shown: bytearray, wanted: bytes) -> None:
    end = time.monotonic() + 30
    while wanted not in shown and time.monotonic() < end:
        if select.select([master], [], [], 0.2)[0]:
            shown += os.read(master, 65_536)
    assert wanted in shown, bytes(shown)


def test_where_something_is_open_it_returns_1(server: Server) -> None:
    server.push("frankfurt", "status=down&msg=killed-KILL&boot=b1")
    until(lambda: any(each["node"] == "frankfurt" for each in server.incidents()), what="the death is an incident")
    code, text, _ = noc(server, "status")
    assert (code, "SIGKILL" in text) == (1, True)


def test_telemetry_has_a_line_a_field(server: Server) -> None:
    code, text, _ = noc(server, "telemetry", "virginia", "--since", "1h")
    assert code == 0
    assert re.search(r"ram_mb +412 +412 +412 +412 +MiB +▁", text)


def test_telemetry_of_one_field_can_be_plotted(server: Server) -> None:
    code, text, _ = noc(server, "telemetry", "virginia", "--field", "disk_pct", "--plot")
    assert (code, "disk_pct %" in text, "31.50 ┤" in text, "ram_mb" in text) == (0, True, True, False)


def test_telemetry_as_json_is_the_apis_document(server: Server) -> None:
    document = json.loads(noc(server, "telemetry", "virginia", "--json")[1])
    assert document["fields"]["ram_mb"][0]["mean"] == 412


@pytest.mark.parametrize(("arguments", "code"), [(("nowhere",), 4), (("virginia", "--since", "soon"), 2)])
def test_a_mistyped_telemetry_is_refused_with_its_code(server: Server, arguments: tuple[str, ...], code: int) -> None:
    assert noc(server, "telemetry", *arguments)[0] == code


def test_a_token_is_printed_once_alone_on_stdout_and_then_only_named(server: Server) -> None:
    code, secret, told = noc(server, "tokens", "make", "prometheus", "--for", "7d")
    assert (code, re.fullmatch(r"[A-Za-z0-9_-]{43}\n", secret) is not None) == (0, True)
    assert "viewer until" in told
    listed = noc(server, "tokens", "list", "--json")[1]
    assert [each["name"] for each in json.loads(listed)["tokens"]] == ["prometheus"]
    assert secret.strip() not in listed
    assert "its secret is as it was" in noc(server, "tokens", "make", "prometheus", "--for", "14d")[1]
    assert noc(server, "tokens", "revoke", "prometheus")[0] == 0
    assert noc(server, "tokens", "list")[1] == "no token\n"


def test_no_secret_of_a_token_is_on_the_disk(server: Server) -> None:
    secret = noc(server, "tokens", "make", "grafana")[1].strip()
    files = [path.read_bytes() for path in server.directory.glob("watch.*") if path.is_file()]
    assert files
    assert all(secret.encode() not in content for content in files)


@pytest.mark.parametrize("lasts", ["2y", "0d", "forever"])
def test_a_token_lasts_for_a_while_and_at_most_a_year(server: Server, lasts: str) -> None:
    assert noc(server, "tokens", "make", "long", "--for", lasts)[0] == 2
