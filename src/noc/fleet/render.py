"""What is derived from the fleet file and the inventory: pure text, then written or compared."""

from dataclasses import dataclass
from difflib import unified_diff
from enum import StrEnum
from ipaddress import IPv4Address
from pathlib import Path

from noc.errors import NotPermitted
from noc.fleet.files import replace
from noc.fleet.inventory import Inventory, Life
from noc.fleet.model import Fleet
from noc.fleet.nix import BANNER, nix_files
from noc.fleet.nix import RENDERED as NIX_RENDERED
from noc.fleet.terraform import FILE as TERRAFORM
from noc.fleet.terraform import terraform_files

PEERS = "wireguard/peers.conf"
HUB_KEY = "wireguard/hans.pub"
RENDERED = (PEERS, HUB_KEY, TERRAFORM, *NIX_RENDERED)


def render(fleet: Fleet, inventory: Inventory) -> dict[str, str]:
    """Everything that is derived: path relative to the fleet directory → text."""
    files = {PEERS: peers_conf(fleet, inventory)}
    if inventory.hub.wireguard_key:
        files[HUB_KEY] = inventory.hub.wireguard_key + "\n"
    return files | nix_files(fleet, inventory) | terraform_files(fleet, inventory)


def peers_conf(fleet: Fleet, inventory: Inventory) -> str:
    """The hub's peers, in the syntax of wg(8): each node whose public key is known and that is not retired, then the
    operators' machines."""
    parts = [BANNER + "\n"]
    for node in fleet.nodes:
        record = inventory.record(node.name)
        if record.wireguard_key and record.life is not Life.RETIRED:
            parts.append(_peer(node.name, record.wireguard_key, node.tunnel))
    parts += [_peer(name, peer.key, peer.address) for name, peer in inventory.peers.items()]
    return "\n".join(parts)


def _peer(name: str, key: str, address: IPv4Address) -> str:
    return f"[Peer]\n# {name}\nPublicKey = {key}\nAllowedIPs = {address}/32\n"


class DriftKind(StrEnum):
    """How a file differs from what is derived."""

    MISSING = "missing"
    DIFFERENT = "different"
    LEFT_OVER = "left over"


@dataclass(frozen=True)
class Drift:
    """One file that is not as derived, with a unified diff from what lies there to what should."""

    path: str
    kind: DriftKind
    diff: str


def drift(directory: Path, files: dict[str, str]) -> list[Drift]:
    """Compare a fleet directory with what is derived.

    Args:
        directory: the fleet directory.
        files: what `render` returned.

    Returns:
        Files that are missing, different, or left over from an earlier state of the fleet; by path.
    """
    present = _present(directory)
    return [
        Drift(path, _kind(path, present, files), _diff(path, present.get(path, ""), files.get(path, "")))
        for path in sorted(present.keys() | files.keys())
        if present.get(path) != files.get(path)
    ]


def write(directory: Path, files: dict[str, str]) -> list[str]:
    """Make a fleet directory as derived: write what is missing or different, remove what is left over.

    Returns:
        The paths that were changed; none where nothing had drifted.

    Raises:
        NotPermitted: the directory is not ours to write.
    """
    changes = drift(directory, files)
    try:
        for change in changes:
            _settle(directory / change.path, files.get(change.path))
    except PermissionError as error:
        raise NotPermitted(f"{error.filename} cannot be written", fix="run it as the directory's owner") from None
    return [change.path for change in changes]


def _settle(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, text)


def _present(directory: Path) -> dict[str, str]:
    """The rendered files that lie there; other files in the same directories are not ours to judge."""
    found = (path for pattern in RENDERED for path in directory.glob(pattern) if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes().decode(errors="replace") for path in found}


def _kind(path: str, present: dict[str, str], files: dict[str, str]) -> DriftKind:
    if path not in present:
        return DriftKind.MISSING
    return DriftKind.DIFFERENT if path in files else DriftKind.LEFT_OVER


def _diff(path: str, old: str, new: str) -> str:
    lines = unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), f"a/{path}", f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
