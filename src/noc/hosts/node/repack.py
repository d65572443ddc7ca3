"""A package made anew of what it installed (as dpkg-repack does), for versions that the archive no longer has.

What people changed in it since is in the copy, too: it brings back what was there. Files that were not installed, such
as documentation that a small image leaves out, are not in it.
"""

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from .state import Refused

ADMIN = Path("/var/lib/dpkg/info")
SCRIPTS = ("preinst", "postinst", "prerm", "postrm", "config", "templates", "triggers", "shlibs", "symbols")
BUILD_S = 600
_LOCAL_FIELDS = ("Status:", "Conffiles:", "Config-Version:")


def hindrance(name: str) -> str:
    """Why no copy of an installed package can be made, "" where one can."""
    files = set(_listed(name))
    for line in _ask("dpkg-divert", "--list").splitlines():
        # "diversion of PATH to PATH by PACKAGE", "local diversion of PATH to PATH"
        words = line.split()
        path = words[words.index("of") + 1] if "of" in words else ""
        if path in files and words[-1] != name.partition(":")[0]:
            return f"{path} was put aside (dpkg-divert), and the archive has that version no more"
    return ""


def repack(name: str, target: Path) -> None:
    """Write a package of what is installed under a name. Raises Refused("apt") where that fails."""
    if why := hindrance(name):
        raise Refused("apt", f"{name} could not be brought back: {why}")
    with tempfile.TemporaryDirectory(prefix="repack-", dir=target.parent) as made:
        tree = Path(made)
        tree.chmod(0o755)
        listed = [Path(path) for path in _listed(name)]
        parents = {parent for path in listed for parent in path.parents}
        for path in listed:
            _copy(path, tree / path.relative_to("/"), is_parent=path in parents)
        _describe(name, tree)
        _ask("dpkg-deb", "-Zgzip", "-z1", "--build", str(tree), str(target))


def control(status: str) -> str:
    """A package's control file, of its stanza in dpkg's status: without what that knows of this machine alone."""
    kept, skipping = [], False
    for line in status.splitlines():
        if line[:1] not in {" ", "\t"}:
            skipping = line.startswith(_LOCAL_FIELDS)
        if line and not skipping:
            kept.append(line)
    return "\n".join(kept) + "\n"


def _describe(name: str, tree: Path) -> None:
    """What is in a package's DEBIAN directory."""
    directory = tree / "DEBIAN"
    directory.mkdir(mode=0o755)
    (directory / "control").write_text(control(_ask("dpkg-query", "-s", name)))
    for part in SCRIPTS:
        if (found := _admin(name, part)) is not None:
            shutil.copy2(found, directory / part)
    if (found := _admin(name, "conffiles")) is not None:
        there = [line for line in found.read_text().splitlines() if (tree / line.lstrip("/")).is_file()]
        (directory / "conffiles").write_text("".join(f"{line}\n" for line in there))


def _admin(name: str, part: str) -> Path | None:
    """One of dpkg's own files on a package; where several architectures are possible, its name says which."""
    plain = name.partition(":")[0]
    candidates: Iterable[Path] = (ADMIN / f"{name}.{part}", ADMIN / f"{plain}.{part}", *ADMIN.glob(f"{plain}:*.{part}"))
    return next((path for path in candidates if path.is_file()), None)


def _copy(source: Path, target: Path, *, is_parent: bool) -> None:
    """One listed path. A directory for which a link stands here is a directory in the package, as it was before."""
    try:
        found = source.stat() if is_parent else source.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISDIR(found.st_mode):
        target.mkdir(exist_ok=True)
        target.chmod(stat.S_IMODE(found.st_mode))
    elif stat.S_ISLNK(found.st_mode):
        target.symlink_to(source.readlink())
    else:
        shutil.copy2(source, target)
    os.chown(target, found.st_uid, found.st_gid, follow_symlinks=False)
    if stat.S_ISREG(found.st_mode):
        target.chmod(stat.S_IMODE(found.st_mode))


def _listed(name: str) -> list[str]:
    said = _ask("dpkg-query", "-L", name).splitlines()
    return [line for line in said if line.startswith("/") and line != "/."]


def _ask(*argv: str) -> str:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        argv, capture_output=True, text=True, errors="replace", timeout=BUILD_S, check=False, env=environment
    )
    if done.returncode:
        raise Refused("apt", f"{argv[0]}: {done.stderr.strip()[-300:]}")
    return done.stdout
