"""Timers of HQ that failed or did not run, by systemd."""

import re
from typing import Final

from noc.watch.house.programs import output

PATTERN: Final = "noc-*.timer"
JOBS: Final = "noc-job-"
"""Timers of the schedule: what becomes of its jobs is told by themselves, and judged."""
LATE_S: Final = 600
_SHOW: Final = ("systemctl", "show", "--timestamp=unix")
_TIMER: Final = "--property=Id,ActiveState,Result,Unit,NextElapseUSecRealtime"
_SERVICE: Final = "--property=Id,ActiveState,Result"
_AT: Final = re.compile(r"@(\d+)")

Unit = dict[str, str]


async def failed_timers(wall: int) -> list[str] | None:
    """The timers that are not well; None where systemd cannot be asked.

    Args:
        wall: now, ms UTC.
    """
    if (timers := await output(*_SHOW, _TIMER, PATTERN)) is None:
        return None
    listed = [timer for timer in units(timers) if not timer["Id"].startswith(JOBS)]
    started = [timer["Unit"] for timer in listed if timer.get("Unit")]
    services = await output(*_SHOW, _SERVICE, *started) if started else ""
    return None if services is None else unwell(listed, units(services), wall / 1000)


def units(text: str) -> list[Unit]:
    """What `systemctl show` says of several units: a block each."""
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in text.split("\n\n")]
    return [block for block in blocks if block.get("Id")]


def unwell(timers: list[Unit], services: list[Unit], at: float) -> list[str]:
    """The timers that do not wait for their time, are ten minutes late, or whose service failed when it ran last.

    Args:
        timers, services: as `units` reads them.
        at: now, Unix seconds.
    """
    failed = {service["Id"] for service in services if _failed(service)}
    return sorted(
        timer["Id"]
        for timer in timers
        if timer.get("ActiveState") != "active" or _failed(timer) or timer.get("Unit") in failed or _late(timer, at)
    )


def _failed(unit: Unit) -> bool:
    return unit.get("ActiveState") == "failed" or unit.get("Result", "success") != "success"


def _late(timer: Unit, at: float) -> bool:
    found = _AT.match(timer.get("NextElapseUSecRealtime", ""))
    return found is not None and at - int(found[1]) > LATE_S
