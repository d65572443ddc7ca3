"""The tunnel's watchdog: where HQ has been silent for long, it looks for HQ elsewhere, and later lets HQ in at 22.

Runs as root for as long as the node runs, on the standard library alone. It reads the tunnel's counters, sets HQ's
endpoint in the running tunnel, and fills or empties one set of the firewall; it writes no configuration, so that a
restart of the tunnel begins again with what is configured. Two keys turn one lock: the set is of use only while the
cloud's own firewall lets 22 in, too.

While HQ rotates its tunnel key, it follows from one to the other (`hub_keys`): at once while HQ has asked for that, and
otherwise once HQ is silent.

Silence is counted on the monotonic clock, which no step of the time moves, and from the start of the machine at the
earliest: one that starts again and again never opens. Each entry of the set ends by itself soon after this program.
"""

import json
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple

from .hub_keys import HubKeys, hurried, read_hub_keys

SETTINGS = Path("/etc/noc-node/watchdog.json")
STATE = Path("/run/noc-watchdog/state.json")
HUB_KEYS = Path("/etc/noc-node/hub-keys")
HURRY = Path("/run/noc-watchdog/hurry")
FOLLOWED = Path("/run/noc-watchdog/hub-keys.json")
INTERFACE = "wg0"
SET = "rescue"
LONGEST_LOOK_S, LEAST_TURN_S = 15.0, 6.0
WITHIN_S = 10
HURRIED_LOOK_S = 0.5


class Settings(NamedTuple):
    """What HQ wants of this program.

    Attributes:
        endpoint: HQ's configured address and port, `IP:PORT`.
        fallback: a name that leads to HQ wherever it is, None for none.
        rescue: who is let in.
        fallback_after, rescue_after: seconds of silence.
    """

    endpoint: str
    fallback: str | None = None
    rescue: Sequence[str] = ()
    fallback_after: float = 600
    rescue_after: float = 7200

    @property
    def look_s(self) -> float:
        """Seconds between two looks."""
        return min(LONGEST_LOOK_S, self.fallback_after / 20)

    @property
    def turn_s(self) -> float:
        """Seconds for which one endpoint is tried: a handshake is tried anew every 5 s."""
        return max(LEAST_TURN_S, self.fallback_after / 10)

    @property
    def keys_after(self) -> float:
        """Seconds of silence after which HQ's other key is tried, where HQ has told one."""
        return self.fallback_after / 10


class Counters(NamedTuple):
    """What the tunnel says of its peers: their last handshakes, and the bytes that were received and were genuine."""

    handshakes: tuple[str, ...] = ()
    received: int = 0


class Memory(NamedTuple):
    """What is kept from one look to the next.

    Attributes:
        counters: as they were.
        alive_at: when HQ was last heard, on the monotonic clock; the first look where it never was.
        turn: which try of an endpoint is under way, from 0; -1 while none is.
    """

    counters: Counters
    alive_at: float
    turn: int = -1


class Decision(NamedTuple):
    """What is to be done now.

    Attributes:
        silent_s: for how long HQ was not heard.
        attempt: set the endpoint now: `fallback`, `endpoint`, or "" to leave it alone.
        open: whether the rescue addresses are let in.
    """

    silent_s: float
    attempt: str = ""
    open: bool = False


def decide(memory: Memory | None, counters: Counters | None, now: float, settings: Settings) -> tuple[Memory, Decision]:
    """Judge one look. Pure.

    Args:
        memory: what the look before left, None for the first since the machine started.
        counters: the tunnel's, now; None where there is no tunnel, since that is silence, too.
        now: seconds on the monotonic clock.
        settings: HQ's wishes.

    Returns:
        What to keep, and what to do.
    """
    if memory is None:
        return Memory(counters or Counters(), now), Decision(0)
    counters = counters or memory.counters
    if heard(memory.counters, counters) or now < memory.alive_at:
        return Memory(counters, now), Decision(0)
    silent_s = now - memory.alive_at
    turn = math.floor((silent_s - settings.fallback_after) / settings.turn_s) if settings.fallback else -1
    turn = max(turn, -1)
    attempt = "" if turn in (-1, memory.turn) else ("fallback", "endpoint")[turn % 2]
    due = bool(settings.rescue) and silent_s >= settings.rescue_after
    return Memory(counters, memory.alive_at, turn), Decision(silent_s, attempt, due)


def heard(before: Counters, now: Counters) -> bool:
    """Whether HQ was heard between two looks. Counters of a tunnel that was started anew are no sign."""
    fresh = set(now.handshakes) - set(before.handshakes) - {"0"}
    return bool(fresh) or now.received > before.received


def read_settings(path: Path) -> Settings:
    """Read HQ's wishes. Raises OSError, ValueError or TypeError where they make no sense."""
    settings = Settings(**json.loads(path.read_text()))
    for address in settings.rescue:
        IPv4Address(address)
    return settings


def read_counters() -> Counters | None:
    """The tunnel's counters; None where there is no tunnel."""
    try:
        handshakes = tuple(line.split()[1] for line in _said("latest-handshakes"))
        received = sum(int(line.split()[1]) for line in _said("transfer"))
    except (OSError, subprocess.SubprocessError, IndexError, ValueError):
        return None
    return Counters(handshakes, received)


def peers() -> list[str]:
    """Public keys of the tunnel's peers: HQ's. Raises OSError, subprocess.SubprocessError where there is no tunnel."""
    return _said("peers")


def _said(what: str) -> list[str]:
    argv = ["wg", "show", INTERFACE, what]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=WITHIN_S, check=True)
    return done.stdout.splitlines()


def find(settings: Settings, attempt: str) -> str:
    """The endpoint to try, `IP:PORT`: the configured one, or where the name leads to now. Raises OSError."""
    if attempt == "endpoint":
        return settings.endpoint
    port = settings.endpoint.rpartition(":")[2]
    found = socket.getaddrinfo(settings.fallback, port, socket.AF_INET, socket.SOCK_DGRAM)
    return f"{found[0][4][0]}:{port}"


def rules(table: str, addresses: Sequence[str], keep_s: float) -> str:
    """What makes the set hold exactly these addresses for so long, as one transaction for `nft -f`."""
    change = f"flush set inet {table} {SET}\n"
    entries = ", ".join(f"{address} timeout {math.ceil(keep_s)}s" for address in addresses)
    return change + (f"add element inet {table} {SET} {{ {entries} }}\n" if entries else "")


def load_memory(path: Path) -> Memory | None:
    """What an earlier run of this program since the machine started has left, None for nothing."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        said = json.loads(path.read_text())
        counters = Counters(tuple(said["handshakes"]), int(said["received"]))
        return Memory(counters, float(said["alive_at"]), int(said["turn"]))
    return None


def save_memory(path: Path, memory: Memory) -> None:
    """Keep what was seen, in memory alone: a machine that starts begins to count anew."""
    _write(path, {**memory.counters._asdict(), "alive_at": memory.alive_at, "turn": memory.turn})


def _write(path: Path, document: Mapping[str, object]) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(document))
    beside.replace(path)


class Watchdog:
    """Looks, decides and acts.

    Args:
        settings: HQ's wishes.
        table: the firewall's table that has the set.
        run: runs a command with an input; raises OSError or subprocess.SubprocessError.
    """

    def __init__(self, settings: Settings, table: str, run: Callable[[Sequence[str], str], object]) -> None:
        """Begin shut."""
        self._settings, self._table, self._run = settings, table, run
        self._open = False
        self._places: set[str] = set()
        self._troubles: dict[str, str] = {}

    def act(self, decision: Decision) -> None:
        """Do what was decided; what does not work is told once, and tried again when it is due."""
        if not decision.silent_s:
            self._places.clear()
        if decision.attempt:
            self._attempt("endpoint", lambda: self._turn_to(decision))
        if decision.open or self._open:
            self._attempt("firewall", lambda: self._let_in(decision))

    def shut(self) -> None:
        """Let nobody in any more."""
        self._attempt("firewall", lambda: self._fill(()))

    def _turn_to(self, decision: Decision) -> None:
        place = find(self._settings, decision.attempt)
        for peer in peers():
            self._run(["wg", "set", INTERFACE, "peer", peer, "endpoint", place], "")
        if place in self._places:
            return
        self._places.add(place)
        named = self._settings.fallback if decision.attempt == "fallback" else "as configured"
        _tell(f"HQ was not heard for {decision.silent_s:.0f} s: it is looked for at {place} ({named})")

    def _let_in(self, decision: Decision) -> None:
        # Filled anew at each look: an entry outlives a look that is missed, and soon ends where none comes any more.
        self._fill(self._settings.rescue if decision.open else ())
        if decision.open != self._open:
            self._open = decision.open
            opened = f"HQ was not heard for {decision.silent_s:.0f} s: 22 is open to {', '.join(self._settings.rescue)}"
            _tell(opened if self._open else "HQ is heard again: 22 is shut")

    def _fill(self, addresses: Sequence[str]) -> None:
        self._run(["nft", "-f", "-"], rules(self._table, addresses, 4 * self._settings.look_s))

    def _attempt(self, what: str, work: Callable[[], None]) -> None:
        try:
            work()
        except (OSError, UnicodeError, subprocess.SubprocessError) as error:
            said = str(getattr(error, "stderr", "") or error).strip().partition("\n")[0][:300]
            if self._troubles.get(what) != said:
                _tell(f"{what}: {said}")
            self._troubles[what] = said
        else:
            self._troubles.pop(what, None)


def _command(argv: Sequence[str], given: str) -> None:
    subprocess.run(argv, input=given, capture_output=True, text=True, timeout=WITHIN_S, check=True)


def _tell(words: str) -> None:
    sys.stderr.write(words + "\n")
    sys.stderr.flush()


def main() -> int:
    """Watch until stopped: `watchdog.py TABLE`, where TABLE is the firewall's table that has the set."""
    try:
        settings = read_settings(SETTINGS)
    except (OSError, ValueError, TypeError) as error:
        _tell(f"{SETTINGS}: {error}")
        return 1
    os.environ["RES_OPTIONS"] = "timeout:2 attempts:2"
    watchdog, memory = Watchdog(settings, sys.argv[1], _command), load_memory(STATE)
    hub_keys = HubKeys(INTERFACE, settings.endpoint, _command, lambda: _said("dump"))
    watchdog.shut()
    while True:
        memory, decision = decide(memory, read_counters(), time.monotonic(), settings)
        save_memory(STATE, memory)
        watchdog.act(decision)
        hurry = _follow(hub_keys, silent=decision.silent_s >= settings.keys_after)
        time.sleep(HURRIED_LOOK_S if hurry else settings.look_s)


def _follow(hub_keys: HubKeys, *, silent: bool) -> bool:
    """Follow HQ's key, and write down for HQ what was seen; returns whether to look again at once.

    That is where HQ has asked for it, and where a machine that has just started does not know which key HQ has.
    """
    known = read_hub_keys(HUB_KEYS)
    hurry = bool(known) and hurried(HURRY, time.clock_gettime(time.CLOCK_BOOTTIME))
    try:
        seen = hub_keys.follow(known, time.monotonic(), trying=hurry or silent)
    except (OSError, ValueError, subprocess.SubprocessError):
        return hurry
    _write(FOLLOWED, {"known": known, "carries": seen.carries, "hurry": hurry})
    return hurry or bool(known and not seen.proven)


if __name__ == "__main__":
    sys.exit(main())
