"""Making HQ's timers what the fleet file's schedule says."""

from noc.fleet.model import Fleet
from noc.hub.places import UNITS
from noc.hub.system import ensure_absent, ensure_running, ensure_unit_files, run
from noc.hub.timers import PREFIX, superfluous, unit_files


def ensure_timers(fleet: Fleet) -> list[str]:
    """A timer for each job, and none for one that the schedule has no more."""
    changed = []
    for name in superfluous((path.name for path in UNITS.glob(f"{PREFIX}*")), fleet):
        if name.endswith(".timer"):
            run("systemctl", "disable", "--now", name, check=False)
        changed += ensure_absent(UNITS / name)
    if changed:
        run("systemctl", "daemon-reload")
    texts = unit_files(fleet)
    changed += ensure_unit_files(texts)
    for name in (name for name in texts if name.endswith(".timer")):
        changed += ensure_running(name, [UNITS / name])
    return changed
