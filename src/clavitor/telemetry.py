"""The eleven fields that a push carries: cheap readings of the machine, the database and the service."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

MIB = 1024 * 1024
PROC = Path("/proc")
NIX_SYSTEM = Path("/nix/var/nix/profiles/system")


@dataclass(frozen=True, slots=True)
class Telemetry:
    """One reading. `None` says that there is nothing to read, or not yet.

    `ram_mb` (used), `cpu_pct` (since the reading before) and `uptime_s` are the machine's; `disk_pct` is the used share
    of the file system that holds the database, as `df` counts it.
    """

    ram_mb: int
    disk_pct: float
    cpu_pct: float
    db_size_mb: float
    db_integrity: str | None
    active_sessions: int
    req_1h: int
    err_1h: int
    cert_days_remaining: int | None
    nix_gen: int | None
    uptime_s: int

    def as_dict(self) -> dict[str, str | float | None]:
        """The JSON body of a push."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Service:
    """What only the service itself knows, each asked when a reading is made."""

    requests: Callable[[], int]
    errors: Callable[[], int]
    sessions: Callable[[], int]
    integrity: Callable[[], str | None]
    certificate_days: Callable[[], int | None]


class Gauge:
    """Takes readings; keeps the processor's counters between two of them.

    Args:
        database: the database's file.
        service: what the service says about itself.
    """

    def __init__(self, database: Path, service: Service) -> None:
        self._database, self._service = database, service
        self._busy, self._total = _processor()

    def read(self) -> Telemetry:
        """Take a reading; costs about a millisecond."""
        return Telemetry(
            ram_mb=_memory_used(),
            disk_pct=_disk_used(self._database),
            cpu_pct=self._processor_used(),
            db_size_mb=_size(self._database),
            db_integrity=self._service.integrity(),
            active_sessions=self._service.sessions(),
            req_1h=self._service.requests(),
            err_1h=self._service.errors(),
            cert_days_remaining=self._service.certificate_days(),
            nix_gen=_nix_generation(NIX_SYSTEM),
            uptime_s=int(time.clock_gettime(time.CLOCK_BOOTTIME)),
        )

    def _processor_used(self) -> float:
        before_busy, before_total = self._busy, self._total
        self._busy, self._total = _processor()
        ticks = self._total - before_total
        return round(min(100.0, max(0.0, 100 * (self._busy - before_busy) / ticks)), 1) if ticks > 0 else 0.0


def _processor() -> tuple[int, int]:
    """Busy and all ticks since boot: proc_stat(5), where guest time is already part of user time."""
    user, nice, system, idle, iowait, *others = map(int, (PROC / "stat").read_text().partition("\n")[0].split()[1:9])
    busy = user + nice + system + sum(others)
    return busy, busy + idle + iowait


def _memory_used() -> int:
    """MiB that are not available to a new program: proc_meminfo(5), which counts in KiB."""
    lines = (line.partition(":") for line in (PROC / "meminfo").read_text().splitlines())
    sizes = {name: int(value.split()[0]) for name, _, value in lines}
    return (sizes["MemTotal"] - sizes["MemAvailable"]) // 1024


def _disk_used(database: Path) -> float:
    disk = os.statvfs(database.parent)
    used = disk.f_blocks - disk.f_bfree
    return round(100 * used / max(1, used + disk.f_bavail), 1)


def _size(database: Path) -> float:
    """MiB of the database and its write-ahead log."""
    files = (database, database.with_name(f"{database.name}-wal"))
    return round(sum(file.stat().st_size for file in files if file.exists()) / MIB, 3)


def _nix_generation(profile: Path) -> int | None:
    """The number in `system-42-link`, to which NixOS's system profile points."""
    try:
        number = profile.readlink().name.removeprefix("system-").removesuffix("-link")
    except OSError:
        return None
    return int(number) if number.isdigit() else None
