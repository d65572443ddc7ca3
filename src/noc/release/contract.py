"""The payload contract as judgements, line by line, of what was seen (docs/payload-contract.md)."""

import re
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noc.release.build import find_native_code
from noc.release.errors import NotARelease
from noc.release.manifest import MAX_PAYLOAD_BYTES
from noc.release.receiver import Beat
from noc.release.sign import identity_of

INTERVAL_S = 1.0
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
