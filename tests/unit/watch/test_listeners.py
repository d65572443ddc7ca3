"""Where the watch listens, and what its commands say when it does not."""

import json
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from noc.watch.errors import BadListener, CannotListen, WatchRefused
from noc.watch.server.addresses import Tcp, Unix, read_local, read_tcp
from noc.watch.server.client import ask
from noc.watch.server.listeners import open_tcp, open_unix
from watch_kit import Server, write_fleet


def noc(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the tool."""
    return subprocess.run(
        [sys.executable, "-c", "from noc.cli.main import run; run()", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        env=os.environ | environment,
        check=False,
    )


@pytest.mark.parametrize("text", ["", "8084", "10.84.0.1", "10.84.0.1:x", "10.84.0.1:99999", "host:80", "1:80"])
def test_what_is_no_address_and_port_is_refused(text: str) -> None:
    with pytest.raises(BadListener):
        read_tcp(text)


@pytest.mark.parametrize("text", ["0.0.0.0:80", "10.84.0.1:80", "/run/x.sock"])
def test_the_local_listener_is_a_socket_file_or_loopback(text: str) -> None:
    with pytest.raises(BadListener):
        read_local(text)


def test_both_forms_of_the_local_listener_are_read() -> None:
    assert [read_local("unix:/run/x.sock"), read_local("127.0.0.1:80")] == [
        Unix(Path("/run/x.sock")),
        Tcp("127.0.0.1", 80),
    ]


def test_an_address_that_comes_up_later_can_be_listened_on() -> None:
    open_tcp(Tcp("198.51.100.77", 0)).close()


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=str(port)):
            open_tcp(Tcp("127.0.0.1", port))


def test_a_socket_file_that_a_dead_server_left_is_replaced(tmp_path: Path) -> None:
    open_unix(Unix(tmp_path / "s")).close()
    open_unix(Unix(tmp_path / "s")).close()


def test_a_socket_file_that_somebody_listens_on_is_not_taken_away(tmp_path: Path) -> None:
    first = open_unix(Unix(tmp_path / "s"))
    with pytest.raises(CannotListen):
        open_unix(Unix(tmp_path / "s"))
    first.close()


def test_a_command_says_that_the_watch_does_not_answer(tmp_path: Path) -> None:
    done = noc("incidents", "--at", f"unix:{tmp_path}/none.sock")
    assert done.returncode == 1
    assert "NOC-E603" in done.stderr


def test_a_command_says_that_something_else_answers() -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"It works!")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Keep the test's output quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        with pytest.raises(WatchRefused, match="is no watch: It works!"):
            ask("/api/v1/nodes", at=f"127.0.0.1:{server.server_port}")
        server.shutdown()


@pytest.mark.parametrize("module", ["httpx", "uvicorn", "sqlalchemy", "pydantic"])
def test_asking_the_watch_loads_nothing_heavy(module: str) -> None:
    program = f"import sys, noc.watch.server.client; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_incidents_are_listed_as_a_table_and_as_one_document(tmp_path: Path) -> None:
    with Server(tmp_path, write_fleet(tmp_path / "fleet")) as server:
        nothing = noc("incidents", NOC_WATCH_SOCKET=str(server.socket))
        server.push("frankfurt", "status=down&msg=exited-3")
        server.push("virginia", "status=down&msg=[/x]")
        table = noc("incidents", NOC_WATCH_SOCKET=str(server.socket))
        document = json.loads(noc("incidents", "--json", "--at", server.local).stdout)
    assert "no open incident" in nothing.stdout
    assert "frankfurt" in table.stdout
    assert "SEV2" in table.stdout
    assert "the pusher reports: [/x]" in table.stdout, "a pusher's words are no markup"
    assert "the service exited with code 3" in {incident["detail"] for incident in document["incidents"]}
