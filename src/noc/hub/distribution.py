"""The file of another noc: read once into a place of root's own, held against the hash that was given, and staged."""

import hashlib
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from noc import __version__
from noc.hub.errors import UpgradeRefused
from noc.hub.system import run

MOST_BYTES: Final = 1 << 30
_PIECE: Final = 1 << 20
_VERSION: Final = re.compile(r"\d{1,6}\.\d{1,6}\.\d{1,6}", re.ASCII)
_INSTALL_S: Final = 600.0


@dataclass(frozen=True)
class Distribution:
    """A distributed file as it was read.

    Attributes:
        path: root's own copy of it.
        sha256: of the whole file, as sha256sum(1) prints it.
        version: that it says it holds.
    """

    path: Path
    sha256: str
    version: str

    def stage(self, prefix: Path) -> Path:
        """Install it beside the version in use, by its own installer; the directory. Raises StepFailed."""
        run("python3", "-I", str(self.path), "stage", "--prefix", str(prefix), timeout_s=_INSTALL_S)
        return prefix / self.version


@contextmanager
def read_distribution(file: Path, prefix: Path) -> Iterator[Distribution]:
    """Read a file once; what is looked at is what is installed. The copy is gone afterwards.

    Raises:
        UpgradeRefused: it cannot be read, is too large, or is no distributed noc.
    """
    handle, name = tempfile.mkstemp(prefix=".upgrade-", suffix=".run", dir=prefix)
    copy = Path(name)
    try:
        with os.fdopen(handle, "wb") as target:
            digest = _copy(file, target)
        yield Distribution(copy, digest, _version(copy, file))
    finally:
        copy.unlink(missing_ok=True)


def _copy(file: Path, target: BinaryIO) -> str:
    """Copy a file, bounded; its SHA-256, hex."""
    digest, size = hashlib.sha256(), 0
    try:
        with file.open("rb") as source:
            while piece := source.read(_PIECE):
                size += len(piece)
                if size > MOST_BYTES:
                    raise UpgradeRefused(f"{file} is larger than {MOST_BYTES >> 20} MiB", fix="is it the right file?")
                digest.update(piece)
                target.write(piece)
    except OSError as error:
        raise UpgradeRefused(f"{file} cannot be read", why=error.strerror or "", fix="check the path") from error
    return digest.hexdigest()


def check_meant(found: Distribution, meant: str | None) -> None:
    """Hold a file against the hash that was given. Raises UpgradeRefused, which names the file's own."""
    if meant is None:
        why = f"{found.sha256} is the hash of this file, noc {found.version}"
        fix = f"compare it with what was printed where the file was built, then give it: --sha256 {found.sha256}"
        raise UpgradeRefused("which file is meant has to be said", why=why, fix=fix)
    if meant.lower() != found.sha256:
        raise UpgradeRefused(
            "this is not the file that was meant", why=f"its hash is {found.sha256}", fix="copy it again"
        )


def check_newer(found: Distribution, installed: str = __version__) -> None:
    """Go forward alone. Raises UpgradeRefused for an older version, and for another file of the same one."""
    if _numbers(found.version) <= _numbers(installed):
        raise UpgradeRefused(
            f"noc {found.version} is not newer than {installed}, which is installed",
            why="an older one does not know what a newer one has made of the watch's database",
            fix="noc hub restore puts an HQ back as it was, with its noc",
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _version(copy: Path, file: Path) -> str:
    try:
        with zipfile.ZipFile(copy) as archive:
            version = str(json.loads(archive.read("index.json"))["version"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        version = ""
    if _VERSION.fullmatch(version) is None:
        raise UpgradeRefused(f"{file} is no distributed noc", fix="give the file that make dist wrote, noc-VERSION.run")
    return version
