"""A set of packages made ready: the files of the new versions, and for each old version one that brings it back."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .apt import REFRESH_S, call, check_installed, in_archive, options, room
from .layout import Layout
from .packages import Package, PackageSet, place, read_set, write_set
from .repack import repack
from .state import SYSTEM_IN_FORCE, Refused, locked, read_json, sync_directory, write_json

DOWNLOAD_S = 1500


def fetch(layout: Layout, sha: str) -> dict[str, Any]:
    """Bring exactly the files of a set here, and keep a way back for each package.

    `bytes` counts what was downloaded, `back` names the set that leads back. Raises Refused: "set", "apt", "disk";
    nothing of the system was changed.
    """
    with locked(layout, "apt.lock", within=REFRESH_S):
        chosen = read_set(layout, sha)
        if staged := read_json(layout, _staged(sha)):
            return {"ok": True, "bytes": 0, "back": staged["back"]}
        check_installed(chosen)
        forget_others(layout, sha)
        if short := room(layout, chosen):
            raise Refused("disk", short[0])
        directory = place(layout, sha)
        sent = _download(layout, chosen.coming, directory / "new")
        copied, copies = _keep_old(layout, chosen, directory / "old")
        back = chosen.backwards(copies)
        write_set(layout, back)
        _sync(directory)
        files = {"new": f"systems/{sha}/new", "old": f"systems/{sha}/old"}
        # The way back is a set like any other, of the same files.
        write_json(layout, _staged(back.sha), {"back": sha, "new": files["old"], "old": files["new"]})
        write_json(layout, _staged(sha), {"back": back.sha, **files})
        return {"ok": True, "bytes": sent + copied, "back": back.sha}


def check_staged(layout: Layout, sha: str) -> PackageSet:
    """The set, once all of its files are found to be here and unchanged. Raises Refused("set")."""
    chosen, directory = read_set(layout, sha), files_of(layout, sha, "new")
    for package in chosen.coming:
        if _digest(directory / package.file) != package.sha256:
            raise Refused("set", f"the file of {package.name} {package.new} is not the one that was planned")
    return chosen


def files_of(layout: Layout, sha: str, which: str) -> Path:
    """Where a staged set's files lie, of the `new` or the `old` versions. Raises Refused("set") where it is not."""
    staged = read_json(layout, _staged(sha))
    if staged is None:
        raise Refused("set", f"the files of set {sha[:12]} are not on the node")
    return layout.state(staged[which])


def forget_others(layout: Layout, sha: str) -> None:
    """Remove every set but this one and the one in force, with what leads back from them: each is a whole update."""
    keep = {sha, (read_json(layout, SYSTEM_IN_FORCE) or {}).get("sha", "")}
    keep |= {(read_json(layout, _staged(name)) or {}).get("back", "") for name in keep}
    for path in layout.state("systems").glob("*"):
        if path.name not in keep:
            shutil.rmtree(path, ignore_errors=True)


def _staged(sha: str) -> str:
    return f"systems/{sha}/staged.json"


def _download(layout: Layout, packages: Sequence[Package], directory: Path) -> int:
    """Fetch new versions; each is known by its hash, whatever the archive calls its file."""
    _empty(directory)
    if packages:
        wanted = [f"{package.name}={package.new}" for package in packages]
        call("apt-get", *options(layout), "-q", "download", *wanted, within_s=DOWNLOAD_S, cwd=directory)
    found = {_digest(path): path for path in directory.iterdir()}
    for package in packages:
        if package.sha256 not in found:
            raise Refused("set", f"the archive's {package.name} {package.new} is not the file that was planned")
        found[package.sha256].rename(directory / package.file)
    return sum(package.bytes for package in packages)


def _keep_old(layout: Layout, chosen: PackageSet, directory: Path) -> tuple[int, dict[str, tuple[int, str]]]:
    """A file for each old version, from the archive where that has it, else made of what is installed.

    Returns the bytes that were downloaded, and size and hash of each file by the package's name.
    """
    _empty(directory)
    sent, copies = 0, {}
    for package in chosen.packages:
        if package.old is None:
            continue
        file = directory / package.file
        if in_archive(layout, package):
            aside = directory / "download"
            _empty(aside)
            wanted = f"{package.name}={package.old}"
            call("apt-get", *options(layout), "-q", "download", wanted, within_s=DOWNLOAD_S, cwd=aside)
            next(aside.iterdir()).rename(file)
            aside.rmdir()
            sent += file.stat().st_size
        else:
            repack(package.name, file)
        copies[package.name] = (file.stat().st_size, _digest(file))
    return sent, copies


def _empty(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700, parents=True)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def _sync(directory: Path) -> None:
    """See everything below a directory on the disk."""
    for path in [*directory.rglob("*"), directory]:
        if path.is_dir():
            sync_directory(path)
        else:
            fd = os.open(path, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
