"""A lost HQ, rehearsed: its disk is gone, and a bare machine becomes HQ from its backup and the operator's identity.

What it takes stands in docs/hq-lost.md; here each step is what a person would do, and its time is held against a bound.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from noc.errors import TimedOut
from noc.fleet.load import load
from noc.lab.errors import HqRefused
from noc.lab.hq import Headquarters
from noc.lab.lab import Completed, Lab
from noc.lab.operator import Operator

FLEET_FILE: Final = "/etc/noc/fleet.toml"
SECOND: Final = "/srv/second"
TABLE: Final = '[backup.second]\nhost = "{host}"\nuser = "root"\npath = "{path}"\nhost_key = "{key}"\nkeep = 3\n'
GONE: Final = (
    "etc/noc",
    "etc/noc-credentials",
    "etc/noc-trust",
    "var/lib/noc",
    "var/lib/noc-watch",
    "var/lib/noc-tunnel",
)
"""What makes a machine this HQ."""
RESTORE_S: Final = 300.0
"""The bound of `noc hub restore` on a machine with noc and nothing else of ours."""
DETOUR_LEAST_S: Final = 6.0
ANSWER_S: Final = 60.0
"""After a node has found HQ: a handshake, the question for its fence, and the taking over."""
_POLL_S: Final = 0.5


@dataclass(frozen=True)
class Phase:
    """One phase of the way back: how long it took, and what is promised, in seconds."""

    name: str
    took_s: float
    bound_s: float

    @property
    def held(self) -> bool:
        """Whether it kept its promise."""
        return self.took_s <= self.bound_s

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {"phase": self.name, "took_s": round(self.took_s, 1), "bound_s": self.bound_s, "held": self.held}


class LostHq:
    """One HQ that is lost, and the machine that takes its place.

    Attributes:
        old: the HQ that is lost.
        new: the machine that becomes HQ.
    """

    def __init__(self, lab: Lab, operator: Operator, dist: Path, *, place: str, spare: str) -> None:
        """Prepare; nothing is touched yet.

        Args:
            lab: with an installed HQ.
            operator: whose identity opens backups.
            dist: the distributed file, for the new machine.
            place: the machine that is the second place, behind its own sshd.
            spare: the machine that becomes HQ.
        """
        self._lab, self._operator, self._dist, self._place = lab, operator, dist, place
        self.old, self.new = Headquarters(lab), Headquarters(lab, spare)

    @property
    def second(self) -> Path:
        """The second place's directory, on its own disk."""
        return self._lab.disk(self._place) / SECOND.lstrip("/")

    def name_second_place(self) -> None:
        """Let HQ's fleet file name the second place, and let HQ in there."""
        table = TABLE.format(host=self._lab.address(self._place), path=SECOND, key=self._lab.host_key(self._place))
        text = f"{self.old.sh('cat', FLEET_FILE)}\n{table}"
        self.old.sh("runuser", "-u", "noc-runner", "--", "tee", FLEET_FILE, stdin=text.encode())
        self._lab.authorize(self._place, self.old.noc("hub", "install")["second_key"])
        self._lab.exec(self._place, "mkdir", "-p", SECOND)

    def newest(self) -> bytes:
        """The newest backup that the second place holds."""
        return max(self.second.glob("*.age")).read_bytes()

    def lose(self) -> None:
        """Pull HQ's plug, and take its disk's content away."""
        self._lab.kill(self.old.name)
        self._move("", "lost")

    def find_again(self) -> None:
        """The old machine comes back, with its disk."""
        self._move("lost", "")
        self._lab.boot(self.old.name)

    def install_noc(self) -> None:
        """Bring noc to the new machine, and nothing else."""
        self.new.copy(self._dist, f"/root/{self._dist.name}")
        self.new.sh("python3", f"/root/{self._dist.name}", "install", timeout_s=300)

    def restore(self, sealed: bytes) -> Completed:
        """`noc unlock` on the operator's machine, `noc hub restore -` on the new one, at its own address."""
        identity = self._operator.directory / "identity" / "operator.agekey"
        argv = [str(Path(sys.executable).parent / "noc"), "unlock", "-i", str(identity)]
        opened = subprocess.run(argv, input=sealed, capture_output=True, check=False, timeout=60)
        command = ("noc", "hub", "restore", "-", "--ip", self._lab.address(self.new.name), "--json")
        return self._lab.exec(self.new.name, *command, stdin=opened.stdout, timeout_s=300)

    def lead(self) -> None:
        """Let `hub.fallback` lead to the new machine, as a person does at the name's provider."""
        fleet = load(self._lab.source)
        name = str(fleet.hub.fallback).removesuffix(f".{fleet.domain}")
        record = f"{name} 5 A {self._lab.address(self.new.name)}"
        changes = ("zone-begin {0}", f"zone-unset {{0}} {name} A", f"zone-set {{0}} {record}", "zone-commit {0}")
        script = "; ".join(f"knotc -c /etc/knot/knot.conf {change.format(fleet.domain)}" for change in changes)
        self._lab.exec("internet", "sh", "-euc", script)

    def has_taken_over(self) -> bool:
        """Whether every node has told its fence."""
        return self.new.noc("hub", "restored", statuses=(0, 7)).get("restored", 1) is None

    def hears(self, nodes: Sequence[str]) -> bool:
        """Whether the new HQ's watch hears all of some nodes."""
        states = {row["name"]: row["state"] for row in self.new.noc("status", statuses=(0, 1, 3))["nodes"]}
        return {states[node] for node in nodes} == {"up"}

    def rehearse(self, nodes: Sequence[str], *, fallback_s: float, interval_s: float) -> tuple[Phase, ...]:
        """Back HQ up, lose it, and bring it back.

        Args:
            nodes: the live ones.
            fallback_s: the fleet's `rescue.fallback_after`.
            interval_s: its push interval.

        Raises:
            HqRefused: a step failed.
            TimedOut: HQ is not back within four times its bound.
        """
        self.old.noc("hub", "backup")
        self.lose()
        self.install_noc()
        begun = time.monotonic()
        done = self.restore(self.newest())
        if done.returncode != 0:
            raise HqRefused("noc hub restore failed", why=done.stderr.decode(errors="replace")[-1500:])
        restored = Phase("restored", time.monotonic() - begun, RESTORE_S)
        self.lead()
        detour_s = 2 * max(DETOUR_LEAST_S, fallback_s / 10)
        taken = _timed("taken over", self.has_taken_over, fallback_s + detour_s + ANSWER_S)
        return restored, taken, _timed("all heard", lambda: self.hears(nodes), 3 * interval_s + ANSWER_S)

    def _move(self, source: str, target: str) -> None:
        disk = self._lab.disk(self.old.name)
        for name in GONE:
            (disk / target / name).parent.mkdir(parents=True, exist_ok=True)
            (disk / source / name).rename(disk / target / name)


def _timed(name: str, condition: Callable[[], bool], bound_s: float) -> Phase:
    begun = time.monotonic()
    while not condition():
        if time.monotonic() > begun + 4 * bound_s:
            raise TimedOut(f"{name}: not within {4 * bound_s:g} s", fix="docs/hq-lost.md")
        time.sleep(_POLL_S)
    return Phase(name, time.monotonic() - begun, bound_s)
