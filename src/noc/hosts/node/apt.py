"""What the archive offers this system, asked without changing it: apt's index and files lie in a place of our own."""

import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from .layout import Layout
from .packages import MAX_PACKAGES, Package, PackageSet, kept_back, of, reboot_for, stanzas, steps, write_set
from .repack import hindrance
from .state import Refused, locked

REFRESH_S, ASK_S = 90, 60
LOCK = "var/lib/dpkg/lock-frontend"
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "LANGUAGE": "C",
    "DEBIAN_FRONTEND": "noninteractive",
    "NEEDRESTART_SUSPEND": "1",
    "UCF_FORCE_CONFFOLD": "1",
}
"""Nothing of the caller's: what is installed here asks nobody anything, and keeps files that people have changed."""


def call(*argv: str, within_s: float, cwd: Path | None = None, more: Mapping[str, str] | None = None) -> str:
    """Run one of dpkg's or apt's programs; its output. Raises Refused("apt") where it fails."""
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=within_s,
            check=False, cwd=cwd, env={**ENVIRONMENT, **(more or {})},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Refused("apt", f"{argv[0]} did not end within {within_s:g} s") from None
    if done.returncode:
        raise Refused("apt", last_words(done.stderr + done.stdout) or f"{argv[0]} ended with {done.returncode}")
    return done.stdout


def last_words(said: str) -> str:
    """What dpkg and apt wrote of errors, dpkg's causes first, or else their last line, on one line."""
    lines = [line for line in said.splitlines() if line.strip()]
    of_dpkg = [line + after for line, after in pairwise([*lines, ""]) if line.startswith("dpkg: error")]
    errors = of_dpkg or [line for line in lines if line.startswith("E:")] or lines[-1:]
    return "".join(char if char.isprintable() else " " for char in "; ".join(errors)).strip()[:500]


def options(layout: Layout) -> list[str]:
    """Where apt is to keep its index and its files: nothing of the system's own is touched."""
    ours = layout.state("apt")
    for directory in ("lists/partial", "cache/archives/partial"):
        (ours / directory).mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = {
        "Dir::State::lists": ours / "lists",
        "Dir::Cache": ours / "cache",
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",
        "APT::Get::List-Cleanup": "true",
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
        "Acquire::http::Timeout": "20",
        "Acquire::https::Timeout": "20",
        "DPkg::Lock::Timeout": "60",
    }
    return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]


def outdated(layout: Layout) -> dict[str, Any]:
    """What an update would change, and all that stands in its way; the set is kept, so that it can be staged."""
    with locked(layout, "apt.lock", within=REFRESH_S):
        try:
            problems = standing(layout)
            call("apt-get", *options(layout), "-q", "update", within_s=REFRESH_S)
            chosen, kept = _offered(layout)
        except Refused as no:
            return _said(of(()), [], [*problems, f"the archive cannot be asked: {no}"])
        if chosen.packages:
            write_set(layout, chosen)
        held = set(call("apt-mark", "showhold", within_s=ASK_S).split())
        problems += [f"{name} is held: apt-mark unhold {name}, or leave the node out" for name in kept if name in held]
        problems += _irreversible(layout, chosen) + room(layout, chosen)
        return _said(chosen, [name for name in kept if name not in held], problems)


def _said(chosen: PackageSet, kept: list[str], problems: list[str]) -> dict[str, Any]:
    return {
        "ok": True,
        "set": chosen.sha if chosen.packages else None,
        "packages": [{"name": p.name, "old": p.old, "new": p.new, "bytes": p.bytes} for p in chosen.packages],
        "reboot": reboot_for(chosen),
        "kept": kept,
        "problems": problems,
    }


def standing(layout: Layout) -> list[str]:
    """What is wrong with the system's packages before anything is changed, in words."""
    found = ["apt is at work here: wait for it to end"] if _is_locked(layout.path(LOCK)) else []
    if broken := call("dpkg", "--audit", within_s=ASK_S).strip():
        found.append(f"dpkg was interrupted or failed before ({last_words(broken)}): dpkg --configure -a")
    try:
        call("apt-get", "-q", "check", within_s=ASK_S)
    except Refused as no:
        found.append(f"packages lack what they depend on: {no}")
    return found


def _is_locked(path: Path) -> bool:
    """Whether another process holds dpkg's lock: a POSIX record lock, which flock does not see."""
    import fcntl  # noqa: PLC0415 - most questions do not need it

    try:
        with path.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _offered(layout: Layout) -> tuple[PackageSet, list[str]]:
    """The set of an upgrade that removes nothing, and what it leaves out."""
    said = call("apt-get", *options(layout), "-s", "--with-new-pkgs", "upgrade", within_s=ASK_S)
    changes = steps(said)
    if len(changes) > MAX_PACKAGES:
        raise Refused("apt", f"{len(changes)} packages are more than a weekly update has")
    known = _control(layout, [f"{name}={new}" for name, (_, new, _) in changes.items()])
    before = _control(layout, [f"{name}={old}" for name, (old, _, _) in changes.items() if old])
    found = []
    for name, (old, new, arch) in changes.items():
        fields = known.get((name.partition(":")[0], str(new)), {})
        sizes = [fields, before.get((name.partition(":")[0], str(old)), {})]
        installed = sum(int(said.get("Installed-Size", 0)) for said in sizes) * 1024
        found.append(Package(name, arch, old, new, int(fields.get("Size", 0)), fields.get("SHA256", ""), installed))
    return of(found), kept_back(said)


def _control(layout: Layout, wanted: Sequence[str]) -> dict[tuple[str, str], dict[str, str]]:
    """Control data of versions (`name=version`) that apt knows of, from the archive where it has them."""
    if not wanted:
        return {}
    said = stanzas(call("apt-cache", *options(layout), "show", *wanted, within_s=ASK_S))
    found: dict[tuple[str, str], dict[str, str]] = {}
    for fields in said:
        key = (fields.get("Package", ""), fields.get("Version", ""))
        if key not in found or "Filename" in fields:
            found[key] = fields
    return found


def _irreversible(layout: Layout, chosen: PackageSet) -> list[str]:
    """Why packages could not be brought back, in words."""
    return [
        f"{p.name} {p.old} could not be brought back: {why}"
        for p in chosen.packages
        if p.old and not in_archive(layout, p) and (why := hindrance(p.name))
    ]


def in_archive(layout: Layout, package: Package) -> bool:
    """Whether the archive still has a package's old version."""
    known = _control(layout, [f"{package.name}={package.old}"])
    return any("Filename" in fields for fields in known.values())


def room(layout: Layout, chosen: PackageSet) -> list[str]:
    """Files of both versions, and both versions unpacked."""
    wanted = sum(package.bytes + 2 * package.installed for package in chosen.packages) + layout.reserve
    free = shutil.disk_usage(layout.state("")).free
    words = f"{free >> 20} MiB free, {wanted >> 20} MiB needed to unpack it and to keep the way back"
    return [words] if free < wanted else []


def check_installed(chosen: PackageSet) -> None:
    """Raises Refused("set") unless the versions from before are those that are installed."""
    there = installed(package.name for package in chosen.packages)
    for package in chosen.packages:
        if there.get(package.name) != package.old:
            now = there.get(package.name) or "not installed"
            before = package.old or "not installed"
            raise Refused("set", f"{package.name} is {now}, and was {before} when it was planned")


def installed(names: Iterable[str]) -> dict[str, str]:
    """The versions of packages that are installed whole."""
    said = call("dpkg-query", "-W", "-f", "${binary:Package} ${db:Status-Status} ${Version}\n", within_s=ASK_S)
    there: dict[str, str] = {}
    for name, status, version in (line.split(" ", 2) for line in said.splitlines() if line.count(" ") == 2):
        if status == "installed":
            there.setdefault(name, version)
            there.setdefault(name.partition(":")[0], version)
    return {name: there[name] for name in names if name in there}
