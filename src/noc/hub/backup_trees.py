"""What of HQ a backup holds: directories, what is left out of them, and whose each is where it is put back."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from noc.hub.places import BOT_STATE, CREDENTIALS, FLEET, STATE, TRUST, TUNNEL_STATE, WATCH_STATE
from noc.hub.system import Owner


@dataclass(frozen=True)
class Tree:
    """One directory of HQ.

    Attributes:
        name: of its members in the archive, before the first slash.
        path: where it lies on HQ.
        owner: whose it is, and the directory's own mode.
        mask: the most that a file in it may be allowed; a directory gets the same, and may be entered.
        without: names directly in it that are not taken: made anew, or of the old machine alone.
        last: names directly in it that are read after all others.
    """

    name: str
    path: Path
    owner: Owner
    mask: int
    without: frozenset[str] = frozenset()
    last: tuple[str, ...] = ()


WATCH_DATABASE, TENANTS_DATABASE = "watch.db", "tenants.db"
DATABASES = (("watch", WATCH_DATABASE), ("state", TENANTS_DATABASE))
"""Databases that are in use while a backup is made: tree and name of each, of which a whole copy is taken."""
FENCE = "state/runs/fence"
HUB_KEY_MEMBER = "credentials/hub_wg_key"


def _in_use(database: str) -> tuple[str, str, str]:
    """The files of a database that is in use."""
    return database, f"{database}-wal", f"{database}-shm"


TREES = (
    Tree("credentials", CREDENTIALS, Owner(mode=0o700), 0o600),
    Tree("trust", TRUST, Owner(mode=0o755), 0o644),
    Tree("fleet", FLEET, Owner("noc-runner", "noc", 0o750), 0o640),
    # Backups of nodes have their own second copy to be; links into the Nix store are made anew; the lease was a process
    # of the old machine. Each journal names the place that the audit had reached, so that the audit is read after them.
    Tree(
        "state",
        STATE,
        Owner("noc-runner", "noc", 0o750),
        0o644,
        frozenset({"backups", "closures", "lease.json", "lease.lock", "superseded.json", *_in_use(TENANTS_DATABASE)}),
        last=("audit",),
    ),
    Tree(
        "watch",
        WATCH_STATE,
        Owner("noc-watch", "noc", 0o700),
        0o600,
        frozenset(_in_use(WATCH_DATABASE)),
    ),
    Tree("bot", BOT_STATE, Owner("noc-bot", "noc", 0o700), 0o600),
    Tree("tunnel", TUNNEL_STATE, Owner(mode=0o700), 0o600),
)


def trees_below(root: Path) -> tuple[Tree, ...]:
    """The trees of an HQ whose files lie below another directory than /."""
    return tuple(replace(tree, path=root / tree.path.relative_to("/")) for tree in TREES)


def members(tree: Tree) -> Iterator[tuple[str, Path]]:
    """Files and directories of a tree, each directory before what is in it: name in the archive, path.

    Links, sockets and the like are left out, as are files that somebody is just writing (`.NAME` in the tree itself).
    """
    if not tree.path.is_dir():
        return
    yield tree.name, tree.path
    entries = sorted(os.scandir(tree.path), key=lambda entry: (entry.name in tree.last, entry.name))
    for entry in entries:
        hidden = tree.name != "fleet" and entry.name.startswith(".")
        if not hidden and entry.name not in tree.without:
            yield from _below(f"{tree.name}/{entry.name}", Path(entry.path))


def _below(name: str, path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_symlink():
        return
    if path.is_dir():
        yield name, path
        for entry in sorted(path.iterdir()):
            yield from _below(f"{name}/{entry.name}", entry)
    elif path.is_file():
        yield name, path
