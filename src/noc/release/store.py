"""The releases of this machine, each under its content's hash."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from noc.errors import NotPermitted
from noc.release.errors import AmbiguousRelease, MalformedManifest, UnknownRelease
from noc.release.manifest import MANIFEST, MAX_PAYLOAD_BYTES, PAYLOAD, SIGNATURE, Manifest, parse_manifest
from noc.release.verify import require_files, verify

RELEASES = Path("/var/lib/noc/releases")
SIGNERS = Path("/etc/noc-trust/signers")
_SHORTEST_PREFIX = 6


@dataclass(frozen=True)
class Release:
    """One verified release: its manifest and the directory with its three files."""

    manifest: Manifest
    directory: Path

    @property
    def sha256(self) -> str:
        """Its name."""
        return self.manifest.sha256

    @property
    def payload(self) -> Path:
        """The file that nodes run."""
        return self.directory / PAYLOAD

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """Payload, manifest and signature: what a node needs to judge for itself."""
        return self.payload, self.directory / MANIFEST, self.directory / SIGNATURE


class ReleaseStore:
    """A directory of releases. What is in it was verified when it came."""

    def __init__(self, directory: Path = RELEASES) -> None:
        """Use a directory, which `add` makes where it is absent."""
        self.directory = directory

    def add(self, contents: Mapping[str, bytes], signers: Path, name: Path) -> tuple[Release, bool]:
        """Take the content of a signed release in; the copy is what gets verified, so nobody can change it afterwards.

        A release that is here already takes the manifest of the one given: it may have been signed again.

        Args:
            contents: what `read_release` read.
            signers: the trusted signers.
            name: how messages call it.

        Returns:
            The release as it lies in the store, and whether anything was written.

        Raises:
            what `noc.release.verify.verify` raises; the store is unchanged then.
        """
        self.directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        with self._staging() as staged:
            for file, content in contents.items():
                _write(staged / file, content)
            manifest = verify(staged, signers, name=name)
            target = self.path(manifest.sha256)
            if _same(staged, target):
                return Release(manifest, target), False
            _publish(staged, target)
        return Release(manifest, target), True

    def get(self, reference: str) -> Release:
        """Find a release.

        Args:
            reference: a hash, the first six or more digits of one, or a version (its highest build).

        Raises:
            UnknownRelease, AmbiguousRelease.
        """
        known = self.list()
        versions = [release for release in known if release.manifest.version == reference]
        if versions:
            return max(versions, key=lambda release: release.manifest.build)
        matches = [release for release in known if _is_prefix(reference, release.sha256)]
        if len(matches) > 1:
            raise AmbiguousRelease(f"{reference} stands for {len(matches)} releases", fix="give more of the hash")
        if not matches:
            raise UnknownRelease(f"no release is called {reference}", fix="noc release list shows them")
        return matches[0]

    def list(self) -> tuple[Release, ...]:
        """All releases, the newest build first; a directory without a readable manifest is none.

        Raises:
            NotPermitted: this user may not look into the store, which is another thing than an empty one.
        """
        try:
            paths = [*self.directory.iterdir()]
        except FileNotFoundError:
            return ()
        except PermissionError:
            raise NotPermitted(f"{self.directory} is not yours to read", fix="run it with sudo, on HQ") from None
        found = [release for path in paths if (release := _load(path)) is not None]
        return tuple(sorted(found, key=lambda release: (-release.manifest.build, release.sha256)))

    def path(self, sha256: str) -> Path:
        """Where a release lies, or would."""
        return self.directory / sha256

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        staged = Path(tempfile.mkdtemp(prefix=".adding-", dir=self.directory))
        try:
            staged.chmod(0o750)
            yield staged
        finally:
            shutil.rmtree(staged, ignore_errors=True)


def read_release(source: Path) -> dict[str, bytes]:
    """What lies in a directory of a signed release: its three files, none longer than the longest payload.

    Raises:
        NotSigned: one is missing.
    """
    require_files(source)
    contents = {}
    for name in (PAYLOAD, MANIFEST, SIGNATURE):
        with (source / name).open("rb") as file:
            contents[name] = file.read(MAX_PAYLOAD_BYTES + 1)
    return contents


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o640)


def _same(one: Path, other: Path) -> bool:
    return all(
        (other / name).is_file() and (one / name).read_bytes() == (other / name).read_bytes()
        for name in (PAYLOAD, MANIFEST, SIGNATURE)
    )


def _publish(staged: Path, target: Path) -> None:
    """Rename into place: the whole directory where it is new, file by file where a reader may be using it."""
    if target.is_dir():
        for name in (PAYLOAD, MANIFEST, SIGNATURE):
            (staged / name).replace(target / name)
    else:
        staged.rename(target)
    handle = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _load(directory: Path) -> Release | None:
    if not re.fullmatch(r"[0-9a-f]{64}", directory.name):
        return None
    try:
        manifest = parse_manifest((directory / MANIFEST).read_bytes())
    except (OSError, MalformedManifest):
        return None
    return Release(manifest, directory) if manifest.sha256 == directory.name else None


def _is_prefix(reference: str, sha256: str) -> bool:
    return len(reference) >= _SHORTEST_PREFIX and sha256.startswith(reference.lower())
