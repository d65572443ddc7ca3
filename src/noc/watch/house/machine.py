"""This machine in numbers: pure readings of what proc(5) and statvfs(3) say."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class CpuTimes(NamedTuple):
    """Clock ticks since boot: not idle, and all."""

    busy: int
    whole: int


def cpu_times(text: str) -> CpuTimes | None:
    """The first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal, and two that are in user."""
    fields = text.partition("\n")[0].split()
    if len(fields) < 6 or fields[0] != "cpu":
        return None
    ticks = [int(field) for field in fields[1:9]]
    return CpuTimes(sum(ticks) - ticks[3] - ticks[4], sum(ticks))


def cpu_pct(before: CpuTimes | None, after: CpuTimes | None) -> float | None:
    """How busy all processors were between two readings, in percent; None where there are no two."""
    if before is None or after is None or after.whole <= before.whole:
        return None
    return 100 * (after.busy - before.busy) / (after.whole - before.whole)


def ram_pct(text: str) -> float | None:
    """How much of the memory is not available to programs, in percent, by /proc/meminfo; None where it does not say."""
    sizes = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    try:
        whole, available = (int(sizes[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    except (KeyError, ValueError, IndexError):
        return None
    return 100 * (1 - available / whole) if whole > 0 else None


def uptime_s(text: str) -> float | None:
    """Seconds since boot, by /proc/uptime."""
    try:
        return float(text.split(maxsplit=1)[0])
    except (ValueError, IndexError):
        return None


def disk_pct(paths: Iterable[Path]) -> float | None:
    """How full the fullest of the file systems is that hold these paths, in percent, as df(1) counts."""
    full = []
    for path in paths:
        try:
            there = os.statvfs(path)
        except OSError:
            continue
        used = there.f_blocks - there.f_bfree
        if used + there.f_bavail > 0:
            full.append(100 * used / (used + there.f_bavail))
    return max(full, default=None)


def read(path: str) -> str:
    """A file of /proc; "" where it cannot be read."""
    try:
        return Path(path).read_text()
    except OSError:
        return ""
