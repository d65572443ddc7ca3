"""The weekly update: a rollout of the newest systems, inside its window, and never while something is wrong."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from noc.fleet.building import OsUpdate
from noc.fleet.model import Fleet
from noc.fleet.windows import Window
from noc.runs.admission.clock import told
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.site.site import Site
from noc.runs.system.errors import FleetUnwell, OutsideWindow
from noc.runs.system.keeping import carry_out
from noc.runs.system.lock import check_lock

_LISTED = 200


async def os_update(run: Run, site: Site) -> list[Verdict]:
    """Carry out a weekly update.

    Raises:
        OutsideWindow, FleetUnwell, LockGone: nothing was begun.
        WatchAbsent: nobody can say whether the fleet is well; nothing was begun.
    """
    check_window(site.fleet, datetime.now(UTC))
    await check_calm(site)
    check_lock(site, run.plan)
    return await carry_out(run, site)


def check_window(fleet: Fleet, now: datetime) -> None:
    """Keep a weekly update from beginning outside its window.

    Args:
        fleet: with its window, or none.
        now: an aware time.

    Raises:
        OutsideWindow: it has to wait; until when is said.
    """
    given = fleet.os_update
    if given is None or _window(given).holding(now) is not None:
        return
    begins = _window(given).following(now)
    when = f"it opens {told(begins.astimezone(ZoneInfo(fleet.timezone)))}" if begins else "it will not open again"
    why = f"its window is from {given.start} until {given.end}, {given.zone}: {when}"
    raise OutsideWindow("the weekly update does not begin now", why=why, fix="wait, or change [os_update]")


def _window(given: OsUpdate) -> Window:
    return Window.read(given.start, given.end, given.zone)


async def check_calm(site: Site) -> None:
    """Keep a weekly update from beginning while an incident is open. Raises FleetUnwell, WatchAbsent."""
    found = [row for row in await site.watch.incidents(_LISTED) if row.get("ended_at") is None]
    if found:
        why = ", ".join(f"{row['node']} (incident {row['id']})" for row in found[:5])
        fix = "noc incidents; the update can wait until they are closed"
        raise FleetUnwell(f"{len(found)} incidents are open", why=why, fix=fix)
