"""The schedule as systemd has it: a timer and a service a job, as pure text (systemd.timer(5), systemd.time(7))."""

from collections.abc import Iterable, Sequence
from typing import Final

from noc.fleet.backing import Second
from noc.fleet.cron import Cron
from noc.fleet.model import Fleet
from noc.fleet.scheduling import Schedule
from noc.hub.places import OUTGOING, PROGRAM, STATE, WATCH_STATE
from noc.hub.units import HARDENED

PREFIX: Final = "noc-job-"
MISSED: Final = 7
"""How `noc job run` ends where the job was kept from its time, which is no failure of its unit."""
_DAYS: Final = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
BY_ROOT: Final = frozenset({"hub-backup", "audit-head"})
"""Jobs that write to the second place."""
_FAREWELL_S: Final = 90
"""Seconds for a job that has used its time up to say so."""
_RUNNERS: Final = "User=noc-runner\nGroup=noc\nCapabilityBoundingSet=\nPrivateDevices=yes\n"
_ROOTS: Final = (
    "CapabilityBoundingSet=CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_CHOWN CAP_FOWNER CAP_SETUID CAP_SETGID\n"
)


def on_calendar(times: Cron) -> tuple[str, ...]:
    """When a timer elapses, one line or two: cron's "either day" is something that one cannot say.

    Clocks agree: both leave out what a zone skips, and take what it shows twice the first time.
    """
    months = _listed(sorted(times.months), 12)
    clock = f"{_listed(times.hours, 24)}:{_listed(times.minutes, 60)}:00 {times.zone.key}"
    on_dates = f"*-{months}-{_listed(sorted(times.days), 31)} {clock}"
    days = ",".join(_DAYS[number] for number in sorted(times.weekdays)) if len(times.weekdays) < 7 else ""
    if times.either_day:
        return on_dates, " ".join(filter(None, (days, f"*-{months}-* {clock}")))
    return (" ".join(filter(None, (days, on_dates))),)


def _listed(numbers: Sequence[int], every: int) -> str:
    return "*" if len(numbers) == every else ",".join(f"{number:02}" for number in numbers)


def timer(schedule: Schedule, timezone: str) -> str:
    """The timer of a job.

    Args:
        schedule: its table.
        timezone: the fleet's.
    """
    lines = "".join(f"OnCalendar={line}\n" for line in on_calendar(schedule.times(timezone)))
    return f"""\
[Unit]
Description=noc: time for the job {schedule.job}

[Timer]
{lines}\
Persistent={"yes" if schedule.missed == "catch-up" else "no"}
AccuracySec=1s
RandomizedDelaySec=0

[Install]
WantedBy=timers.target
"""


def service(schedule: Schedule, second: Second | None) -> str:
    """The service of a job: the runner's user, and its door decides; what goes to the second place needs root.

    Args:
        schedule: its table.
        second: where HQ's backups go.
    """
    by_root = schedule.job in BY_ROOT
    there = f" -{second.path}" if second is not None and second.host is None else ""
    writes = f"ReadWritePaths={STATE} -{OUTGOING} -{WATCH_STATE}{there}\n" if by_root else ""
    return f"""\
[Unit]
Description=noc: the job {schedule.job}
Wants=network-online.target
After=network-online.target noc-watch.service noc-runner.service

[Service]
Type=oneshot
SuccessExitStatus={MISSED}
ExecStart={PROGRAM} job run {schedule.job}
TimeoutStartSec={schedule.within * 60 + _FAREWELL_S}
Environment=PYTHONUNBUFFERED=1
{_ROOTS if by_root else _RUNNERS}\
{writes}\
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
{HARDENED}"""


def unit_files(fleet: Fleet) -> dict[str, str]:
    """Every unit of the schedule, by its name."""
    texts = {}
    for schedule in fleet.schedule:
        texts[f"{PREFIX}{schedule.job}.service"] = service(schedule, fleet.backup.second)
        texts[f"{PREFIX}{schedule.job}.timer"] = timer(schedule, fleet.timezone)
    return texts


def superfluous(names: Iterable[str], fleet: Fleet) -> list[str]:
    """The units among these that belong to jobs which the schedule has no more."""
    wanted = unit_files(fleet)
    return sorted(name for name in names if name.startswith(PREFIX) and name not in wanted)
