"""The load: `push_load.c`, compiled for this machine, and what one run of it came to."""

import json
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ingestion.fleet import HUB, BenchFleet
from ingestion.servers import Server

SOURCE = Path(__file__).parents[1] / "push_load.c"


@dataclass(frozen=True)
class Load:
    """One run. Milliseconds; `refused` were answered otherwise than 2xx, `broken` are connections that ended."""

    server: str
    mode: str
    connections: int
    rate: float
    cpu_ms: float
    p50_ms: float
    p99_ms: float
    refused: int
    broken: int
    rss_mb: float

    def row(self, ratio: str = "") -> str:
        """A line of the table."""
        cells = (self.server, self.mode.upper(), self.connections, f"{self.rate:,.0f}", ratio, f"{self.cpu_ms:.3f}")
        timing = (f"{self.p50_ms:.1f}", f"{self.p99_ms:.1f}", self.refused + self.broken, f"{self.rss_mb:.0f}")
        return f"| {' | '.join(str(cell) for cell in (*cells, *timing))} |"


class LoadProgram:
    """The compiled program. `acknowledged` counts each server's answers of 2xx over all runs."""

    def __init__(self, path: Path) -> None:
        """Take where it lies."""
        self._path = path
        self.acknowledged: Counter[str] = Counter()

    def run(self, server: Server, fleet: BenchFleet, connections: int, seconds: float, mode: str) -> Load:
        """Push for so long, and measure."""
        before = server.cpu_s()
        argv = [str(self._path), HUB, str(server.port), str(connections), str(seconds), mode]
        done = subprocess.run(argv, input=fleet.lines(), capture_output=True, text=True, check=True)
        cpu, found = server.cpu_s() - before, json.loads(done.stdout)
        good = found["answers"] - found["refused"]
        self.acknowledged[server.name] += good
        return Load(
            server.name,
            mode,
            connections,
            good / found["seconds"],
            cpu / max(1, found["answers"]) * 1000,
            found["p50"] / 1000,
            found["p99"] / 1000,
            found["refused"],
            found["broken"],
            server.rss_mb(),
        )


def compile_load(folder: Path) -> LoadProgram:
    """Compile it into a directory."""
    program = folder / "push_load"
    subprocess.run(["cc", "-O2", "-o", str(program), str(SOURCE)], check=True)
    return LoadProgram(program)
