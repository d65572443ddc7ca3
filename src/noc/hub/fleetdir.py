"""HQ's fleet directory: copied once from where it was written, a git repository of the runner's from then on."""

import shutil
import tempfile
from pathlib import Path

from noc.fleet.inventory import HubRecord, load_inventory, save_inventory
from noc.fleet.load import load
from noc.fleet.render import render, write
from noc.fleet.repository import commit
from noc.hub.asuser import run_as
from noc.hub.errors import NoFleet
from noc.hub.places import FLEET

USER, GROUP = "noc-runner", "noc"


def choose_fleet(source: Path | None, installed: Path = FLEET) -> Path:
    """The directory to read the fleet from: the installed one where there is one, otherwise the source.

    Raises:
        NoFleet: neither holds a fleet.toml.
    """
    for directory in (installed, source):
        if directory is not None and (directory / "fleet.toml").is_file():
            return directory
    raise NoFleet(
        f"no fleet.toml in {source or installed}",
        fix="noc hub install -C DIR, with the directory that holds fleet.toml",
    )


def ensure_fleet(source: Path, record: HubRecord, installed: Path = FLEET, *, user: str = USER) -> list[str]:
    """Copy the fleet directory where HQ has none, and note HQ's public keys in its inventory.

    Args:
        source: directory to copy; not touched again once HQ has its own.
        record: the public halves of HQ's keys.
        installed: HQ's own.
        user: whose it is.
    """
    changed = [] if (installed / "fleet.toml").is_file() else _copy(source, installed, user)
    return changed + run_as(user, GROUP, note_keys, installed, record)


def _copy(source: Path, installed: Path, user: str) -> list[str]:
    """Copy beside the place and rename: nobody finds half a directory."""
    if installed.is_dir() and any(installed.iterdir()):
        raise NoFleet(f"{installed} has no fleet.toml and is not empty", fix="move it away, then try again")
    staged = Path(tempfile.mkdtemp(prefix=f".{installed.name}-", dir=installed.parent))
    try:
        shutil.copytree(source, staged, symlinks=True, ignore=shutil.ignore_patterns(".git"), dirs_exist_ok=True)
        _hand_over(staged, user)
        if installed.is_dir():
            installed.rmdir()
        staged.rename(installed)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return [str(installed)]


def _hand_over(staged: Path, user: str) -> None:
    """Give a tree to a user, what is inside before what holds it: nobody can change what root still works on.

    Raises:
        NoFleet: a link, which would lead root's hand elsewhere, or a file of another kind.
    """
    inside = sorted(staged.rglob("*"), reverse=True)
    if strange := [path for path in inside if path.is_symlink() or not (path.is_dir() or path.is_file())]:
        name = strange[0].relative_to(staged)
        raise NoFleet(f"{name} in the fleet directory is neither a file nor a directory", fix="put a file in its place")
    for path in (*inside, staged):
        path.chmod(0o750 if path.is_dir() else 0o640)
        shutil.chown(path, user, GROUP)


def note_keys(directory: Path, record: HubRecord) -> list[str]:
    """Write HQ's public keys into the inventory, render what follows from them, and commit; as the runner's user.

    What the inventory knows of a rotation stays.
    """
    inventory = load_inventory(directory)
    changed = []
    record = inventory.hub.model_copy(update=record.model_dump(include={"wireguard_key", "ssh_key", "host_ca"}))
    if inventory.hub != record:
        inventory.hub = record
        save_inventory(directory, inventory)
        changed.append("inventory.toml: HQ's public keys")
    changed += write(directory, render(load(directory), inventory))
    if revision := commit(directory, "HQ installed: its public keys"):
        changed.append(f"commit {revision[:12]}")
    return changed
