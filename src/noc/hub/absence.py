"""HQ's watch away for a while, on purpose: what a drill needs root for."""

from noc.hub.system import run

UNIT = "noc-drill-hq-down"
WATCH = "noc-watch.service"
_SPARE_S = 30


def stop_watch(seconds: float) -> None:
    """Stop the watch, and let systemd start it again after so many seconds, whatever becomes of this process.

    The transient unit that stops it starts it at its own end, however that comes; and a boot starts it anyway.

    Raises:
        StepFailed: systemd refuses, for example because such a unit is there already.
    """
    run(
        *("systemd-run", "--quiet", "--collect", f"--unit={UNIT}", f"--property=RuntimeMaxSec={seconds + _SPARE_S:g}"),
        f"--property=ExecStopPost=/bin/systemctl start {WATCH}",
        *("/bin/sh", "-c", f"systemctl stop {WATCH}; exec sleep {seconds:g}"),
    )
