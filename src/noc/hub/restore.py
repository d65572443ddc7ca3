"""HQ put back on a bare machine, from nothing but a backup that somebody has opened."""

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import BinaryIO

from noc import __version__
from noc.errors import NocError
from noc.fleet.files import replace
from noc.fleet.load import load
from noc.hub.backup_manifest import Manifest
from noc.hub.backup_trees import HUB_KEY_MEMBER, TREES, Tree
from noc.hub.errors import AlreadyHq, NewerBackup, WrongRestore
from noc.hub.facts import judge, read_facts
from noc.hub.install import Installation, users
from noc.hub.places import CREDENTIALS, FLEET, PROGRAM, STATE, UNITS, WATCH_STATE
from noc.hub.readdress import readdress
from noc.hub.restore_unpack import unpack
from noc.hub.steps import Done, Step, run_steps
from noc.hub.system import Owner, ensure_directory, ensure_owned
from noc.mesh.keys import public_from_private
from noc.runs.admission.restored import Restored
from noc.runs.paths import Paths

UNFINISHED = Path("/var/lib/.noc-restoring")
"""There while files are put in their places, so that a restore that was cut then may be given again."""
STAGING = ".noc-restore-"


@dataclass
class Restoration:
    """One restore of HQ.

    Args:
        stream: the opened backup.
        address: HQ's new public address; None where it is the old one.
    """

    stream: BinaryIO
    address: IPv4Address | None
    warnings: list[str] = field(init=False, default_factory=list)
    _manifest: Manifest | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Refuse before a byte is read: a machine that cannot be HQ, or is one."""
        refuse_hq()
        self.warnings = judge(read_facts(PROGRAM))

    @property
    def manifest(self) -> Manifest:
        """The list of the backup that was read."""
        assert self._manifest is not None
        return self._manifest

    def run(self, tell: Callable[[Done], None]) -> list[Done]:
        """Read all of it, and only then put it in its places and install HQ around it.

        Args:
            tell: called after each step.

        Raises:
            BadArchive, ArchiveDamaged, NewerBackup, WrongRestore: nothing was put anywhere.
            StepFailed: a step of the installation failed; `noc hub install` goes on with it.
        """
        for left in STATE.parent.glob(f"{STAGING}*"):
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(prefix=STAGING, dir=STATE.parent) as name:
            staged = Path(name)
            done = run_steps([Step("backup", lambda: self._read(staged)), Step("files", lambda: put(staged))], tell)
        done += run_steps([Step("restored", self._mark)], tell)
        UNFINISHED.unlink(missing_ok=True)
        return done + Installation(None, None).run(tell)

    def _read(self, staged: Path) -> list[str]:
        self._manifest = unpack(self.stream, staged)
        check_fits(self._manifest, staged)
        if self.address is not None:
            readdress(staged / "fleet" / "fleet.toml", self.address)
        return [f"{len(self._manifest.members)} files of {self._manifest.hub}, {self._manifest.at:%Y-%m-%d %H:%M} UTC"]

    def _mark(self) -> list[str]:
        """Let the runner ask every node before it acts, and the watch say what it was made from."""
        restored = Restored(at=datetime.now(UTC), backup=self.manifest.at, fence=self.manifest.fence)
        for path, owner in (
            (Paths().restored, Owner("noc-runner", "noc", 0o640)),
            (WATCH_STATE / "restored.json", Owner("noc-watch", "noc", 0o600)),
        ):
            replace(path, restored.model_dump_json() + "\n")
            ensure_owned(path, owner)
        return [str(Paths().restored)]


def refuse_hq() -> None:
    """Go on only on a machine that is no HQ, or was to become one by a restore that was cut. Raises AlreadyHq."""
    if UNFINISHED.exists():
        return
    there = [path for path in (FLEET / "fleet.toml", UNITS / "noc-runner.service") if path.exists()]
    there += sorted(CREDENTIALS.glob("*"))[:1]
    if there:
        fix = "take a bare machine; where a restore has stopped after its files, noc hub install goes on"
        raise AlreadyHq("this machine is an HQ already", why=f"{there[0]} is there", fix=fix)


def check_fits(manifest: Manifest, staged: Path) -> None:
    """Hold what was read to what it says of itself.

    Raises:
        NewerBackup: a newer noc has made it.
        WrongRestore: its fleet file has mistakes, or the hub's key is not the one that it names.
    """
    if _version(manifest.noc) > _version(__version__):
        fix = f"install noc {manifest.noc} or newer here, then restore"
        raise NewerBackup("the backup cannot be put back yet", why=f"noc {manifest.noc} has made it", fix=fix)
    try:
        fleet = load(staged / "fleet")
        public = public_from_private((staged / HUB_KEY_MEMBER).read_text().strip())
    except (NocError, OSError, ValueError) as error:
        raise WrongRestore("the backup does not fit together", why=str(error), fix="give an older backup") from None
    if (fleet.hub.name, public) != (manifest.hub, manifest.hub_key):
        why = f"it says that it is of {manifest.hub}, and holds the key or the fleet file of another HQ"
        raise WrongRestore("the backup does not fit together", why=why, fix="give another backup")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.partition("+")[0].split(".") if part.isdigit())


def put(staged: Path) -> list[str]:
    """Put every tree of a backup in its place, with its owner; what a restore that was cut has left is replaced."""
    UNFINISHED.touch(mode=0o600)
    users()
    return [str(tree.path) for tree in TREES if (staged / tree.name).is_dir() and put_tree(tree, staged / tree.name)]


def put_tree(tree: Tree, source: Path) -> bool:
    """Copy beside the place and rename: nobody finds half a tree, and what is inside gets its owner first."""
    tree.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    beside = tree.path.with_name(f".{tree.path.name}.restoring")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(source, beside, copy_function=shutil.copyfile)
    for path in sorted(beside.rglob("*"), reverse=True):
        kept = (source / path.relative_to(beside)).stat().st_mode & 0o777
        _own(path, tree, kept)
    ensure_directory(beside, tree.owner)
    os.sync()
    if tree.path.exists():
        shutil.rmtree(tree.path)
    beside.rename(tree.path)
    return True


def _own(path: Path, tree: Tree, kept: int) -> None:
    """Files and directories may be what they were, within the tree's mask; who may read a directory may enter it."""
    mode = kept & (tree.mask | (0o100 | (tree.mask & 0o044) >> 2 if path.is_dir() else 0))
    shutil.chown(path, tree.owner.user, tree.owner.group)
    path.chmod(mode)
