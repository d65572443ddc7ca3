"""`noc hub upgrade`: another noc beside the one in use, tried, switched to, proven, or given up again.

Pushes are never refused on the way forward: systemd holds their socket, so that they wait while the watch starts anew.
"""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from noc import __version__
from noc.errors import NocError, TimedOut
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.hub.apply import check_idle
from noc.hub.chat import BOT
from noc.hub.distribution import Distribution, check_meant, check_newer, read_distribution
from noc.hub.errors import NotUpgradable, UpgradeFailed
from noc.hub.installer import point
from noc.hub.places import FLEET, UNITS
from noc.hub.steps import Done, Step, run_steps
from noc.hub.system import run
from noc.hub.watchdata import DATABASE, put_back, try_migration
from noc.runs.runner.client import Client
from noc.watch.server.client import ask
from noc.watch.store.migration import copy_of

PREFIX: Final = Path("/opt/noc")
PROOF_S: Final = 22.0
"""Seconds from the switch in which the new noc has to be started, and to show that it works."""
STOP_S: Final = 4.0
"""Seconds for a new noc that is given up to end by itself: what it acknowledged is on the disk."""
_POLL_S: Final = 0.2
_ANSWER_S: Final = 5.0
_SERVICES: Final = ("noc-runner.service", "noc-peers.service", "noc-watch.service")
_PUSHES: Final = ("noc-watch.socket", "noc-watch.service")

Tell = Callable[[Done], None]


@dataclass(frozen=True)
class Upgraded:
    """What came of an upgrade: from which version to which, with which file, by which steps."""

    old: str
    new: str
    sha256: str
    steps: tuple[Done, ...]

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        steps = [step.as_dict() for step in self.steps]
        return {"old": self.old, "new": self.new, "sha256": self.sha256, "steps": steps}


def upgrade(file: Path, meant: str | None, tell: Tell) -> Upgraded:
    """Bring HQ to the noc of a distributed file.

    Args:
        file: the file.
        meant: its SHA-256, as it was printed where it was built.
        tell: called after each step.

    Raises:
        NotUpgradable, UpgradeRefused, RunUnderWay: nothing was changed.
        MigrationFailed: nothing was changed but that the new version lies beside the old.
        UpgradeFailed: HQ is as it was before.
    """
    if (PREFIX / "current").resolve() == PREFIX / "current" or not (PREFIX / "current").is_symlink():
        raise NotUpgradable("this noc was not installed from its file", fix=f"see what {PREFIX}/current is")
    with read_distribution(file, PREFIX) as found:
        check_meant(found, meant)
        check_newer(found)
        check_idle()
        fleet = load(FLEET)
        return Upgraded(__version__, found.version, found.sha256, _carry_out(found, fleet, tell))


def _carry_out(found: Distribution, fleet: Fleet, tell: Tell) -> tuple[Done, ...]:
    new = PREFIX / found.version
    staged = run_steps(
        [
            Step("stage", lambda: [str(found.stage(PREFIX))]),
            Step("database", lambda: _tried(new)),
        ],
        tell,
    )
    check_idle()
    with _way_back() as end:
        switched = run_steps(
            [
                Step("switch", lambda: _switch(found.version)),
                Step("apply", lambda: _apply(new, end)),
                Step("proof", lambda: _proven(fleet, found.version, end)),
            ],
            tell,
        )
    return (*staged, *switched)


def _tried(new: Path) -> list[str]:
    try_migration(new / "bin" / "python")
    return []


def _switch(version: str) -> list[str]:
    point(PREFIX / "current", version)
    return [f"{PREFIX}/current is {version}"]


def _apply(new: Path, end: float) -> list[str]:
    """Let the new noc write its own units and start what they name, as `noc hub apply` of its own."""
    left_s = max(0.1, end - time.monotonic())
    document = json.loads(run(str(new / "bin" / "noc"), "hub", "apply", "--json", timeout_s=left_s).stdout)
    return [change for step in document["steps"] for change in step["changed"]]


@contextmanager
def _way_back() -> Iterator[float]:
    """Put back what was before where something fails: version, units, and the database where that was migrated.

    Yields until when what is new has to work, on the monotonic clock.
    """
    begun = time.monotonic()
    version = str((PREFIX / "current").readlink())
    units = {path: path.read_bytes() for path in UNITS.glob("noc-*") if path.is_file()}
    copied = _copied_at()
    try:
        yield begun + PROOF_S
    except (NocError, OSError, ValueError, KeyError, KeyboardInterrupt) as error:
        kept = _go_back(version, units, migrated=_copied_at() != copied)
        what = error.what if isinstance(error, NocError) else str(error) or "it was stopped"
        why = error.why if isinstance(error, NocError) else ""
        raise UpgradeFailed(
            f"the new noc did not show that it works, so noc {version} is back {time.monotonic() - begun:.0f} s later",
            why=": ".join(filter(None, (what, why)))
            + (f"; {kept} pushes that came meanwhile were kept" if kept else ""),
            fix="journalctl -u noc-watch -u noc-runner says more; HQ works as before",
        ) from error


def _go_back(version: str, units: dict[Path, bytes], *, migrated: bool) -> int:
    """Make HQ what it was; how many pushes were taken over from the newer database."""
    kept = 0
    _end_new()
    if migrated:
        kept = put_back()
    point(PREFIX / "current", version)
    for path in (path for path in UNITS.glob("noc-*") if path.is_file() and path not in units):
        run("systemctl", "disable", "--now", path.name, check=False, timeout_s=60)
        path.unlink()
    for path, content in units.items():
        path.write_bytes(content)
    run("systemctl", "daemon-reload")
    run("systemctl", "start", *[unit for unit in _PUSHES if UNITS / unit in units], timeout_s=60)
    run("systemctl", "start", *_SERVICES[:2], timeout_s=60)
    run("systemctl", "try-restart", BOT, check=False, timeout_s=60)
    return kept


def _end_new() -> None:
    """End what the new noc has started; what hangs is not waited for."""
    with suppress(TimedOut):
        run("systemctl", "stop", *_PUSHES, *_SERVICES[:2], check=False, timeout_s=STOP_S)
        return
    run("systemctl", "kill", "--signal=KILL", *_SERVICES, check=False)
    run("systemctl", "stop", *_PUSHES, *_SERVICES[:2], check=False)


def _copied_at() -> int | None:
    """When the database was last copied before a migration; None for never."""
    copy = copy_of(DATABASE)
    return copy.stat().st_mtime_ns if copy.exists() else None


def _proven(fleet: Fleet, version: str, end: float) -> list[str]:
    """Wait until everything answers as the new noc. Raises UpgradeFailed with what does not."""
    missing = "it took too long to start"
    while time.monotonic() < end:
        try:
            missing = _missing(fleet, version)
        except (NocError, OSError) as error:
            missing = str(error)
        if not missing:
            return []
        time.sleep(_POLL_S)
    raise UpgradeFailed(f"noc {version} does not work", why=missing)


def _missing(fleet: Fleet, version: str) -> str:
    """What does not answer yet as it should; "" once all does."""
    for unit in (*_SERVICES, *([BOT] if (UNITS / BOT).exists() else [])):
        if run("systemctl", "is-active", unit, check=False).stdout.strip() != "active":
            return f"{unit} does not run"
    health = ask("/health", timeout_s=_ANSWER_S)
    if health["status"] != "ok":
        return "the watch cannot store pushes"
    if (said := ask("/api/v1/openapi.json", timeout_s=_ANSWER_S)["info"]["version"]) != version:
        return f"the watch is noc {said}"
    if (status := _pushed(str(fleet.hub.tunnel), fleet.tunnel.push_port)) != "404":
        return f"a push without a token is answered {status or 'by nobody'}"
    Client().ask("lease", timeout_s=_ANSWER_S)
    return ""


def _pushed(address: str, port: int) -> str:
    """The status with which the listener of pushes answers a push of nobody."""
    with closing(socket.create_connection((address, port), _ANSWER_S)) as connection:
        connection.sendall(f"POST /api/push/none HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n".encode())
        return connection.makefile("rb").readline().decode(errors="replace").partition(" ")[2][:3]
