"""What the tests of releases share: keys, signers, and a small service that can be built and signed."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from noc.release.build import build
from noc.release.sign import sign


@dataclass(frozen=True)
class Signer:
    """A signing key and the allowed_signers file that trusts it."""

    key: Path
    signers: Path


def make_signer(directory: Path, name: str = "operator") -> Signer:
    directory.mkdir(parents=True, exist_ok=True)
    key = directory / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key], check=True)
    kind, public = key.with_suffix(".pub").read_text().split()[:2]
    signers = directory / f"{name}.signers"
    signers.write_text(f'{name} namespaces="noc-release" {kind} {public}\n')
    return Signer(key, signers)


def make_service(directory: Path, text: str = "print('hello')\n") -> Path:
    package = directory / "clavitor"
    (package / "pages").mkdir(parents=True)
    (package / "__init__.py").write_text('__version__ = "1.0.0"\n')
    (package / "__main__.py").write_text(text)
    (package / "pages" / "index.html").write_text("<!doctype html>\n")
    return package


def make_release(directory: Path, signer: Signer, *, version: str = "1.0.0", number: int = 1, days: float = 90) -> Path:
    out = directory / f"release-{version}-{number}"
    package = make_service(directory / f"source-{version}-{number}")
    build(package, out, version=version, build_number=number)
    sign(out, signer.key, days=days)
    return out
