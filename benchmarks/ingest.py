"""Claims: what the watch does a second with pushes on the disk, what each costs, and how soon silence is an incident.

The peers, in the same run, by the same load (`push_load.c`): the same server without its storage, and nginx with a
static answer. Needs a C compiler and nginx: sh tools/packages.sh bench

    .venv/bin/python benchmarks/ingest.py [--seconds S] [--nodes N] [--only PART] [--database URL] [--json]

Parts: rates, detection. With an empty database of PostgreSQL the same server on that is measured, too. Exit 1 where a
target was missed.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from ingestion.detection import Detection, measure_detection
from ingestion.fleet import BenchFleet
from ingestion.load import Load, compile_load
from ingestion.servers import Server, in_postgres, nginx, watch, without_storage

CONNECTIONS = (1, 8, 64)
RATES = {"get": 8_000, "json": 4_000}
CPU_MS, P99_MS, RSS_MB, DETECTED_MS = 0.15, 50, 90, 100


@contextmanager
def servers(folder: Path, fleet: BenchFleet, database: str) -> Iterator[list[Server]]:
    """The watch and its peers, all running, on ports of their own."""
    started = [make(folder, fleet) for make in (watch, without_storage, nginx)]
    if database:
        started.append(in_postgres(folder, fleet, database))
    try:
        yield started
    finally:
        for each in started:
            each.stop()


def measure_rates(folder: Path, nodes: int, seconds: float, database: str = "") -> list[Load]:
    """Every server with every kind of push and number of connections, in turn, with the watch's dashboard open."""
    fleet, program = BenchFleet(folder / "fleet", nodes), compile_load(folder)
    loads: list[Load] = []
    with servers(folder, fleet, database) as running:
        running[0].open_dashboard()
        for mode in RATES:
            for connections in CONNECTIONS:
                for server in running:
                    program.run(server, fleet, connections, min(1.0, seconds), mode)  # to warm up
                    loads.append(program.run(server, fleet, connections, seconds, mode))
                    print(loads[-1].row(), file=sys.stderr, flush=True)
        stored, acknowledged = running[0].stored(), program.acknowledged[running[0].name]
    print(f"acknowledged {acknowledged:,} pushes, found {stored:,} on the disk", file=sys.stderr)
    if stored < acknowledged:
        raise SystemExit("pushes that were acknowledged are not on the disk")
    return loads


def table(loads: list[Load]) -> str:
    """The loads, with what the watch's own rate is of each peer's."""
    lines = [
        "| server | push | connections | a second | of it | CPU ms a push | p50 ms | p99 ms | non-2xx | MB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    ours = {(load.mode, load.connections): load.rate for load in loads if load.server == "noc watch"}
    for load in loads:
        ratio = ours[load.mode, load.connections] / load.rate
        lines.append(load.row(f"{ratio:.0%}"))
    return "\n".join(lines)


def missed(loads: list[Load], found: list[Detection]) -> list[str]:
    """The targets that were not reached."""
    problems = []
    for load in (load for load in loads if load.server == "noc watch"):
        name = f"{load.mode}, {load.connections} connections"
        if load.refused or load.broken:
            problems.append(f"{name}: {load.refused + load.broken} pushes were not answered with 200")
        if load.rss_mb > RSS_MB:
            problems.append(f"{name}: {load.rss_mb:.0f} MB, at most {RSS_MB}")
        if load.connections == max(CONNECTIONS):
            if load.rate < RATES[load.mode]:
                problems.append(f"{name}: {load.rate:,.0f} pushes a second, at least {RATES[load.mode]:,}")
            if load.p99_ms > P99_MS:
                problems.append(f"{name}: p99 {load.p99_ms:.0f} ms, at most {P99_MS}")
            if load.mode == "json" and load.cpu_ms > CPU_MS:
                problems.append(f"{name}: {load.cpu_ms:.3f} ms CPU a push, at most {CPU_MS}")
    problems += [
        f"{each.load}: an incident was stored {each.most_ms:.0f} ms after its deadline, at most {DETECTED_MS}"
        for each in found
        if each.most_ms > DETECTED_MS
    ]
    return problems


def main() -> int:
    """Measure, print, and compare with the targets."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--nodes", type=int, default=64, help="64: a node a connection; 21: three connections a node")
    parser.add_argument("--only", choices=["rates", "detection"])
    parser.add_argument("--database", default="", metavar="URL", help="an empty one of PostgreSQL, as in fleet.toml")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    loads: list[Load] = []
    found: list[Detection] = []
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="noc-ingest-") as name:
        if options.only != "detection":
            loads = measure_rates(Path(name), options.nodes, options.seconds, options.database)
        if options.only != "rates":
            found = measure_detection(Path(name))
    if options.json:
        print(
            json.dumps(
                {"load_before": before, "rates": [asdict(x) for x in loads], "detection": [asdict(x) for x in found]}
            )
        )
    else:
        print(f"load of the machine before: {before:.1f}\n\n{table(loads)}\n")
        print("\n".join(each.row() for each in found))
    problems = missed(loads, found)
    print("\n".join(f"missed: {problem}" for problem in problems), file=sys.stderr)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
