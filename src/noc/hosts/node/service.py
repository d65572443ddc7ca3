"""The service as it runs: its process, its answer to a health check, its last words."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

from .layout import Layout

LOG_LINES, LOG_WIDTH = 20, 2000
TICK_S = 0.05
ANSWER_WITHIN_S = 2.0
SICK_AFTER_S = 1.5


class Unproven(Exception):
    """The release that was started is not what it should be. The sentence says how."""


class Process:
    """The service's process, watched by the kernel's handle of it, so that its death is seen at once."""

    def __init__(self, layout: Layout) -> None:
        """Take hold of the process that runs now. Raises Unproven where none does."""
        self._layout = layout
        self._pid = int(_properties(layout).get("MainPID") or 0)
        try:
            self._handle = os.pidfd_open(self._pid) if self._pid else -1
        except ProcessLookupError:
            self._handle = -1
        if self._handle < 0:
            raise Unproven(self._death())

    def watch(self, seconds: float, *files: int) -> None:
        """Wait until an open file is readable, at most so long. Raises Unproven as soon as the process dies."""
        poll = select.poll()
        for file in (self._handle, *files):
            poll.register(file, select.POLLIN)
        if self._handle in dict(poll.poll(seconds * 1000)):
            raise Unproven(self._death())

    def _death(self) -> str:
        deadline = time.monotonic() + 1
        said = _properties(self._layout)
        while self._pid and said.get("MainPID") == str(self._pid) and time.monotonic() < deadline:
            time.sleep(TICK_S)
            said = _properties(self._layout)
        status = int(said.get("ExecMainStatus") or 0)
        if said.get("ExecMainCode") in ("2", "3"):
            return f"the process died, killed by {_signal_name(status)}"
        return f"the process ended with status {status}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _properties(layout: Layout) -> dict[str, str]:
    done = subprocess.run(layout.show, capture_output=True, text=True, timeout=30, check=False)
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


class Illness:
    """How long wrong answers have been coming."""

    def __init__(self) -> None:
        self._since: float | None = None

    def see(self, *, wrong: bool) -> None:
        """Take note of an answer."""
        self._since = (self._since or time.monotonic()) if wrong else None

    @property
    def steady(self) -> bool:
        """Whether it lasts too long to be a start that is under way."""
        return self._since is not None and time.monotonic() - self._since >= SICK_AFTER_S


def ask_health(layout: Layout, process: Process | None = None) -> tuple[int, dict[str, Any]]:
    """One GET /health, `process` watched meanwhile: status and body, or 0 and what went wrong."""
    import http.client  # noqa: PLC0415 - a third of our start, and most questions do not need it

    connection = http.client.HTTPConnection(layout.host, layout.port, timeout=ANSWER_WITHIN_S)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/health", headers={"Connection": "close"})
            if process:
                process.watch(ANSWER_WITHIN_S, connection.sock.fileno())
            with _cut_after(ANSWER_WITHIN_S, connection.sock):
                answer = connection.getresponse()
                body = json.loads(answer.read(65536))
        except (OSError, http.client.HTTPException, ValueError) as error:
            return 0, {"error": f"{type(error).__name__}: {error}"}
        return answer.status, body if isinstance(body, dict) else {}


@contextlib.contextmanager
def _cut_after(seconds: float, connection: socket.socket) -> Iterator[None]:
    """End a connection after some time: a socket's own timeout counts each byte anew, and a trickle would never end."""
    timer = threading.Timer(seconds, _shut, (connection,))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def last_log(layout: Layout) -> list[str]:
    """The service's last lines; control characters, which could play with a terminal, become spaces."""
    done = subprocess.run(layout.logs, capture_output=True, timeout=30, check=False)
    lines = done.stdout.decode(errors="replace").splitlines()[-LOG_LINES:]
    return ["".join(char if char.isprintable() else " " for char in line)[:LOG_WIDTH] for line in lines]
