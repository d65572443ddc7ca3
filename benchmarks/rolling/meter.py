"""Runs a command on HQ and measures it: seconds, CPU seconds, peak memory. Standard library alone.

`meter.py [--unit UNIT] --within S -- COMMAND…` prints one JSON document. What the command leaves running (an ssh
master) becomes this program's child, is ended, and counts. A unit is what a command leaves its work to: what it uses
meanwhile counts too.
Memory is the sum of proportional set sizes (smaps_rollup, proc(5)) every 200 ms.
"""

import argparse
import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

SAMPLE_S = 0.2
TICK_S = 0.005
PR_SET_CHILD_SUBREAPER = 36
WORDS = 4000


def stat(pid: int) -> list[str]:
    """The fields of proc(5)'s stat from the state on; none where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def tree(root: int) -> set[int]:
    """A process and all below it."""
    parents = {int(p.name): stat(int(p.name)) for p in Path("/proc").iterdir() if p.name.isdigit()}
    found, grown = {root}, True
    while grown:
        below = {pid for pid, fields in parents.items() if fields and int(fields[1]) in found} - found
        found, grown = found | below, bool(below)
    return found


def cpu_s(root: int) -> float:
    """CPU seconds of a process, its living children, and those that it has buried."""
    ticks = [int(number) for pid in tree(root) if (fields := stat(pid)) for number in fields[11:15]]
    return sum(ticks) / os.sysconf("SC_CLK_TCK")


def pss_mb(pids: Iterable[int]) -> float:
    """Proportional memory of processes in MB; one that has ended counts for nothing."""
    return sum(kib for pid in pids for kib in _pss_kib(pid)) * 1024 / 1e6


def _pss_kib(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                yield int(line.split()[1])


def main_pid(unit: str) -> int:
    """The main process of a systemd unit."""
    show = ["systemctl", "show", "--property=MainPID", "--value", unit]
    return int(subprocess.run(show, capture_output=True, check=True, timeout=30).stdout)


def run(argv: list[str], unit: int | None, within_s: float) -> tuple[int, float, float, bytes]:
    """Run to the end: status, seconds, peak MB, output. At the deadline the command is killed."""
    started, peak, next_look = time.monotonic(), 0.0, 0.0
    with Path("/run/meter.out").open("w+b") as output:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        while process.poll() is None and (now := time.monotonic()) < started + within_s:
            if now >= next_look:
                pids = tree(os.getpid()) - {os.getpid()} | (tree(unit) if unit else set())
                peak, next_look = max(peak, pss_mb(pids)), now + SAMPLE_S
            time.sleep(TICK_S)
        seconds = time.monotonic() - started
        if process.poll() is None:
            process.kill()
        status = process.wait()
        output.seek(0)
        return status, seconds, peak, output.read()


def bury() -> None:
    """End what the command left running, and wait for it, so that it counts."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in tree(os.getpid()) - {os.getpid()}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        end = time.monotonic() + 2
        with contextlib.suppress(ChildProcessError):
            while time.monotonic() < end:
                if os.waitpid(-1, os.WNOHANG) == (0, 0):
                    time.sleep(0.01)
            continue
        return


def main() -> None:
    """Measure one command, and print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--unit", help="systemd unit whose processes belong to the command")
    parser.add_argument("--within", type=float, required=True, help="seconds until it is killed")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    unit = main_pid(arguments.unit) if arguments.unit else None
    before = cpu_s(unit) if unit else 0.0
    looked = resource.getrusage(resource.RUSAGE_CHILDREN)
    status, seconds, peak, output = run(arguments.command, unit, arguments.within)
    bury()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = used.ru_utime + used.ru_stime - looked.ru_utime - looked.ru_stime
    cpu = own + (cpu_s(unit) - before if unit else 0.0)
    words = output.decode(errors="replace")
    json.dump(
        {"status": status, "seconds": seconds, "cpu_s": cpu, "peak_mb": peak, "words": words[-WORDS:]}, sys.stdout
    )


if __name__ == "__main__":
    main()
