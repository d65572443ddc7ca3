"""The tunnel keys that HQ may have while it rotates its own, and which of them the node's tunnel carries.

Both are known, one carries. The other is a peer without addresses, put in anew every second, which makes a handshake at
once; HQ answers it from the moment at which it has that key. Then it gets the addresses, and the one before is tried in
its turn: HQ decides, and may go back, and the node is never led by a clock. A key that HQ does not have gets no answer,
and costs one packet a try.
"""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

TRY_S = 1.0
MOST_KEYS = 2


class Peer(NamedTuple):
    """A peer of the tunnel: where it is, the addresses that it carries ("" for none), its last handshake, Unix seconds
    (0 for none since it was put in), and seconds between its keepalives."""

    endpoint: str
    addresses: str
    shaken: int
    keepalive: str


class Following(NamedTuple):
    """What is to be done about HQ's keys at one look, by public key.

    Attributes:
        take: the one that gets the addresses, since HQ has shaken hands with it; "" for none.
        attempt: those to try now.
        drop: those that are in the tunnel for nothing.
    """

    take: str = ""
    attempt: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class Seen(NamedTuple):
    """The key that carries, "" where that is not clear, and whether HQ has shaken hands with it."""

    carries: str
    proven: bool


def follow(peers: Mapping[str, Peer], known: Sequence[str], *, trying: bool) -> Following:
    """Which of HQ's keys the tunnel is to carry. Pure.

    Args:
        peers: the tunnel's, by public key.
        known: the keys that HQ may have; none where it does not change its key.
        trying: whether those that do not carry are tried: in a hurry, or in silence.
    """
    carrying = [key for key, peer in peers.items() if peer.addresses]
    idle = [key for key in peers if key not in carrying]
    if len(carrying) != 1:
        return Following()
    take = next((key for key in idle if key in known and peers[key].shaken), "")
    if take:
        return Following(take, drop=(carrying[0], *(key for key in idle if key != take)))
    others = tuple(key for key in known if key not in carrying) if trying else ()
    return Following(attempt=others, drop=tuple(key for key in idle if key not in others))


def read_hub_keys(path: Path) -> tuple[str, ...]:
    """The keys that HQ may have, a line each; none where there is no such file."""
    with suppress(OSError, UnicodeError), path.open() as file:
        return tuple(file.read(1000).split())[:MOST_KEYS]
    return ()


def hurried(path: Path, now: float) -> bool:
    """Whether HQ has asked to be followed at once: the file says until when, in seconds since the machine started."""
    with suppress(OSError, ValueError):
        return now < float(path.read_text()[:40])
    return False


def parse_peers(dump: Sequence[str]) -> dict[str, Peer]:
    """The peers of `wg show INTERFACE dump` (wg(8)), whose first line is the interface's own.

    Raises:
        ValueError: a line is not of that shape.
    """
    found = {}
    for line in dump[1:]:
        key, _shared, endpoint, addresses, shaken, _received, _sent, keepalive = line.split("\t")
        found[key] = Peer(endpoint, "" if addresses == "(none)" else addresses, int(shaken), keepalive)
    return found


class HubKeys:
    """Follows HQ from one key to the other.

    Args:
        interface: the tunnel.
        endpoint: HQ's configured address and port, for a key whose own is not known.
        run: runs a command with an input; raises OSError or subprocess.SubprocessError.
        look: the lines of `wg show INTERFACE dump`; raises as `run`.
    """

    def __init__(
        self,
        interface: str,
        endpoint: str,
        run: Callable[[Sequence[str], str], object],
        look: Callable[[], Sequence[str]],
    ) -> None:
        """Nothing was tried yet."""
        self._interface, self._endpoint = interface, endpoint
        self._run, self._look = run, look
        self._tried_at = -math.inf

    def follow(self, known: Sequence[str], now: float, *, trying: bool) -> Seen:
        """Look once, and act. A key that carries and was never shaken hands with is no reason not to try the other.

        Args:
            known: the keys that HQ may have.
            now: monotonic seconds.
            trying: as of `follow`.

        Raises:
            OSError, ValueError, subprocess.SubprocessError: there is no tunnel, or it does not take what it is told.
        """
        peers = parse_peers(self._look())
        carrying = next((key for key, peer in peers.items() if peer.addresses), "")
        proven = bool(carrying and peers[carrying].shaken)
        found = follow(peers, known, trying=trying or not proven)
        if found.take:
            self._set(found.take, "allowed-ips", peers[carrying].addresses)
            sys.stderr.write(f"HQ has its other tunnel key now: {found.take[:8]}…\n")
            carrying, proven = found.take, True
        for key in found.drop:
            self._set(key, "remove")
        if found.attempt and now - self._tried_at >= TRY_S:
            self._tried_at = now
            for key in found.attempt:
                self._attempt(key, peers.get(carrying))
        return Seen(carrying, proven)

    def _attempt(self, key: str, like: Peer | None) -> None:
        """Put a key in anew, which shakes hands at once; one that is in already would wait for 5 s."""
        endpoint = like.endpoint if like and like.endpoint != "(none)" else self._endpoint
        keepalive = like.keepalive if like and like.keepalive != "off" else "25"
        self._set(key, "remove")
        self._set(key, "endpoint", endpoint, "persistent-keepalive", keepalive)

    def _set(self, key: str, *words: str) -> None:
        self._run(["wg", "set", self._interface, "peer", key, *words], "")
