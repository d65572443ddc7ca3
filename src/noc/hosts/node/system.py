"""One change of a system's packages: exactly a set's versions installed, kept, or the old ones put back.

The way there is apt's, which knows an order in which each package finds what it needs; the way back is dpkg's, which
also works where a power cut left half of it, or where the update broke apt itself.
"""

from datetime import UTC, datetime

from .actions import take
from .apt import ASK_S, call, check_installed, installed, options, standing
from .boot import boot_id
from .fetching import check_staged, files_of, forget_others
from .layout import Layout
from .packages import PackageSet, read_set, reboot_for, steps
from .service import Unproven
from .state import SYSTEM_IN_FORCE, Refused, read_json, write_json

INSTALL_S = 900
BOOTING = {"SYSTEMD_OFFLINE": "1"}
"""While the system starts, what a package's script would restart waits for us: systemctl then leaves it to the boot."""
_KEEP_FILES = ("--force-confdef", "--force-confold")


def check(layout: Layout, sha: str) -> None:
    """See that a set is here whole, and that installing it changes what was planned, and no more. Raises Refused."""
    chosen = check_staged(layout, sha)
    check_installed(chosen)
    if wrong := standing(layout):
        raise Refused("apt", "; ".join(wrong))
    planned = {p.name: (p.old, p.new) for p in chosen.packages}
    said = steps(call("apt-get", *_install(layout, chosen), "-s", within_s=ASK_S))
    if (found := {name: (old, new) for name, (old, new, _) in said.items()}) != planned:
        other = sorted(name for name in {*found, *planned} if found.get(name) != planned.get(name))
        raise Refused("set", f"something else than was planned would change: {', '.join(other[:20])}")


def save(layout: Layout, sha: str) -> None:
    """Note what apt would forget: which packages nobody has asked for by name. Raises Refused("apt")."""
    auto = set(call("apt-mark", "showauto", within_s=ASK_S).split())
    chosen = read_set(layout, sha)
    names = [package.name for package in chosen.packages if package.name in auto or package.old is None]
    write_json(layout, f"systems/{sha}/auto.json", names)


def apply(layout: Layout, sha: str) -> None:
    """Install a set. Raises Unproven where that fails half-way: it is to be undone then."""
    try:
        chosen = read_set(layout, sha)
        call("apt-get", *_install(layout, chosen), "-y", within_s=INSTALL_S)
        _mark(layout, sha, chosen)
    except Refused as no:
        raise Unproven(f"the packages: {no}") from None
    if wrong := [p.name for p in chosen.packages if installed([p.name]).get(p.name) != p.new]:
        raise Unproven(f"the packages: not as planned after apt: {', '.join(wrong[:20])}")
    take(layout, "reload")


def undo(layout: Layout, sha: str, *, booting: bool = False) -> None:
    """Put the old versions back, from wherever the change was cut. Raises Unproven with what did not work."""
    more, troubles = (BOOTING if booting else {}), []
    chosen, old = read_set(layout, sha), files_of(layout, sha, "old")
    files = [str(old / package.file) for package in chosen.packages if package.old is not None]
    added = [package.name for package in chosen.packages if package.old is None]
    forced = ("--force-downgrade", "--force-depends", *_KEEP_FILES)
    for argv in (
        # What a cut left half done is finished or, should that fail, replaced by what follows.
        ("dpkg", *_KEEP_FILES, "--configure", "-a"),
        ("dpkg", *forced, "--install", *files) if files else (),
        ("dpkg", "--force-depends", "--purge", *added) if added else (),
        ("dpkg", *_KEEP_FILES, "--configure", "-a"),
    ):
        try:
            call(*argv, within_s=INSTALL_S, more=more) if argv else None
        except Refused as no:
            troubles.append(str(no))
    there = installed(package.name for package in chosen.packages)
    wrong = [package.name for package in chosen.packages if there.get(package.name) != package.old]
    if wrong:
        raise Unproven(f"{', '.join(wrong[:20])}: not as before ({'; '.join(troubles)[:300]})")
    _mark(layout, sha, chosen)
    take(layout, "reload")


def keep(layout: Layout, sha: str) -> None:
    """Make a set the one in force; what leads back from it stays at hand."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    reboot = reboot_for(read_set(layout, sha))
    write_json(layout, SYSTEM_IN_FORCE, {"sha": sha, "at": at, "reboot": reboot, "boot_id": boot_id()})
    forget_others(layout, sha)


def _install(layout: Layout, chosen: PackageSet) -> list[str]:
    """What apt-get is told: the files of the set, and names with a minus for what is to go.

    It knows no archive then: what is not here already cannot come along.
    """
    new = files_of(layout, chosen.sha, "new")
    wanted = [*(str(new / p.file) for p in chosen.coming), *(f"{p.name}-" for p in chosen.leaving)]
    dpkg = [part for force in _KEEP_FILES for part in ("-o", f"Dpkg::Options::={force}")]
    flags = ("-q", "--no-install-recommends", "--allow-downgrades", "--purge")
    alone = ["-o", "Dir::Etc::SourceList=/dev/null", "-o", "Dir::Etc::SourceParts=/dev/null"]
    return [*options(layout), *alone, *dpkg, *flags, "install", *wanted]


def _mark(layout: Layout, sha: str, chosen: PackageSet) -> None:
    """Packages that came along without being asked for stay such; naming their files would have changed that."""
    there = installed(package.name for package in chosen.packages)
    if names := [name for name in read_json(layout, f"systems/{sha}/auto.json") or [] if name in there]:
        call("apt-mark", "-q", "auto", *names, within_s=ASK_S)
