"""What breaks a node, and how it mends itself: programs for the node, pure text.

A fault that lasts is a transient unit of systemd on the node: `begin` breaks something and sleeps, and `end` mends it
when the time is up, when the unit is stopped, and when it is killed. HQ is not needed for that. What a reboot would
leave behind is made so that it leaves nothing: rules of the running kernel, a file without a name.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from noc.runs.plan.plan import Fault

TABLE: Final = "noc_drill"
DATA: Final = "/var/lib/clavitor"
"""The directory of the service's database, whose file system is filled."""
AHEAD_S: Final = 3600
SPARE_S: Final = 30
"""Seconds after its time at which systemd ends a fault that hangs."""
AT_ONCE: Final[Mapping[Fault, tuple[str, ...]]] = {
    "kill": ("systemctl", "kill", "--signal=KILL", "--kill-who=main", "clavitor.service"),
    "reboot": ("systemctl", "--no-block", "reboot"),
}
"""Faults that are over as soon as they are made."""
SILENT: Final = frozenset({"reboot", "cut"})
"""Faults that silence a node. Three that are silent together are one incident of the group, so it is two at most."""

# The answer to the order leaves before the tunnel dies.
_CUT = """
case "$1" in
begin)
  sleep 1
  nft -f - <<'END'
table inet {table} {{
  chain input {{ type filter hook input priority -400; udp sport {port} drop; }}
  chain output {{ type filter hook output priority -400; udp dport {port} drop; }}
}}
END
  exec sleep "$2" ;;
end) nft delete table inet {table} 2>/dev/null || true ;;
esac
"""
# The file has no name from the start, so whatever ends the program that holds it, a power cut included, frees the disk.
_DISK_FULL = """
case "$1" in
begin)
  exec 3>"{data}/.noc-drill"
  rm "{data}/.noc-drill"
  room=$(df --output=avail -B1 "{data}" | tail -n 1)
  fallocate --length "$((room - 65536))" /proc/self/fd/3
  exec sleep "$2" ;;
end) rm -f "{data}/.noc-drill" ;;
esac
"""
# Time sync is stopped and not disabled: a reboot brings it back. Python sets the clock by a difference, to the
# microsecond; and once it is right, whoever keeps it starts again and has the last word.
_CLOCK = """
kept=/run/noc-drill-clock
ahead() {{ python3 -I -S -c "import time; time.clock_settime(time.CLOCK_REALTIME, time.time() + $1)"; }}
case "$1" in
begin)
  : >"$kept"
  for unit in systemd-timesyncd chronyd chrony ntpd ntpsec; do
    if systemctl --quiet is-active "$unit.service"; then
      systemctl stop "$unit.service"
      echo "$unit.service" >>"$kept"
    fi
  done
  : >"$kept.set"
  ahead {ahead}
  exec sleep "$2" ;;
end)
  [ ! -e "$kept.set" ] || ahead -{ahead}
  rm -f "$kept.set"
  [ ! -e "$kept" ] || while read -r unit; do systemctl start "$unit"; done <"$kept"
  rm -f "$kept" ;;
esac
"""
_LOOKS: Final[Mapping[Fault, tuple[str, str]]] = {
    "disk-full": (
        f'! systemd-detect-virt --quiet --container || [ "$(stat -c %d {DATA})" != "$(stat -c %d /)" ]',
        f"it is a container, and {DATA} lies on a file system that other machines may share",
    ),
    "clock": (
        "! systemd-detect-virt --quiet --container",
        "it is a container, and shares its kernel's clock with other machines",
    ),
}


def program(fault: Fault, port: int) -> str:
    """The shell program of a fault that lasts.

    Args:
        fault: cut, disk-full or clock.
        port: UDP port of the hub's tunnel.
    """
    text = {"cut": _CUT, "disk-full": _DISK_FULL, "clock": _CLOCK}[fault]
    return "set -eu\n" + text.format(table=TABLE, port=port, data=DATA, ahead=AHEAD_S).lstrip("\n")


def place(fault: Fault) -> str:
    """Where a fault's program lies on the node; gone with a reboot."""
    return f"/run/noc-drill-{fault}.sh"


def unit(fault: Fault) -> str:
    """The transient unit that holds a fault, and ends it."""
    return f"noc-drill-{fault}.service"


def order(fault: Fault, seconds: float) -> Sequence[str]:
    """The command that makes a fault for so many seconds, and answers at once."""
    file = place(fault)
    return (
        *("systemd-run", "--quiet", "--collect", "--setenv=PATH", f"--unit={unit(fault)}"),
        *("--property=OOMScoreAdjust=-900", f"--property=RuntimeMaxSec={seconds + SPARE_S:g}"),
        f"--property=ExecStopPost=/bin/sh {file} end",
        *("/bin/sh", file, "begin", f"{seconds:g}"),
    )


def obstacle(fault: Fault) -> tuple[str, str] | None:
    """A test that a machine passes on which a fault stays its own, and what is said of one that does not pass.

    Returns:
        A line of shell and the words; None for a fault that every machine can bear.
    """
    return _LOOKS.get(fault)
