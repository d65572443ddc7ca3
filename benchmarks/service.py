"""Claim: the service starts in at most 0.7 s CPU and holds at most 60 MB after 10,000 requests.

The peer, in the same run: the same work by a Starlette application on uvicorn, which answers /health and nothing else.
"""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REQUESTS = 10_000
READY_S = 20
PEER = """
import os, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
async def health(request):
    return JSONResponse({"status": "ok"})
uvicorn.run(Starlette(routes=[Route("/health", health)]), port=int(os.environ["PORT"]), access_log=False,
            log_level="warning", http="h11", loop="asyncio")
"""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def healthy(port: int) -> bool:
    """Whether GET /health answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def cpu_s(pid: int) -> float:
    """CPU seconds that a running process has used (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Resident memory in MB (proc(5))."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(name: str, argv: list[str], environment: dict[str, str], port: int) -> tuple[float, float]:
    """Start, ask 10,000 times over one connection, stop; print and return start CPU and memory."""
    process = subprocess.Popen(argv, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + READY_S
        while not healthy(port):
            if time.monotonic() > end:
                raise SystemExit(f"{name} does not answer within {READY_S} s")
            time.sleep(0.02)
        start = cpu_s(process.pid)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        for _ in range(REQUESTS):
            connection.request("GET", "/health")
            connection.getresponse().read()
        memory = rss_mb(process.pid)
        per_request = (cpu_s(process.pid) - start) / REQUESTS * 1000
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)
    print(f"{name:22} start {start:.2f} s CPU, {memory:.0f} MB after {REQUESTS:,} requests, {per_request:.2f} ms each")
    return start, memory


def main() -> None:
    """Print both and their ratios."""
    with tempfile.TemporaryDirectory() as directory:
        noc = str(Path(sys.executable).parent / "noc")
        build = [noc, "release", "build", "--version", "1.0.0", "--build", "1", "--out", directory]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port = free_port()
        environment = {
            "CLAVITOR_DB": f"{directory}/clavitor.db",
            "CLAVITOR_DOMAIN": "bench.example",
            "CLAVITOR_LISTEN": f"127.0.0.1:{port}",
        }
        payload = str(Path(directory) / "clavitor.pyz")
        ours = measure("clavitor, one zipapp", [sys.executable, payload, "serve"], environment, port)
        port = free_port()
        peer = measure("Starlette on uvicorn", [sys.executable, "-c", PEER], {"PORT": str(port)}, port)
    print(f"ratio                  start {ours[0] / peer[0]:.2f}, memory {ours[1] / peer[1]:.2f}")


if __name__ == "__main__":
    main()
