"""Signing, which happens on the operator's machine: no signing key ever lies on HQ."""

import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from noc.release.errors import NotARelease
from noc.release.manifest import MANIFEST, NAMESPACE, PAYLOAD, SIGNATURE, Manifest
from noc.release.sshkeygen import sign_text
from noc.release.verify import sha256_of

RELEASE_RECORD = "clavitor/_release.json"


def sign(target: Path, key: Path, *, days: float = 90, now: datetime | None = None) -> Manifest:
    """Write the manifest of a built release and sign it, both beside the payload.

    Args:
        target: the payload `clavitor.pyz`, or the directory that holds it.
        key: private SSH key of the signer, or the public half of one that an agent or a security key holds.
        days: until the manifest expires.
        now: the moment of signing; the clock's where None.

    Raises:
        NotARelease: there is no payload, or it does not say which version it is.
        SigningFailed: ssh-keygen refused.
    """
    payload = _payload(target)
    manifest = describe(payload, created=now or datetime.now(UTC), days=days)
    signature = sign_text(manifest.to_bytes(), key, NAMESPACE)
    payload.with_name(MANIFEST).write_bytes(manifest.to_bytes())
    payload.with_name(SIGNATURE).write_bytes(signature)
    return manifest


def describe(payload: Path, *, created: datetime, days: float) -> Manifest:
    """The manifest of a payload: hash and size are measured, version and build are what it says inside."""
    created = created.replace(microsecond=0)
    version, build = identity_of(payload)
    return Manifest(
        version=version,
        build=build,
        sha256=sha256_of(payload),
        size=payload.stat().st_size,
        created=created,
        expires=created + timedelta(days=days),
    )


def identity_of(payload: Path) -> tuple[str, int]:
    """Version and build number that a payload carries inside.

    Raises:
        NotARelease: it is no zip file, or was not made by `noc release build`.
    """
    try:
        with zipfile.ZipFile(payload) as archive:
            record = json.loads(archive.read(RELEASE_RECORD))
        return str(record["version"]), int(record["build"])
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise NotARelease(
            f"{payload} does not say which version it is", why=str(error), fix="noc release build makes one that does"
        ) from None


def _payload(target: Path) -> Path:
    payload = target / PAYLOAD if target.is_dir() else target
    if payload.name != PAYLOAD or not payload.is_file():
        raise NotARelease(f"{target} is neither {PAYLOAD} nor a directory that holds it", fix="noc release build")
    return payload
