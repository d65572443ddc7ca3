"""The lab's package repository: a flat one (sources.list(5)), signed by a key that is forgotten at once."""

import gzip
import hashlib
import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from noc.lab.commands import call


def publish(directory: Path, keyring: Path) -> None:
    """Write the index of a directory's packages, and sign it.

    Args:
        directory: holds `*.deb` files.
        keyring: where the public half of the signing key goes; the private half is made for this and forgotten.
    """
    stanzas = [_stanza(deb) for deb in sorted(directory.glob("*.deb"))]
    index = "\n".join(stanzas).encode()
    indexes = {"Packages": index, "Packages.gz": gzip.compress(index, mtime=0)}
    for name, content in indexes.items():
        (directory / name).write_bytes(content)
    (directory / "Release").write_text(release_file(indexes, datetime.now(UTC)))
    _sign(directory / "Release", directory / "InRelease", keyring)


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


def _sign(release: Path, signed: Path, keyring: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="noc-lab-gpg-") as home:
        os.chmod(home, 0o700)  # noqa: PTH101 - gpg insists
        gpg = ("gpg", "--homedir", home, "--batch", "--quiet", "--no-autostart")
        quick = ("gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback")
        try:
            call(*quick, "--quick-generate-key", "noc lab <apt@lab>", "ed25519", "sign", "never")
            call(*quick, "--clearsign", "--output", str(signed), str(release))
            call(*gpg, "--output", str(keyring), "--export")
        finally:
            call("gpgconf", "--homedir", home, "--kill", "gpg-agent")
