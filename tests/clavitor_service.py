"""The service as tests meet it: a real process, or its application over a real database in this one."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from clavitor import invitations
from clavitor.app import App
from clavitor.database import Database, connect
from clavitor.fields import encode
from clavitor.http import Request, Response

KEY, OTHER_KEY = encode(b"k" * 32), encode(b"o" * 32)
LOCKS = {"salt": encode(b"s" * 16), "iterations": 600_000, "wrapped_key": encode(b"w" * 60)}
SOURCE = Path(__file__).resolve().parents[1] / "src"
DEADLINE = 20.0
PASS_SOCKET = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


def until(true: Callable[[], object], what: str, seconds: float = DEADLINE) -> None:
    """Poll until `true()` holds."""
    ends = time.monotonic() + seconds
    while not true():
        if time.monotonic() > ends:
            pytest.fail(f"waited {seconds} s in vain: {what}")
        time.sleep(0.01)


class Vault:
    """A caller of the application, with the cookie or token it was given."""

    def __init__(self, app: App, database: Database, path: Path) -> None:
        self.app, self.database, self.path = app, database, path
        self.token = ""

    async def ask(
        self, method: str, path: str, document: object = None, *, headers: Mapping[str, str] = {}, **more: Any
    ) -> Response:
        body = b"" if document is None else json.dumps(document).encode()
        sent = {"content-type": "application/json", **headers}
        if self.token:
            sent = {"authorization": f"Bearer {self.token}", **sent}
        path, _, query = path.partition("?")
        return await self.app.handle(Request(method, path, query, sent, body, more.get("peer", "192.0.2.1")))

    def invitation(self, days: float = 1) -> str:
        with closing(connect(self.path)) as connection:
            return invitations.create(connection, time.time(), days)

    async def sign_up(self, name: str = "johan", key: str = KEY, code: str | None = None) -> Response:
        document = {"invitation": code or self.invitation(), "name": name, "authentication_key": key, **LOCKS}
        response = await self.ask("POST", "/api/v1/account", {**document, "bearer": True})
        if response.status == 201:
            self.token = body(response)["token"]
        return response

    async def sign_in(self, name: str = "johan", key: str = KEY, **more: Any) -> Response:
        return await self.ask("POST", "/api/v1/session", {"name": name, "authentication_key": key}, **more)


def body(response: Response) -> Any:
    """The JSON document of an answer."""
    assert isinstance(response.body, bytes)
    return json.loads(response.body)


def header(response: Response, name: str) -> str:
    """One header of an answer, or nothing."""
    return dict(response.headers).get(name, "")


class Service:
    """`clavitor serve` as a process of its own, on a socket that this process may hold as systemd does."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.database = directory / "vault.db"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("CLAVITOR_", "KUMA_"))},
            "PYTHONPATH": str(SOURCE),
            "CLAVITOR_DB": str(self.database),
            "CLAVITOR_DOMAIN": "virginia.example.com",
            **environment,
        }
        self.program = [sys.executable, "-m", "clavitor"]
        self.log = directory / "service.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.listener: socket.socket | None = None
        self.port = 0

    def hold(self) -> None:
        """Hold the listening socket as systemd does."""
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]

    def start(self) -> None:
        command = [*self.program, "serve"]
        environment = dict(self.environment)
        descriptors: tuple[int, ...] = ()
        if self.listener is not None:
            # As systemd: the socket is descriptor 3, and LISTEN_PID names the process that may take it.
            descriptor = self.listener.fileno()
            command, descriptors = [sys.executable, "-c", PASS_SOCKET, str(descriptor), *command], (descriptor,)
        else:
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port = free.getsockname()[1]
            environment["CLAVITOR_LISTEN"] = f"127.0.0.1:{self.port}"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, pass_fds=descriptors, stderr=log)

    def wait_healthy(self) -> dict[str, Any]:
        until(lambda: self.health()[0] == 200, f"healthy; log: {self.log.read_text()}")
        return self.health()[1]

    def health(self) -> tuple[int, dict[str, Any]]:
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            status, _, text = self.request("GET", "/health")
            return status, json.loads(text)
        return 0, {}

    def request(
        self, method: str, path: str, document: object = None, headers: Mapping[str, str] = {}
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)) as connection:
            payload = None if document is None else json.dumps(document)
            connection.request(method, path, payload, {"content-type": "application/json", **headers})
            answer = connection.getresponse()
            return answer.status, answer.msg, answer.read()

    def terminate(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(DEADLINE)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(DEADLINE)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command of the same program, with the same environment."""
        command = [*self.program, *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=DEADLINE, check=False
        )

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        if self.listener is not None:
            self.listener.close()
