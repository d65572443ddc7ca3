"""A payload under examination: it really runs, with everything it needs private to it."""

import http.client
import re
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import SubprocessError
from tempfile import TemporaryDirectory
from typing import Any, Self
from zipfile import BadZipFile

from noc.release.contract import (
    DRAIN_S,
    INTERVAL_S,
    RSS_MIB,
    START_CPU_S,
    Line,
    database_problem,
    grid,
    healthy,
    one_file,
    telemetry,
    wire,
    within,
)
from noc.release.process import Payload, Serving
from noc.release.receiver import Receiver, receiving

# What a payload that breaks the contract may end an examination with: damaged archives, cut connections, no answer.
_BREAKS = (OSError, RuntimeError, zlib.error, BadZipFile, http.client.HTTPException, SubprocessError)
TOKEN = "contract-token-that-must-not-be-logged"  # noqa: S105 - of the receiver on loopback


class Examination:
    """One payload under examination, with everything private to it.

    Args:
        payload: what is examined.
        directory: for its database, copy and log.
        receiver: gets its heartbeats.
        held: the listening socket that outlives its processes.
    """

    def __init__(self, payload: Payload, directory: Path, receiver: Receiver, held: socket.socket) -> None:
        self._payload, self._directory, self._receiver, self._held = payload, directory, receiver, held
        self._log = directory / "log"
        self._environment = {
            "PATH": "/usr/bin:/bin",
            "CLAVITOR_DB": str(directory / "state" / "clavitor.db"),
            "CLAVITOR_DOMAIN": "localhost",
            "CLAVITOR_PUSH_INTERVAL": str(INTERVAL_S),
            "KUMA_PUSH_URL": receiver.url,
        }
        (directory / "state").mkdir(mode=0o700)

    @classmethod
    @contextmanager
    def begin(cls, payload: Payload) -> Iterator[Self]:
        """An examination with a temporary directory, a receiver and a socket of its own."""
        with (
            TemporaryDirectory(prefix="noc-payload-") as directory,
            receiving(TOKEN) as receiver,
            closing(socket.create_server(("127.0.0.1", 0), backlog=128)) as held,
        ):
            yield cls(payload, Path(directory), receiver, held)

    def lines(self, requests: int) -> Iterator[Line]:
        """Prove the contract.

        Args:
            requests: how many requests to make before memory is measured.

        Returns:
            Lines as they are proved; where it never gets healthy, those that could be judged.
        """
        yield one_file(self._payload.file)
        begun = time.monotonic()
        serving = self._start()
        try:
            health = serving.wait_healthy()
            ready = time.monotonic()
            answer = healthy(health, self._payload.file, ready - begun, self._last_words())
            yield answer
            if not answer.ok:
                return
            yield within("starts cheaply", serving.cpu_seconds(), START_CPU_S, "s of processor time")
            yield from self._heartbeats(health, ready)
            yield self._backup()
            self._ask(serving, requests)
            yield within(f"stays small over {requests} requests", serving.rss_mib(), RSS_MIB, "MiB resident")
            yield from self._change(serving, health)
            yield self._discreet()
        finally:
            serving.kill()

    def _start(self) -> Serving:
        return Serving(self._payload, self._held, self._environment, self._log)

    def _last_words(self) -> str:
        words = self._log.read_text(errors="replace").strip().splitlines() if self._log.exists() else []
        return words[-1][:200] if words else "it said nothing"

    def _heartbeats(self, health: dict[str, Any], ready: float) -> Iterator[Line]:
        self._receiver.wait(lambda beats: len(beats) >= 1, 5)
        beats = list(self._receiver.beats)
        late = beats[0].at - ready if beats else 0.0
        yield Line("first heartbeat within 1 s of readiness", bool(beats) and late <= 1, f"after {max(late, 0):.2f} s")
        if not beats:
            return
        yield wire(beats[0], health)
        yield telemetry(beats[0].body)
        self._receiver.wait(lambda beats: any(beat["seq"] == "5" for beat in beats), 6 * INTERVAL_S)
        yield grid(list(self._receiver.beats))

    def _backup(self) -> Line:
        name, target = "backup while serving", self._directory / "copy.db"
        status, words = self._payload.run("backup", str(target), environment=self._environment)
        if status != 0 or not target.is_file():
            return Line(name, ok=False, seen=f"exit code {status}: {words.strip()[-200:]}")
        again, _ = self._payload.run("backup", str(target), environment=self._environment)
        mode, problem = target.stat().st_mode & 0o777, database_problem(target)
        seen = f"mode {mode:04o}, {problem or 'sound'}, {'refuses' if again else 'overwrites'} an existing file"
        return Line(name, ok=mode == 0o600 and problem is None and again == 1, seen=seen)

    def _ask(self, serving: Serving, requests: int) -> None:
        """Ask for the health over and over, on one connection as the proxy does, on a new one where it was closed."""
        connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=5)
        with closing(connection):
            for _ in range(requests):
                connection.request("GET", "/health")
                connection.getresponse().read()

    def _change(self, serving: Serving, health: dict[str, Any]) -> Iterator[Line]:
        """Stop it with a request in flight and another in the backlog, and let the next process take over."""
        with closing(half_a_request(serving.port)) as flying:
            begun = time.monotonic()
            serving.stop()
            time.sleep(0.3)
            with closing(half_a_request(serving.port)) as waiting:
                waiting.sendall(b"\r\n")
                flying.sendall(b"\r\n")
                answer = read_answer(flying)
                status = serving.wait(DRAIN_S)
                took = time.monotonic() - begun
                closes = re.search(rb"\r\nconnection: close\r\n", answer, re.IGNORECASE) is not None
                seen = f"{answer[9:12].decode(errors='replace') or 'no answer'}, {'closes' if closes else 'keeps'}"
                yield Line(
                    "SIGTERM finishes what is in flight", ok=answer.startswith(b"HTTP/1.1 200") and closes, seen=seen
                )
                yield Line("exit 0 within 10 s", ok=status == 0, seen=f"exit code {status} after {took:.1f} s")
                yield from self._successor(waiting, health)

    def _successor(self, waiting: socket.socket, health: dict[str, Any]) -> Iterator[Line]:
        successor = self._start()
        try:
            answer = read_answer(waiting)
            seen = answer[:12].decode(errors="replace") or "no answer"
            yield Line("the next process answers what waited", ok=answer.startswith(b"HTTP/1.1 200"), seen=seen)
            after = successor.wait_healthy() or {}
            fresh = bool(after) and after.get("boot_id") != health.get("boot_id")
            seen = "healthy, new boot_id" if fresh else self._last_words()
            yield Line("restarts on the same database", ok=fresh, seen=seen)
            successor.stop()
            successor.wait(DRAIN_S)
        finally:
            successor.kill()

    def _discreet(self) -> Line:
        told = TOKEN in self._log.read_text(errors="replace")
        return Line("no secret in its log", ok=not told, seen="the push token is in it" if told else "none")


def half_a_request(port: int) -> socket.socket:
    """A connection with a request that lacks its last line."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=15)
    connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
    return connection


def read_answer(connection: socket.socket) -> bytes:
    """What comes back until the other end closes or nothing comes for a while."""
    answer = b""
    try:
        while b"}" not in answer and (piece := connection.recv(65536)):
            answer += piece
    except OSError:
        return answer
    return answer


def examine(file: Path, python: str, requests: int, tell: Callable[[Line], None]) -> list[Line]:
    """Examine a payload.

    Args:
        file: the payload.
        python: the interpreter, where it is a zipapp.
        requests: how many requests to make before memory is measured.
        tell: called with each line as it is proved.

    Returns:
        All lines.
    """
    found: list[Line] = []

    def note(line: Line) -> None:
        tell(line)
        found.append(line)

    with Examination.begin(Payload(file.absolute(), python)) as examination:
        try:
            for line in examination.lines(requests):
                note(line)
        except _BREAKS as error:
            note(Line("goes through the examination to its end", ok=False, seen=f"{type(error).__name__}: {error}"))
    return found
