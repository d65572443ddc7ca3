"""A control group of its own for each machine.

systemd-nspawn puts a machine below the group that it was started in; two machines in one group would see, and
stop, each other's services.
"""

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterable
from pathlib import Path

PREFIX = "noclab-"
_HYBRID = "name=systemd"


def bases(mountinfo: str, membership: str) -> tuple[Path, ...]:
    """The groups of this process in the hierarchies that systemd uses: its named one and the unified one.

    Args:
        mountinfo: content of `/proc/self/mountinfo` (proc(5)).
        membership: content of `/proc/self/cgroup` (cgroups(7)).
    """
    own = {line.split(":", 2)[1]: line.split(":", 2)[2] for line in membership.splitlines()}
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        mount_point = before.split()[4]
        if kind == "cgroup2" and "" in own:
            found.append(Path(mount_point + own[""]))
        elif kind == "cgroup" and _HYBRID in options.split(",") and _HYBRID in own:
            found.append(Path(mount_point + own[_HYBRID]))
    return tuple(dict.fromkeys(found))


def own_bases() -> tuple[Path, ...]:
    """`bases` of this process."""
    return bases(Path("/proc/self/mountinfo").read_text(), Path("/proc/self/cgroup").read_text())


def make(lab: str, name: str) -> tuple[Path, ...]:
    """Make a machine's groups.

    Args:
        lab: the lab's identity, part of the name.
        name: the machine.

    Returns:
        One directory a hierarchy.
    """
    groups = tuple(base / f"{PREFIX}{lab}" / name for base in own_bases())
    for group in groups:
        group.mkdir(parents=True, exist_ok=True)
    return groups


def remove(groups: Iterable[Path]) -> None:
    """Remove groups with all below them; those that still hold a process stay."""
    for group in groups:
        below = [path for path in group.rglob("*") if path.is_dir()] if group.is_dir() else []
        for directory in [*sorted(below, reverse=True), *([group] if group.is_dir() else [])]:
            _remove_empty(directory)


def sweep(lab: str, deadline_s: float = 10) -> None:
    """Remove what a lab of that identity left, wherever below the hierarchies it was started.

    Args:
        lab: the lab's identity; what is none sweeps nothing.
        deadline_s: seconds to wait for processes that the kernel is still ending.
    """
    if not re.fullmatch(r"[0-9a-f]+", lab):
        return
    groups = list(Path("/sys/fs/cgroup").rglob(f"{PREFIX}{lab}"))
    end = time.monotonic() + deadline_s
    while any(group.exists() for group in groups) and time.monotonic() < end:
        remove(groups)
        time.sleep(0.02)


def sweep_all() -> None:
    """Remove the groups of every lab; only for who knows that no lab lives, because an empty group may be in use."""
    remove(list(Path("/sys/fs/cgroup").rglob(f"{PREFIX}*")))


def first_process(groups: Iterable[Path], proc: Path = Path("/proc")) -> int | None:
    """The process id, as this process sees it, of a machine's init; None where it is off.

    Beside it lies, for a moment, what it has just forked and not yet moved to a group of its own. The lowest number
    is no mark of it, since numbers begin anew; being the first of a namespace is (`NSpid` of proc_pid_status(5)).

    Args:
        groups: the machine's.
        proc: where processes are looked at.
    """
    for group in groups:
        file = group / "payload/init.scope/cgroup.procs"
        if file.exists():
            for pid in map(int, file.read_text().split()):
                if _number_inside(proc / str(pid) / "status") == 1:
                    return pid
    return None


def _number_inside(status: Path) -> int | None:
    """The number that a process has in the innermost of its namespaces; None for one that is gone."""
    try:
        found = re.search(r"^NSpid:.*\t(\d+)$", status.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) if found else None


def kill(groups: Iterable[Path]) -> None:
    """Kill a machine: its own processes, whose end its container follows; the container where it has none yet.

    They are all stopped first, so that none sees another die and has time to write down what it makes of that: a plug
    that is pulled ends them in one moment.
    """
    machine, container = set[int](), set[int]()
    for group in groups:
        for file in group.rglob("cgroup.procs"):
            inside = "payload" in file.relative_to(group).parts
            (machine if inside else container).update(int(pid) for pid in file.read_text().split())
    for deed in (signal.SIGSTOP, signal.SIGKILL):
        for pid in machine or container:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, deed)


def _remove_empty(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError:
        return
