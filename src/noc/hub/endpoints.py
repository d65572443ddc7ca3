"""Where each node was last heard from, kept over a restart of the tunnel.

WireGuard learns endpoints by hearing, and a node notices only at its next push that nobody answers. So a hub that has
just started reaches nobody. It is told what it knew, and sends one packet to each, which makes a handshake.
"""

import json
import re
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from noc.fleet.files import replace
from noc.hub.system import run

FILE = "endpoints.json"
NOTE_S = 15.0
MAX_BYTES = 256 * 1024
_ENDPOINT = re.compile(r"[0-9.]{7,15}:\d{1,5}|\[[0-9a-f:]{2,39}\]:\d{1,5}")
_DISCARD_PORT = 9


class Known(Protocol):
    """A peer, by its key and its address in the tunnel."""

    @property
    def public_key(self) -> str:
        """Base64."""

    @property
    def address(self) -> object:
        """The one that it may send from."""


class Endpoints:
    """The file of endpoints: public key → `IP:PORT`. No secret, and nobody but root writes it.

    Args:
        directory: where it lies; None keeps nothing.
    """

    def __init__(self, directory: Path | None) -> None:
        """Read what was known; a file that makes no sense is as good as none."""
        self._file = directory / FILE if directory else None
        self._known = read_endpoints(self._file) if self._file else {}
        self._noted = time.monotonic()

    def recall(self, interface: str, peers: Iterable[Known]) -> int:
        """Tell the tunnel where peers were that it has not heard of, and send each a packet; returns how many."""
        heard = self._heard(interface) if self._known else {}
        lost = [peer for peer in peers if peer.public_key in self._known and peer.public_key not in heard]
        for peer in lost:
            run("wg", "set", interface, "peer", peer.public_key, "endpoint", self._known[peer.public_key])
            _knock(str(peer.address))
        return len(lost)

    def note(self, interface: str) -> None:
        """Write down where peers are, at most every 15 s; one that is not heard of keeps its last place."""
        if self._file is None or time.monotonic() - self._noted < NOTE_S:
            return
        self._noted = time.monotonic()
        known = {**self._known, **self._heard(interface)}
        if known != self._known:
            self._known = known
            replace(self._file, json.dumps(known, indent=2) + "\n")

    def _heard(self, interface: str) -> dict[str, str]:
        lines = (line.split("\t") for line in run("wg", "show", interface, "endpoints").stdout.splitlines())
        return {line[0]: line[1] for line in lines if len(line) == 2 and _ENDPOINT.fullmatch(line[1])}


def read_endpoints(file: Path) -> dict[str, str]:
    """Endpoints by public key; none where the file is missing, damaged or too large."""
    with suppress(OSError, ValueError, AttributeError):
        with file.open("rb") as stream:
            said = json.loads(stream.read(MAX_BYTES))
        return {str(key): place for key, place in said.items() if _ENDPOINT.fullmatch(str(place))}
    return {}


def _knock(address: str) -> None:
    """Send an empty packet into the tunnel; the node drops it, and has shaken hands by then."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as knocking:
        knocking.sendto(b"", (address, _DISCARD_PORT))
