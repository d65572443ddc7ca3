"""The payload contract, line by line, proved on a payload that really runs (docs/payload-contract.md)."""

import http.client
import re
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from noc.release.build import find_native_code
from noc.release.errors import NotARelease
from noc.release.manifest import MAX_PAYLOAD_BYTES
from noc.release.process import Payload, Serving
from noc.release.receiver import Beat, Receiver, receiving
from noc.release.sign import identity_of

INTERVAL_S = 1.0
TOKEN = "contract-token-that-must-not-be-logged"  # noqa: S105 - of the receiver on loopback
FIELDS: dict[str, tuple[type, ...]] = {
    "ram_mb": (int,),
    "disk_pct": (int, float),
    "cpu_pct": (int, float),
    "db_size_mb": (int, float),
    "db_integrity": (str, type(None)),
    "active_sessions": (int,),
    "req_1h": (int,),
    "err_1h": (int,),
    "cert_days_remaining": (int, type(None)),
    "nix_gen": (int, type(None)),
    "uptime_s": (int,),
}
HEALTH = {"status", "version", "build", "started_at", "boot_id", "db"}
START_CPU_S, RSS_MIB, DRAIN_S = 0.7, 60.0, 10.0


@dataclass(frozen=True)
class Line:
    """One line of the contract: what it asks for, whether it holds, and what was seen."""

    name: str
    ok: bool
    seen: str

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {"line": self.name, "ok": self.ok, "seen": self.seen}


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
            Lines as they are proved; where it does not start at all, those that could be judged.
        """
        yield one_file(self._payload.file)
        begun = time.monotonic()
        serving = self._start()
        try:
            health = serving.wait_healthy()
            ready = time.monotonic()
            yield healthy(health, self._payload.file, ready - begun, self._last_words())
            if health is None:
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


def one_file(file: Path) -> Line:
    """One file of at most 64 MiB; a zipapp without compiled code."""
    native, size = find_native_code(file), file.stat().st_size
    seen = f"{size / 1024:.0f} KiB" if not native else f"compiled: {', '.join(native[:3])}"
    static = native == [file.name]
    if static:
        seen += "; it runs on one kind of processor only"
    return Line("one file, no compiled code inside", ok=size <= MAX_PAYLOAD_BYTES and (static or not native), seen=seen)


def healthy(health: Any, file: Path, seconds: float, last_words: str) -> Line:  # noqa: ANN401 - any JSON document
    """Health with exactly its fields, and the version that the file carries inside."""
    name = "healthy, with exactly the six fields"
    if not isinstance(health, dict):
        return Line(name, ok=False, seen=f"no healthy answer: {last_words}")
    wrong = sorted(HEALTH ^ health.keys())
    if wrong or health["status"] != "ok" or health["db"] != "ok" or not isinstance(health["build"], int):
        return Line(name, ok=False, seen=f"wrong: {', '.join(wrong) or health}")
    try:
        named = identity_of(file)
    except NotARelease:
        named = health["version"], health["build"]
    if named != (health["version"], health["build"]):
        return Line(name, ok=False, seen=f"it carries {named} and says {health['version']}, {health['build']}")
    return Line(name, ok=True, seen=f"{health['version']} (build {health['build']}) after {seconds:.2f} s")


def wire(beat: Beat, health: dict[str, Any]) -> Line:
    """A heartbeat's query: Uptime Kuma's parameters first, then ours, naming the process that health names."""
    names = [name for name, _ in beat.query]
    wanted = ["status", "msg", "ping", "seq", "boot", "v", "t"]
    same = beat["boot"] == health["boot_id"] and beat["v"] == health["version"]
    near = re.fullmatch(r"\d+\.\d{3}", beat["t"]) is not None and abs(float(beat["t"]) - time.time()) < 60
    ok = names == wanted and beat["status"] == "up" and beat["msg"] == "OK" and beat["seq"] == "1" and same and near
    return Line("heartbeat as Uptime Kuma wants it, and ours", ok=ok, seen=", ".join(names))


def telemetry(body: Any) -> Line:  # noqa: ANN401 - any JSON document
    """The heartbeat's body: exactly the eleven fields, each of its type."""
    name = "telemetry of exactly 11 fields"
    if not isinstance(body, dict):
        return Line(name, ok=False, seen="no JSON object")
    wrong = sorted(FIELDS.keys() ^ body.keys())
    wrong += [field for field, types in FIELDS.items() if field in body and type(body[field]) not in types]
    return Line(name, ok=not wrong, seen=f"wrong: {', '.join(wrong)}" if wrong else f"{len(body)} fields")


def grid(beats: list[Beat]) -> Line:
    """Heartbeats on their grid, and the refused one retried with its own number.

    The first two say nothing about the grid: one is sent as soon as the service is ready, the other was refused.
    """
    taken = {beat["seq"]: beat.at for beat in beats if beat.taken}
    retried = "2" in taken and any(beat["seq"] == "2" and not beat.taken for beat in beats)
    span = taken["5"] - taken["3"] if {"3", "5"} <= taken.keys() else 0.0
    seen = f"2 slots of {INTERVAL_S:g} s in {span:.2f} s, {'retried' if retried else 'not retried'}"
    on_grid = abs(span - 2 * INTERVAL_S) < INTERVAL_S / 2
    return Line("heartbeats on their grid, a refused one retried", ok=retried and on_grid, seen=seen)


def within(name: str, value: float, limit: float, unit: str) -> Line:
    """A measured figure and its limit."""
    return Line(name, ok=value <= limit, seen=f"{value:.2f} {unit}, at most {limit:g}")


def database_problem(copy: Path) -> str | None:
    """What SQLite finds wrong with a copy; None where it is sound, and for a database of another kind."""
    with copy.open("rb") as file:
        if not file.read(16).startswith(b"SQLite format 3"):
            return None if copy.stat().st_size else "empty"
    with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as database:
        verdict = str(database.execute("PRAGMA integrity_check(1)").fetchone()[0])
    return None if verdict == "ok" else verdict


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
    found = []
    with Examination.begin(Payload(file.absolute(), python)) as examination:
        for line in examination.lines(requests):
            tell(line)
            found.append(line)
    return found
