"""Every kind of secret made anew on a fleet under load, as an operator would; what was lost meanwhile."""

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, NamedTuple

from pyrage import x25519

from noc.fleet.rotating import Secret
from noc.release.sign import sign
from rolling.house import Failed, House
from rolling.loss import under_load

KINDS: Final[tuple[Secret, ...]] = ("push-token", "wg", "hub", "ssh", "ca", "signer", "recipients")
WATCH = "/run/noc-watch/watch.sock"
HEARD_WITHIN_S = 120.0
_NEWEST = 500


@dataclass(frozen=True)
class Measured:
    """One kind of secret.

    Attributes:
        kind: which.
        nodes, rotated: how many there are, and have it anew.
        seconds: what the commands took.
        sent, failed, slowest_s: requests of strangers, those without an answer by what was seen, the slowest answer.
        pushes, lost_pushes: that the watch took meanwhile, and that are missing in the processes' own count.
        silence_s: the longest time between two pushes of a node.
        incidents: that were opened, in words.
    """

    kind: Secret
    nodes: int
    rotated: int
    seconds: float
    sent: int
    failed: Mapping[str, int]
    slowest_s: float
    pushes: int
    lost_pushes: int
    silence_s: float
    incidents: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether all have it anew, and nothing was lost."""
        return self.rotated == self.nodes and not (self.failed or self.lost_pushes or self.incidents)

    def as_document(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "good": self.good}


class Rotations:
    """What an operator types for each kind.

    Args:
        house: a fleet that is live.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._identity = house.operator.directory / "identity"

    def measured(self, kind: Secret) -> Measured:
        """Rotate one kind under load. Raises Failed where a command does."""
        house, words = self._house, {"signer": self._signer, "recipients": self._recipients}.get(kind)
        commands = words() if words else [("rotate", kind, *(("all",) if kind in {"push-token", "wg"} else ()))]
        self._await_pushes()
        event, since = self._last_event(), self._now()

        def rotate() -> tuple[float, int]:
            begun, rotated = time.monotonic(), 0
            for command in commands:
                rows = house.hq.noc(*command, timeout_s=900, statuses=(0, 1, 3)).get("nodes")
                rotated = rotated if rows is None else sum(bool(row["good"]) for row in rows)
            return time.monotonic() - begun, rotated

        counted, (seconds, rotated) = under_load(house, rotate)
        self._await_pushes()
        pushes, lost, silence_s = self._pushes(since)
        incidents = tuple(
            f"{found['node']}: {found['kind']}" for found in self._events(event) if found["kind"] == "incident-opened"
        )
        house.tell(
            f"{kind}: {rotated} of {len(house.nodes)} in {seconds:.1f} s, {counted['failed']}, {lost} pushes lost"
        )
        return Measured(
            kind=kind,
            nodes=len(house.nodes),
            rotated=rotated,
            seconds=round(seconds, 1),
            sent=counted["sent"],
            failed=counted["failed"],
            slowest_s=round(counted["slowest_s"], 1),
            pushes=pushes,
            lost_pushes=lost,
            silence_s=silence_s,
            incidents=incidents,
        )

    def _signer(self) -> Sequence[tuple[str, ...]]:
        """Another signing key on the operator's machine, a release that it signs, and the first key withdrawn."""
        key, first = self._house.work / "next_key", self._identity / "release_key.pub"
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "next signer", "-f", str(key)]
        subprocess.run(argv, check=True, capture_output=True)
        self._house.hq.copy(key.with_suffix(".pub"), "/root/next_key.pub")
        shown = subprocess.run(["ssh-keygen", "-lf", str(first)], check=True, capture_output=True, text=True).stdout
        release = self._house.payloads.make()
        sign(release.directory, key)
        self._house.hq.copy(release.directory, "/root/next_release")
        return [
            ("rotate", "signer", "--add", "/root/next_key.pub"),
            ("release", "add", "/root/next_release"),
            ("rotate", "signer", "--withdraw", shown.split()[1]),
        ]

    def _recipients(self) -> Sequence[tuple[str, ...]]:
        """Another identity that opens backups, and the first one withdrawn."""
        lines = (self._identity / "trust" / "recipients").read_text().splitlines()
        first = next(line for line in lines if line.startswith("age1"))
        following = str(x25519.Identity.generate().to_public())
        return [("rotate", "recipients", "--add", following), ("rotate", "recipients", "--withdraw", first)]

    def _await_pushes(self) -> None:
        """Wait until every node was heard twice from now on: a push that was lost is known with the next."""
        since, end = self._now(), time.monotonic() + HEARD_WITHIN_S
        while silent := [node for node in self._house.nodes if len(self._beats(node, since, 5)) < 2]:
            if time.monotonic() > end:
                raise Failed(f"not heard twice within {HEARD_WITHIN_S:g} s: {', '.join(silent)}")
            time.sleep(1)

    def _pushes(self, since: float) -> tuple[int, int, float]:
        """How many pushes came since a moment, how many are missing in between, and the longest silence in seconds."""
        pushes = lost = 0
        silence_s = 0.0
        for node in self._house.nodes:
            beats = self._beats(node, since, _NEWEST)
            pushes += len(beats)
            lost += sum(missing([beat.seq for beat in beats if beat.boot == boot]) for boot in {b.boot for b in beats})
            silence_s = max([silence_s, *(later.at - earlier.at for earlier, later in pairwise(beats))])
        return pushes, lost, round(silence_s, 1)

    def _beats(self, node: str, since: float, limit: int) -> list["Beat"]:
        """A node's pushes since a moment, oldest first."""
        rows = self._ask(f"/api/v1/nodes/{node}/heartbeats?limit={limit}")["heartbeats"]
        beats = [Beat(datetime.fromisoformat(row["at"]).timestamp(), row["seq"], row["boot"]) for row in rows]
        return sorted(beat for beat in beats if beat.at >= since)

    def _now(self) -> float:
        """The time on HQ, Unix seconds."""
        return float(self._house.hq.sh("date", "+%s.%N"))

    def _last_event(self) -> int:
        return max((found["id"] for found in self._events(0)), default=0)

    def _events(self, after: int) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self._ask(f"/api/v1/events?limit=1000&after={after}")["events"]
        return events

    def _ask(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._house.hq.sh("curl", "-s", "--unix-socket", WATCH, f"http://hq{path}"))
        return found


class Beat(NamedTuple):
    """One push: when it came, Unix seconds, and the number that its process gave it."""

    at: float
    seq: int
    boot: str


def missing(numbers: Sequence[int]) -> int:
    """How many numbers are missing between the first and the last."""
    return len(set(range(min(numbers), max(numbers) + 1)) - set(numbers))
