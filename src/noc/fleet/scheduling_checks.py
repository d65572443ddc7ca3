"""What a schema cannot say of `[[schedule]]`: times that come, once a job, and with what the job needs."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from noc.fleet.cron import Cron
from noc.fleet.document import Document
from noc.fleet.errors import Problem
from noc.fleet.places import KeyPath, nearest
from noc.fleet.scheduling import next_time, skipped
from noc.fleet.windows import Window, known_zone

_FORM: Final = 'five fields, such as "40 3 * * *": minute, hour, day, month, day of the week'
_FROM: Final = datetime(2027, 1, 1, tzinfo=UTC)
"""Where times begin to be looked at: any year does, and the same file has the same mistakes on every day."""
_LOOKED_AT: Final = 10


def unique_jobs(document: Document) -> Iterator[Problem]:
    """No job is scheduled twice: its unit and its outcome bear its name."""
    first: dict[str, KeyPath] = {}
    for path, job in document.texts("schedule", "job"):
        if job in first:
            line = nearest(document.places, first[job])
            fix = "name all its times in one cron, as in 0 3,15 * * *"
            yield document.problem(path, f"job {job} is scheduled already, on line {line}", fix)
        else:
            first[job] = path


def schedule_times(document: Document) -> Iterator[Problem]:
    """Each job has times that come, and no day on which clocks that change swallow its only one."""
    for path, times in _times(document):
        at = (*path, "cron")
        if isinstance(times, str):
            yield document.problem(at, times, _FORM)
        elif next_time(times, _FROM) is None:
            yield document.problem(at, "that day never comes", _FORM)
        elif (lost := next(skipped(times, _FROM.year), None)) is not None:
            day = lost.astimezone(times.zone)
            what = f"the job would be left out on {day:%Y-%m-%d}, when clocks in {times.zone.key} skip its time"
            yield document.problem(at, what, f"take another hour, such as {day.hour + 1}")


def schedule_needs(document: Document) -> Iterator[Problem]:
    """A job comes with what it needs: a second place, or a window that its times lie in."""
    backup = document.data.get("backup")
    for path, table in document.tables("schedule"):
        if table.get("job") in {"hub-backup", "audit-head"} and not (isinstance(backup, dict) and "second" in backup):
            what = f"{table['job']} has no place to go to"
            yield document.problem((*path, "job"), what, "name one in [backup.second], or take the job out")
    for path, times in _times(document):
        if document.data["schedule"][path[1]].get("job") == "os-update" and isinstance(times, Cron):
            yield from _outside_window(document, path, times)


def _outside_window(document: Document, path: KeyPath, times: Cron) -> Iterator[Problem]:
    """Times of the weekly update at which [os_update] would not let it begin."""
    window = _window(document.data.get("os_update"))
    at = _FROM
    for _ in range(_LOOKED_AT if window else 0):
        if (following := next_time(times, at)) is None:
            return
        at = following
        if window is not None and window.holding(at) is None:
            what = f"[os_update] lets nothing begin at {at.astimezone(times.zone):%a %H:%M}"
            yield document.problem((*path, "cron"), what, "name a time inside its window")
            return


def _window(table: Any) -> Window | None:  # noqa: ANN401 - TOML data
    """The weekly window, where it is written as it should be; what is wrong with it is named elsewhere."""
    try:
        window = Window.read(table["from"], table["until"], table["zone"])
    except (TypeError, ValueError, KeyError, OSError):
        return None
    return None if isinstance(window.start, datetime) else window


def _times(document: Document) -> Iterator[tuple[KeyPath, Cron | str]]:
    """Each job's times, or what is wrong with them; a zone that is not known is named elsewhere."""
    for path, table in document.tables("schedule"):
        cron, zone = table.get("cron"), table.get("zone", document.data.get("timezone"))
        if isinstance(cron, str) and isinstance(zone, str) and known_zone(zone):
            try:
                yield path, Cron.read(cron, zone)
            except ValueError as error:
                yield path, str(error)


SCHEDULING_CHECKS = (unique_jobs, schedule_times, schedule_needs)
