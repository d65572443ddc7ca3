"""The lab's package repositories: flat ones (sources.list(5)), each signed by a key of its own."""

import contextlib
import gzip
import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from noc.lab.commands import call, call_bytes


def signing_key(home: Path) -> bytes:
    """Make a key for a repository in a home of its own (gpg's); its public half, as apt's `signed-by` reads it.

    Args:
        home: a directory; who removes it forgets the key.
    """
    home.mkdir(exist_ok=True)
    home.chmod(0o700)
    with _gpg(home) as gpg:
        call(*gpg, "--passphrase", "", "--quick-generate-key", "noc lab <apt@lab>", "ed25519", "sign", "never")
        return call_bytes(*gpg, "--export")


def publish(directory: Path, home: Path) -> None:
    """Write the index of a directory's packages, and sign it.

    Args:
        directory: holds `*.deb` files.
        home: of the key, as `signing_key` made it.
    """
    stanzas = [_stanza(deb) for deb in sorted(directory.glob("*.deb"))]
    index = "\n".join(stanzas).encode()
    indexes = {"Packages": index, "Packages.gz": gzip.compress(index, mtime=0)}
    for name, content in indexes.items():
        (directory / name).write_bytes(content)
    (directory / "Release").write_text(release_file(indexes, datetime.now(UTC)))
    signed = directory / "InRelease"
    signed.unlink(missing_ok=True)
    with _gpg(home) as gpg:
        call(*gpg, "--passphrase", "", "--clearsign", "--output", str(signed), str(directory / "Release"))


def release_file(indexes: Mapping[str, bytes], now: datetime) -> str:
    """The repository's Release file: the hash of each index (Debian's RepositoryFormat)."""
    head = f"Origin: noc lab\nLabel: noc lab\nSuite: lab\nDate: {format_datetime(now, usegmt=True)}\nSHA256:\n"
    return head + "".join(
        f" {hashlib.sha256(content).hexdigest()} {len(content)} {name}\n" for name, content in indexes.items()
    )


def _stanza(deb: Path) -> str:
    control = call("dpkg-deb", "--field", str(deb))
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    return f"{control.rstrip()}\nFilename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n"


@contextlib.contextmanager
def _gpg(home: Path) -> Iterator[tuple[str, ...]]:
    """How gpg is called with a home of its own; its agent is gone afterwards."""
    try:
        yield ("gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback")
    finally:
        call("gpgconf", "--homedir", str(home), "--kill", "gpg-agent")
