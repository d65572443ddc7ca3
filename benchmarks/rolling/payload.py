"""Releases of 15 MiB that are never alike: the real service, padded with random bytes, built and signed."""

import os
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import clavitor
from noc.lab.operator import Operator
from noc.release.build import build
from noc.release.manifest import PAYLOAD
from noc.release.sign import sign

MIB = 1 << 20
SIZE = 15 * MIB
_PADDING = "padding"
_DIES_ON = """
import socket
import sys

if socket.gethostname() == {host!r}:
    print("cannot start here", flush=True)
    sys.exit(3)
"""


@dataclass(frozen=True)
class Payload:
    """A signed release on the operator's machine, and what tells it from all others."""

    version: str
    sha256: str
    directory: Path

    @property
    def file(self) -> Path:
        """What nodes run."""
        return self.directory / PAYLOAD


class Payloads:
    """Makes releases with rising build numbers, all of them in one directory.

    Args:
        operator: whose key signs.
    """

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._service = Path(str(clavitor.__file__)).parent
        self._built = 0

    def make(self, *, dies_on: str = "") -> Payload:
        """Build and sign the next release.

        Args:
            dies_on: host name of the machine on which its process ends at once; "" for none.
        """
        self._built += 1
        version, directory = f"1.0.{self._built}", self._operator.directory / f"payload-{self._built}"
        package = self._service if not dies_on else self._broken(dies_on)
        file = build(package, directory, version=version, build_number=self._built)
        pad(file, SIZE)
        manifest = sign(directory, self._operator.directory / "identity" / "release_key")
        return Payload(version, manifest.sha256, directory)

    def _broken(self, host: str) -> Path:
        """A copy of the service that ends at once on one host."""
        copy = self._operator.directory / "broken" / self._service.name
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self._service, copy, ignore=shutil.ignore_patterns("__pycache__"))
        main = copy / "__main__.py"
        head, future, body = main.read_text().partition("import argparse\n")
        main.write_text(head + _DIES_ON.format(host=host) + future + body)
        return copy


def pad(file: Path, size: int) -> None:
    """Add random bytes to a zip archive, as a member that nobody reads, until it has at least `size` bytes."""
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr(_PADDING, os.urandom(max(0, size - file.stat().st_size)))
