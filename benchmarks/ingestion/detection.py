"""How soon silence is an incident: from the exact deadline to the incident on the disk, over hundreds of them."""

import http.client
import json
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from ingestion.fleet import HUB, BenchFleet
from ingestion.load import SOURCE
from ingestion.servers import RUN, Server, watch

NODES, SILENT, LOADED = 21, 6, 5
INCIDENTS = 200
INTERVAL_S = 0.3
TABLES = "[judging]\nflap_within = 0\n[policy]\npush_interval = 0.3\nsev2_missed = 2\nsev1_after = 300\n"
STAMPED = f"""
import json, time
from noc.watch.store import database
write = database.Store.write
def stamped(self, records):
    write(self, records)
    at = time.time() * 1000
    with open({{path!r}}, "a") as file:
        for record in records:
            if getattr(record, "alert", "") == "opened" and record.incident.node.startswith("node"):
                file.write(json.dumps([record.incident.id, at - record.incident.started]) + "\\n")
database.Store.write = stamped
{RUN}
"""


@dataclass(frozen=True)
class Detection:
    """Milliseconds from deadline to disk, with nothing else to do or under load."""

    load: str
    incidents: int
    p50_ms: float
    p99_ms: float
    most_ms: float

    def row(self) -> str:
        """One line."""
        return (
            f"deadline to incident on the disk, {self.load}: p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms, "
            f"at most {self.most_ms:.1f} ms over {self.incidents} incidents"
        )


def measure_detection(folder: Path) -> list[Detection]:
    """Nodes fall silent, a few at a time, and come back; without load, and while five others push all the time."""
    program = folder / "load_for_detection"
    subprocess.run(["cc", "-O2", "-o", str(program), str(SOURCE)], check=True)
    return [_measure(folder / word, program if word == "loaded" else None) for word in ("idle", "loaded")]


def _measure(folder: Path, program: Path | None) -> Detection:
    folder.mkdir()
    fleet = BenchFleet(folder / "fleet", NODES, tables=TABLES)
    stamps = folder / "stamps"
    stamps.touch()
    server = watch(folder, fleet, program=STAMPED.replace("{path!r}", repr(str(stamps))))
    load = _begin_load(program, server, fleet) if program else None
    try:
        _fall_silent_in_turn(fleet, fleet.names[LOADED if program else 0 :], server, stamps)
    finally:
        if load is not None:
            load.kill()
            load.wait()
        server.stop()
    late = sorted(delay for _, delay in map(json.loads, stamps.read_text().splitlines()))
    words = f"{LOADED} connections pushing JSON" if program else "idle"
    return Detection(words, len(late), median(late), quantiles(late, n=100)[98], late[-1])


def _begin_load(program: Path, server: Server, fleet: BenchFleet) -> "subprocess.Popen[str]":
    argv = [str(program), HUB, str(server.port), str(LOADED), "600", "json"]
    load = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert load.stdin is not None
    load.stdin.write("".join(fleet.lines().splitlines(keepends=True)[:LOADED]))
    load.stdin.close()
    return load


def _fall_silent_in_turn(fleet: BenchFleet, others: list[str], server: Server, stamps: Path) -> None:
    """Each round the next six nodes say nothing until their incidents are stored; all others push."""
    connections = {name: _connect(fleet, name, server.port) for name in others}
    turn = 0
    while (known := _count(stamps)) < INCIDENTS:
        silent = {others[(turn + number) % len(others)] for number in range(SILENT)}
        _push(fleet, connections, others)
        end = time.monotonic() + 20 * INTERVAL_S
        while _count(stamps) < known + SILENT and time.monotonic() < end:
            _push(fleet, connections, [name for name in others if name not in silent])
            time.sleep(INTERVAL_S / 3)
        turn += SILENT


def _connect(fleet: BenchFleet, name: str, port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(HUB, port, timeout=10, source_address=(fleet.address(name), 0))


def _push(fleet: BenchFleet, connections: dict[str, http.client.HTTPConnection], names: Iterable[str]) -> None:
    for name in names:
        connections[name].request("GET", f"/api/push/{fleet.token(name)}?status=up&msg=OK&ping=")
        answer = connections[name].getresponse()
        if answer.status != 200:
            raise SystemExit(f"a push was answered {answer.status}: {answer.read()!r}")
        answer.read()


def _count(stamps: Path) -> int:
    return stamps.read_text().count("\n")
