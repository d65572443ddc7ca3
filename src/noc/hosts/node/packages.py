"""A set of packages of which a system is to have other versions: data with a hash, so that the plan is what happens."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from .layout import Layout
from .state import Refused, sync_directory, write_whole

MAX_PACKAGES = 5000

_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]{0,127}(:[a-z0-9-]{1,32})?")
_ARCH = re.compile(r"[a-z0-9-]{1,32}")
_VERSION = re.compile(r"[A-Za-z0-9.+:~-]{1,200}")
_SHA = re.compile(r"[0-9a-f]{64}")
_STEP = re.compile(
    r"(?P<verb>Inst|Remv|Purg) (?P<name>\S+)(?: \[(?P<old>[^\]]+)\])?(?: \((?P<new>\S+) .*\[(?P<arch>\S+)\]\))?"
)
_REBOOT = re.compile(r"linux-image-.*|linux-modules-.*|libc6|systemd|dbus|dbus-daemon|libssl.*|.*-microcode")


@dataclass(frozen=True)
class Package:
    """One package of a set.

    Attributes:
        name: as apt says it, with the architecture where that is a foreign one.
        arch: of the version that it is to have.
        old: the version that is installed, None where none is.
        new: the version that it is to have, None where it is to go.
        bytes: size of the new version's file.
        sha256: its hash, "" where there is none.
        installed: bytes on the disk that the two versions take together.
    """

    name: str
    arch: str
    old: str | None
    new: str | None
    bytes: int = 0
    sha256: str = ""
    installed: int = 0

    @property
    def file(self) -> str:
        """What its files are called in a set's directories."""
        return f"{self.name.replace(':', '_')}.deb"


@dataclass(frozen=True)
class PackageSet:
    """Packages that change together, sorted by name."""

    packages: Sequence[Package]

    @property
    def content(self) -> bytes:
        """Canonical JSON: equal sets are equal bytes."""
        document = {"packages": [asdict(package) for package in self.packages]}
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    @property
    def sha(self) -> str:
        """The set's name: the hash of its content."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def coming(self) -> list[Package]:
        """Those that are to be installed."""
        return [package for package in self.packages if package.new is not None]

    @property
    def leaving(self) -> list[Package]:
        """Those that are to go."""
        return [package for package in self.packages if package.new is None]

    def backwards(self, copies: dict[str, tuple[int, str]]) -> "PackageSet":
        """The set that leads back; `copies`: size and hash of the old versions' files, by package name."""
        none = (0, "")
        rows = [(package, copies.get(package.name, none)) for package in self.packages]
        return of(replace(p, old=p.new, new=p.old, bytes=size, sha256=sha) for p, (size, sha) in rows)


def of(packages: Iterable[Package]) -> PackageSet:
    """A set of packages in its order."""
    return PackageSet(sorted(packages, key=lambda package: package.name))


def place(layout: Layout, sha: str) -> Path:
    """Where a set lies: `set.json`, the new versions' files in `new`, the old ones' in `old`."""
    return layout.state(f"systems/{sha}")


def write_set(layout: Layout, chosen: PackageSet) -> None:
    """Keep a set, so that it can be asked for by its hash."""
    directory = place(layout, chosen.sha)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(directory / "set.json", chosen.content)
    sync_directory(directory.parent)


def read_set(layout: Layout, sha: str) -> PackageSet:
    """The set of that hash. Raises Refused("set") where it is not exactly that."""
    try:
        content = (place(layout, sha) / "set.json").read_bytes()
        chosen = PackageSet([_checked(Package(**said)) for said in json.loads(content)["packages"]])
    except FileNotFoundError:
        raise Refused("set", f"set {sha[:12]} was not planned on this node, or is gone") from None
    except (ValueError, TypeError, KeyError) as error:
        raise Refused("set", f"set {sha[:12]} does not hold together: {error}") from None
    if hashlib.sha256(content).hexdigest() != sha:
        raise Refused("set", f"what lies here as set {sha[:12]} is something else")
    return chosen


def _checked(package: Package) -> Package:
    """Its names become file names and arguments: only what Debian's policy allows passes. Raises ValueError."""
    versions = [version for version in (package.old, package.new) if version is not None]
    good = _NAME.fullmatch(package.name) and _ARCH.fullmatch(package.arch) and all(map(_VERSION.fullmatch, versions))
    if not good or not versions or not (package.new is None or _SHA.fullmatch(package.sha256)):
        raise ValueError(f"{package.name[:128]!r} is no package")
    return package


def steps(simulation: str) -> dict[str, tuple[str | None, str | None, str]]:
    """What apt says that it would do (`apt-get -s`): package → version before, version after, architecture."""
    found: dict[str, tuple[str | None, str | None, str]] = {}
    for line in simulation.splitlines():
        if step := _STEP.match(line):
            new = step["new"] if step["verb"] == "Inst" else None
            found[step["name"]] = (step["old"], new, step["arch"] or "")
    return found


def stanzas(text: str) -> list[dict[str, str]]:
    """Control data (deb-control(5)): one dict a stanza, of the first line of each field."""
    found = []
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line[:1] not in {"", " ", "\t"} and ":" in line]
        if fields := {name: value.strip() for name, value in (line.split(":", 1) for line in lines)}:
            found.append(fields)
    return found


def kept_back(simulation: str) -> list[str]:
    """Packages with an update that apt does not take (`apt-get -s upgrade`, LC_ALL=C)."""
    found: list[str] = []
    listing = False
    for line in simulation.splitlines():
        if line.startswith(" ") and listing:
            found += line.split()
        else:
            listing = "have been kept back" in line
    return found


def reboot_for(chosen: PackageSet) -> list[str]:
    """Packages of which what runs stays the old version until the machine starts anew."""
    return [package.name for package in chosen.coming if _REBOOT.fullmatch(package.name.partition(":")[0])]
