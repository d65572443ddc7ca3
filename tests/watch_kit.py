"""What the watch's tests share: a small fleet directory, a running server, a node's pushes, a receiver of alerts.

The receiver stands in for an ntfy server: a real HTTP server on loopback that can be told how to behave.
"""

import asyncio
import hashlib
import http.client
import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from forked import Forked, fork
from noc.watch.store.outbox import Router

PROGRAM = "from noc.cli.main import run; run()"
NAMES = ("virginia", "frankfurt", "singapore")
HUB = "127.84.0.1"
REGIONS = {"virginia": "us-east-1", "frankfurt": "eu-central-1", "singapore": "ap-southeast-1"}


def token(name: str) -> str:
    """The push token of a node in these tests."""
    return f"token-of-{name}-{'x' * 20}"


def address(name: str) -> str:
    """The loopback address that plays a node's tunnel address."""
    return f"127.84.0.{11 + NAMES.index(name)}"


def to(*channels: str) -> Router:
    """A router that sends every alert to these channels, at once."""
    return lambda _incident, _kind, _before: dict.fromkeys(channels)


def write_fleet(
    directory: Path, *, live: Sequence[str] = NAMES, ntfy: str = "http://127.0.0.1:9/", **policy: float
) -> Path:
    """Write a fleet directory of three nodes; `policy` overrides single numbers."""
    directory.mkdir(exist_ok=True)
    numbers = {"push_interval": 30, "sev2_missed": 2, "sev1_after": 300, "recovery_steady": 60} | policy
    hub = 'name = "zurich"\ncity = "Zürich"\ncountry = "CH"\nlatitude = 47.4\nlongitude = 8.5\nprovider = "hostkey"'
    text = f"""
name = "clavitor"
domain = "clavitor.test"
timezone = "Europe/Zurich"
[hub]
{hub}
platform = "debian"
address = "192.0.2.1"
tunnel = "{HUB}"
[tunnel]
network = "127.84.0.0/24"
[policy]
{chr(10).join(f"{name} = {value}" for name, value in numbers.items())}
[budget]
ceiling_usd = 100
[witness]
not_public = ["all"]
[ntfy]
url = "{ntfy}"
topic = "clavitor-alerts"
"""
    for number, name in enumerate(NAMES, 1):
        text += f"""
[[nodes]]
name = "{name}"
number = {number}
city = "{name.title()}"
country = "US"
latitude = 1
longitude = 1
region = "{REGIONS[name]}"
provider = "aws"
platform = "nixos"
instance_type = "t4g.nano"
tunnel = "{address(name)}"
subdomain = "{name}"
"""
    (directory / "fleet.toml").write_text(text)
    write_lives(directory, dict.fromkeys(live, "live"))
    return directory


def write_lives(directory: Path, lives: dict[str, str]) -> None:
    """Write the inventory: these nodes in these states of life, each with its token."""
    (directory / "inventory.toml").write_text(
        "".join(
            f'[nodes.{name}]\nlife = "{life}"\n'
            f'push_token_sha256 = "{hashlib.sha256(token(name).encode()).hexdigest()}"\n'
            for name, life in lives.items()
        )
    )


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], *, within: float = 30, what: str = "") -> Any:
    """Poll until the condition is true; its value. Fails with `what` at the deadline."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {within:g} s: {what or condition}")


async def until_true(condition: Callable[[], Any], within: float = 30) -> None:
    """Wait on the event loop until the condition is true. Raises TimeoutError at the deadline."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is waited for happens on a socket or in another thread
            await asyncio.sleep(0.01)


class Pusher:
    """One node's keep-alive connection to the push listener, from the node's own address."""

    def __init__(self, name: str, port: int, *, source: str | None = None) -> None:
        self.name = name
        self.connection = http.client.HTTPConnection(HUB, port, timeout=15, source_address=(source or address(name), 0))

    def push(
        self, query: str = "status=up&msg=OK&ping=", *, method: str = "POST", body: bytes = b"", path: str | None = None
    ) -> tuple[int, bytes, dict[str, str]]:
        """Push once: status, body, headers (names in lower case)."""
        self.connection.request(method, (path or f"/api/push/{token(self.name)}") + "?" + query, body)
        answer = self.connection.getresponse()
        return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}

    @property
    def port(self) -> int:
        """The local port of the open connection."""
        return int(self.connection.sock.getsockname()[1])

    def close(self) -> None:
        """Hang up."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Server:
    """A `noc watch serve` process of its own, with its local listener on a Unix socket.

    `program` is the Python code that it runs; where `command` is given, that runs instead, from nothing.
    """

    def __init__(self, directory: Path, fleet: Path, *, program: str = PROGRAM, command: Sequence[str] = ()) -> None:
        self.directory, self.fleet = directory, fleet
        self.port = free_port(HUB)
        self.socket = directory / "watch.sock"
        self.local = f"unix:{self.socket}"
        self.database = directory / "watch.db"
        self.log = directory / "watch.log"
        self.program, self.command = program, command
        self.more: list[str] = []
        self.process: Forked | subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, *, environment: dict[str, str] | None = None) -> None:
        """Start it, and wait until it answers."""
        arguments = ["watch", "serve", "-C", str(self.fleet), "--db", str(self.database)]
        arguments += ["--push-listen", f"{HUB}:{self.port}", "--local", self.local, *self.more]
        self.log.touch()
        if self.command:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen([*self.command, *arguments], stdout=log, stderr=log)
        else:
            self.process = fork(self.program, arguments, self.log, environment or {})
        until(self.answers, within=30, what=f"the server answers; see {self.log}")

    def answers(self) -> bool:
        """Whether the local listener answers."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.ask("/health")[0] == 200
        except OSError:
            return False

    def ask(self, path: str, method: str = "GET", body: object = None) -> tuple[int, Any]:
        """One request to the local listener: status and JSON document."""
        connection = self._connection()
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(text) if text else None

    def _connection(self) -> http.client.HTTPConnection:
        if not self.local.startswith("unix:"):
            return http.client.HTTPConnection(self.local, timeout=10)
        connection = http.client.HTTPConnection("localhost", timeout=10)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(10)
        try:
            connection.sock.connect(str(self.socket))
        except OSError:
            connection.close()
            raise
        return connection

    def push(self, name: str, query: str = "status=up", **request: Any) -> tuple[int, bytes, dict[str, str]]:
        """One push over a connection of its own, as `Pusher.push`; `source` names another address than the node's."""
        with Pusher(name, self.port, source=request.pop("source", None)) as pusher:
            return pusher.push(query, **request)

    def node(self, name: str) -> dict[str, Any]:
        """One node as the API shows it."""
        found: dict[str, Any] = next(each for each in self.ask("/api/v1/nodes")[1]["nodes"] if each["name"] == name)
        return found

    def incidents(self) -> list[dict[str, Any]]:
        """All incidents."""
        found: list[dict[str, Any]] = self.ask("/api/v1/incidents")[1]["incidents"]
        return found

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """All events, or those of one kind."""
        found: list[dict[str, Any]] = self.ask("/api/v1/events?after=0&limit=1000")[1]["events"]
        return [event for event in found if kind in {None, event["kind"]}]

    def kill(self) -> None:
        """End it with SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it as systemd does."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()


class Receiver:
    """A stand-in for an ntfy server.

    `behave` decides each answer: a status, headers, and seconds to wait first; `judge` the status of a single document.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.got: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.refused = 0
        self.behave: Callable[[], tuple[int, dict[str, str], float]] = lambda: (200, {}, 0)
        self.judge: Callable[[dict[str, Any]], int] = lambda _document: 200
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """What stands in the fleet file."""
        return f"http://127.0.0.1:{self.port}"

    def messages(self) -> list[str]:
        """The ids of what was accepted."""
        return [name for name, _, _ in list(self.got)]

    def start(self) -> None:
        """Listen."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, headers, delay = receiver.behave()
                time.sleep(delay)
                status = receiver.judge(document) if status == 200 else status
                if status == 200:
                    named = {name.lower(): value for name, value in self.headers.items()}
                    receiver.got.append((self.headers["X-Sequence-ID"], document, named))
                else:
                    receiver.refused += 1
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                """Keep the test's output quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver()
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()
