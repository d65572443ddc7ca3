"""The hub's end of the tunnel: its key, and the peers that root lets in."""

import re
import time
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from noc.fleet.errors import FileUnreadable, FleetProblems
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.fleet.render import PEERS
from noc.hub.endpoints import Endpoints
from noc.hub.errors import BadHubKey, BadPeers
from noc.hub.hubkey import HubKey
from noc.hub.places import CREDENTIALS, HUB_KEY
from noc.hub.system import Owner, ensure_file, run
from noc.mesh.errors import BadKey
from noc.mesh.keys import check_public, generate, public_from_private
from noc.runs.admission.superseded import read_superseded
from noc.runs.paths import Paths

MAX_PEERS_BYTES = 256 * 1024
POLL_S = 0.25
SUPERSEDED = Paths().superseded
_SETTING = re.compile(r"^(PublicKey|AllowedIPs) = (\S{1,64})$")


@dataclass(frozen=True)
class Peer:
    """A node as the hub knows it: its public key (base64) and the one address it may send from."""

    public_key: str
    address: IPv4Address


def ensure_hub_key(credentials: Path = CREDENTIALS) -> tuple[str, list[str]]:
    """Make the hub's key pair where it has none; the private half never leaves its file.

    Args:
        credentials: directory of HQ's credentials.

    Returns:
        The public half, and what was changed.
    """
    path = credentials / HUB_KEY
    changed = [] if path.exists() else ensure_file(path, generate()[0] + "\n", Owner(mode=0o600))
    return public_from_private(path.read_text().strip()), changed


def parse_peers(text: str, fleet: Fleet) -> tuple[Peer, ...]:
    """Read the list of peers, which the runner writes and root must not believe.

    Args:
        text: content of `wireguard/peers.conf`.
        fleet: says which addresses a node may have.

    Raises:
        BadPeers: anything but peers with one key and one node's address each. The text is never repeated.
    """
    peers: list[Peer] = []
    for number, section in _sections(text):
        peer = _peer(number, section, fleet)
        if any(peer.address == other.address or peer.public_key == other.public_key for other in peers):
            raise _bad(number, "the same key or address stands in an earlier section")
        peers.append(peer)
    return tuple(peers)


def _sections(text: str) -> list[tuple[int, dict[str, str]]]:
    """Line number and settings of each `[Peer]`."""
    sections: list[tuple[int, dict[str, str]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        if line == "[Peer]":
            sections.append((number, {}))
            continue
        match = _SETTING.match(line)
        if match is None or not sections or match[1] in sections[-1][1]:
            raise _bad(number, "it is no setting of a peer")
        sections[-1][1][match[1]] = match[2]
    return sections


def _peer(number: int, section: dict[str, str], fleet: Fleet) -> Peer:
    if section.keys() != {"PublicKey", "AllowedIPs"}:
        raise _bad(number, "a peer needs its key and its address")
    address, _, prefix = section["AllowedIPs"].partition("/")
    try:
        peer = Peer(check_public(section["PublicKey"], "a peer"), IPv4Address(address))
    except (ValueError, BadKey):
        raise _bad(number, "its key or its address is malformed") from None
    network = fleet.tunnel.network
    forbidden = (fleet.hub.tunnel, network.network_address, network.broadcast_address)
    if prefix != "32" or peer.address not in network or peer.address in forbidden:
        raise _bad(number, f"a peer owns one address of {network}, and not the hub's")
    return peer


def _bad(number: int, why: str) -> BadPeers:
    return BadPeers(
        "the list of tunnel peers was not applied",
        why=f"line {number}: {why}",
        fix="runuser -u noc-runner -- noc render, and git -C /etc/noc diff as the same user",
    )


def sync_text(fleet: Fleet, private_key: str, peers: tuple[Peer, ...]) -> str:
    """What `wg syncconf` gets (wg(8)): the interface's own half too, for what is left out there counts as unset."""
    own = f"[Interface]\nListenPort = {fleet.tunnel.port}\nPrivateKey = {private_key}\n"
    return own + "".join(f"\n[Peer]\nPublicKey = {peer.public_key}\nAllowedIPs = {peer.address}/32\n" for peer in peers)


def apply_peers(fleet: Fleet, text: str, private_key: str) -> tuple[Peer, ...]:
    """Make the running tunnel's peers those of the list; the tunnels of unchanged peers stay up.

    Args:
        fleet: the fleet.
        text: content of `wireguard/peers.conf`.
        private_key: the hub's, base64.

    Returns:
        The peers that there are now.

    Raises:
        BadPeers: the list holds something else; the tunnel stays as it is.
        StepFailed, TimedOut: `wg` failed.
    """
    peers = parse_peers(text, fleet)
    text = sync_text(fleet, private_key, peers)
    run("wg", "syncconf", fleet.tunnel.interface, "/dev/stdin", stdin=text, timeout_s=20)
    return peers


class PeerList:
    """The list of peers and the hub's key, watched.

    A path unit of systemd would miss a change that comes while it applies another.

    Args:
        directory: the fleet directory.
        hub_key: which key the tunnel is to have.
        endpoints: where peers were heard from before.
        superseded: the file that is there where another HQ has taken over; then no peer is let in.
    """

    def __init__(self, directory: Path, hub_key: HubKey, endpoints: Endpoints, superseded: Path = SUPERSEDED) -> None:
        self._directory, self._hub_key, self._endpoints = directory, hub_key, endpoints
        self._superseded = superseded
        self._seen: list[object] = []
        self._interface: str | None = None

    def look(self) -> str | None:
        """Apply list and key where one has changed since the last look; note where peers are.

        Returns:
            What was done or why it was refused, None where nothing had changed.

        Raises:
            StepFailed, TimedOut: `wg` failed; looking again will not apply this list.
        """
        try:
            key, wrong = self._hub_key.look(time.monotonic()), ""
        except BadHubKey as error:
            key, wrong = "", str(error)
        lost = read_superseded(self._superseded)
        found: list[object] = [key, wrong, lost, *(_stamp(self._directory / name) for name in (PEERS, "fleet.toml"))]
        if found == self._seen:
            if self._interface is not None:
                self._endpoints.note(self._interface)
            return None
        self._seen = found
        if wrong:
            return wrong
        try:
            if lost is not None:
                apply_peers(load(self._directory), "", key)
                return f"no peer is let in, another HQ has acted: {lost.words}"
            return self._apply(load(self._directory), key)
        except (BadPeers, FleetProblems, FileUnreadable) as error:
            return str(error)

    def _apply(self, fleet: Fleet, key: str) -> str:
        peers = apply_peers(fleet, _read(self._directory / PEERS), key)
        self._interface = fleet.tunnel.interface
        recalled = self._endpoints.recall(self._interface, peers)
        return f"{len(peers)} peers" + (f", {recalled} looked for where they were" if recalled else "")


def _stamp(path: Path) -> tuple[int, ...] | None:
    """What changes whenever a file is written or replaced; None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def _read(list_file: Path) -> str:
    try:
        with list_file.open("rb") as file:
            content = file.read(MAX_PEERS_BYTES + 1)
    except FileNotFoundError:
        return ""
    if len(content) > MAX_PEERS_BYTES:
        raise BadPeers("the list of tunnel peers was not applied", why=f"it is larger than {MAX_PEERS_BYTES} bytes")
    return content.decode("utf-8", errors="replace")
