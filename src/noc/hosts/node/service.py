"""The service as it runs: its process, its answer to a health check, its last words."""

import json
import os
import select
import signal
import socket
import subprocess
import time
from typing import Any

from .layout import Layout

LOG_LINES, LOG_WIDTH = 20, 2000
TICK_S = 0.05
ANSWER_WITHIN_S = 2.0
SICK_AFTER_S = 1.5
MAX_ANSWER = 65536


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
    try:
        status, body = _get(layout, process)
        answer = json.loads(body)
    except (OSError, ValueError) as error:
        return 0, {"error": f"{type(error).__name__}: {error}"}
    return status, answer if isinstance(answer, dict) else {}


def _get(layout: Layout, process: Process | None) -> tuple[int, bytes]:
    """Status and body, by HTTP/1.0 (RFC 1945): an answer ends with its connection. The standard library's client would
    take longer to load than all else that an activation does here. Raises ValueError for what is no answer.
    """
    deadline = time.monotonic() + ANSWER_WITHIN_S
    with socket.create_connection((layout.host, layout.port), timeout=ANSWER_WITHIN_S) as connection:
        connection.sendall(b"GET /health HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n" % layout.host.encode())
        if process:
            process.watch(max(deadline - time.monotonic(), 0), connection.fileno())
        said = b""
        while len(said) <= MAX_ANSWER and (chunk := _receive(connection, deadline)):
            said += chunk
    head, _, body = said.partition(b"\r\n\r\n")
    protocol, status = head.split(None, 2)[:2]
    if not protocol.startswith(b"HTTP/1."):
        raise ValueError("it does not speak HTTP")
    return int(status), body


def _receive(connection: socket.socket, deadline: float) -> bytes:
    """The next bytes, b"" at the end: a socket's own timeout counts each byte anew, and a trickle would never end."""
    if (left := deadline - time.monotonic()) <= 0:
        raise TimeoutError("timed out")
    connection.settimeout(left)
    return connection.recv(MAX_ANSWER)


def last_log(layout: Layout) -> list[str]:
    """The service's last lines; control characters, which could play with a terminal, become spaces."""
    done = subprocess.run(layout.logs, capture_output=True, timeout=30, check=False)
    lines = done.stdout.decode(errors="replace").splitlines()[-LOG_LINES:]
    return ["".join(char if char.isprintable() else " " for char in line)[:LOG_WIDTH] for line in lines]
