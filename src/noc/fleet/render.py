"""What is derived from the fleet file and the inventory: pure text, then written or compared."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import unified_diff
from enum import StrEnum
from ipaddress import IPv4Address
from itertools import takewhile
from pathlib import Path
from typing import Final

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
_CONTEXT: Final = 3
_MOST_COMPARED: Final = 10_000
"""Lines; more would take minutes, and nobody reads them."""
_HUNK: Final = re.compile(r"^@@ -(\S+) \+(\S+) @@")


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
    """One file that is not as derived: what lies there, and what should, "" for no file."""

    path: str
    kind: DriftKind
    before: str
    after: str

    @property
    def diff(self) -> str:
        """A unified diff from what lies there to what should."""
        old, new = self.before.splitlines(keepends=True), self.after.splitlines(keepends=True)
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for line in _compared(self.path, old, new)
        )


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
        Drift(path, _kind(path, present, files), present.get(path, ""), files.get(path, ""))
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


def _compared(path: str, old: list[str], new: list[str]) -> Iterator[str]:
    """The lines of a unified diff. What both begin and end with is left out first: the rest costs its square."""
    head = max(_alike(zip(old, new, strict=False)) - _CONTEXT, 0)
    rest = zip(reversed(old[head:]), reversed(new[head:]), strict=False)
    tail = max(_alike(rest) - _CONTEXT, 0)
    before, after = old[head : len(old) - tail], new[head : len(new) - tail]
    if max(len(before), len(after)) > _MOST_COMPARED:
        yield from (f"--- a/{path}\n", f"+++ b/{path}\n")
        yield f"@@ {len(before)} lines from {head + 1} on become {len(after)}: too many to be shown one by one @@\n"
        return
    for line in unified_diff(before, after, f"a/{path}", f"b/{path}", n=_CONTEXT):
        yield _HUNK.sub(lambda found: f"@@ -{_moved(found[1], head)} +{_moved(found[2], head)} @@", line)


def _alike(pairs: Iterable[tuple[str, str]]) -> int:
    """How many pairs are equal until one is not."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _moved(lines: str, by: int) -> str:
    """`12,7`: the first line of a hunk and how many it has, so many lines further on."""
    first, *count = lines.split(",")
    return ",".join([str(int(first) + by), *count])
