"""Starting a lab's supervisor, ending it, and clearing what a lab leaves that did not end by itself."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from noc.errors import NocError
from noc.lab import cgroups, control
from noc.lab.cloud.account import Settings
from noc.lab.cloud.service import write_settings
from noc.lab.dns import tsig_key
from noc.lab.errors import BootFailed, LabNeeds
from noc.lab.limits import Limits
from noc.lab.machines import LabPlan
from noc.lab.places import Places
from noc.lab.standins import STAND_INS

PROGRAMS = (
    "systemd-nspawn", "debootstrap", "unshare", "nsenter", "setpriv", "ip", "gpg", "gpg-agent", "dpkg-deb", "nmap",
    "curl",
)  # fmt: skip
TUN = Path("/dev/net/tun")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
START_S = 15.0
UP_S = 180
DOWN_S = 30


def check_needs() -> None:
    """Raise LabNeeds unless this process is root's, and every program and device is there."""
    if os.geteuid() != 0:
        raise LabNeeds("the lab needs root", why="it boots real hosts", fix="sudo noc lab up")
    missing = [program for program in PROGRAMS if shutil.which(program, path=PATH) is None]
    if missing:
        raise LabNeeds("the lab needs programs", why=f"{', '.join(missing)} not found", fix="sh tools/packages.sh lab")
    if not TUN.exists():
        raise LabNeeds("the lab needs TUN devices", why=f"{TUN} is not there", fix="modprobe tun")


def start(places: Places, plan: LabPlan, account: Settings | None = None) -> None:
    """Start a supervisor and wait until its lab is up; a lab that does not come up is ended.

    Raises:
        BootFailed, RequestRefused: what did not come up.
    """
    sweep(places)
    places.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    places.plan.write_text(plan.model_dump_json(indent=1))
    tokens = {each.name: each.new_token() for each in STAND_INS}
    kept = {places.token(name): token for name, token in tokens.items()}
    for path, secret in {**kept, places.dns_key: tsig_key()}.items():
        path.touch(mode=0o600)
        path.write_text(secret)
    if account is not None:
        write_settings(places.cloud_account, account)
    try:
        _spawn(places)
        control.ask(places.socket, {"op": "ready"}, timeout_s=UP_S)
    except BaseException:
        stop(places)
        raise


def stop(places: Places) -> None:
    """End a lab and remove everything of it; nothing happens where there is none.

    Raises:
        BootFailed: its supervisor is alive after 30 s and a SIGKILL.
    """
    if (pid := control.process_behind(places.socket)) is not None:
        with contextlib.suppress(ProcessLookupError):
            _end(places, pid)
    sweep(places)


def sweep(places: Places) -> None:
    """Remove what a lab left that ended or died: control groups, files, limit. Its processes took the rest."""
    with contextlib.suppress(OSError, ValueError):
        cgroups.sweep(json.loads(places.plan.read_text())["lab"])
    shutil.rmtree(places.state, ignore_errors=True)
    with Limits().alone() as alone:
        if alone:
            cgroups.sweep_all()


def _spawn(places: Places) -> None:
    """Start the supervisor in namespaces of its own, detached from this process, and wait for its door."""
    Path("/run/netns").mkdir(exist_ok=True)
    Path("/run/systemd/nspawn").mkdir(parents=True, exist_ok=True)
    with places.log.open("w") as log:
        subprocess.run(
            ["setsid", "--fork", *_delegation(),
             "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
             sys.executable, "-m", "noc.lab.supervisor", str(places.state), str(places.cache)],
            check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    if not _wait(lambda: control.process_behind(places.socket) is not None, START_S):
        words = places.log.read_text().strip()[-500:]
        raise BootFailed("the lab's supervisor did not start", why=words or f"no word from it within {START_S:g} s")


def _end(places: Places, pid: int) -> None:
    with contextlib.suppress(NocError):
        control.ask(places.socket, {"op": "down"})
    if not _wait(lambda: not Path(f"/proc/{pid}").exists(), DOWN_S):
        os.kill(pid, signal.SIGKILL)
        if not _wait(lambda: not Path(f"/proc/{pid}").exists(), 5):
            raise BootFailed("the lab's supervisor does not end", why=f"process {pid} is alive after a SIGKILL")


def _delegation() -> list[str]:
    """Where systemd runs this machine, have it leave a part of its control groups to the lab."""
    if not Path("/run/systemd/system").is_dir():
        return []
    return ["systemd-run", "--quiet", "--scope", "--collect", "--property=Delegate=yes", "--"]


def _wait(condition: Callable[[], bool], deadline_s: float) -> bool:
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
