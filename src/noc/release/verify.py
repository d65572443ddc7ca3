"""May this release run? Every way to say no is an error of its own."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from noc.release.errors import (
    BadSignature,
    Expired,
    NoSigners,
    NotSigned,
    WrongContent,
    WrongNamespace,
    WrongProduct,
    WrongSigner,
    WrongSize,
)
from noc.release.manifest import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    NAMESPACE,
    PAYLOAD,
    PRODUCT,
    SIGNATURE,
    Manifest,
    parse_manifest,
)
from noc.release.sshkeygen import is_signed_by
from noc.release.sshsig import MAX_SIGNATURE_BYTES, parse_envelope, principal_of

_SIGN_AGAIN = "noc release sign, on the operator's machine"


def verify(directory: Path, signers: Path, *, now: datetime | None = None, name: Path | None = None) -> Manifest:
    """Verify a release: signature, signer, product, expiry, size, content, in this order.

    Args:
        directory: holds `clavitor.pyz`, `manifest.json` and `manifest.json.sig`.
        signers: the trusted signers, an OpenSSH `allowed_signers` file.
        now: the moment to judge the expiry at; the clock's where None.
        name: how messages call the directory, where it is a copy of one that the operator knows.

    Returns:
        The manifest, which may be believed from here on.

    Raises:
        NotSigned, NoSigners, MalformedSignature, WrongNamespace, WrongSigner, BadSignature, MalformedManifest,
        WrongProduct, Expired, WrongSize, WrongContent: what their docstrings say.
    """
    name = name or directory
    manifest = parse_manifest(_authentic_manifest(directory, signers, name))
    _check_claims(manifest, now or datetime.now(UTC))
    _check_payload(directory / PAYLOAD, manifest, name / PAYLOAD)
    return manifest


def require_files(directory: Path) -> None:
    """Raise NotSigned where one of a release's three files is missing."""
    for name in (PAYLOAD, MANIFEST, SIGNATURE):
        if not (directory / name).is_file():
            raise NotSigned(f"{directory} is not a signed release", why=f"{name} is missing", fix=_SIGN_AGAIN)


def _authentic_manifest(directory: Path, signers: Path, name: Path) -> bytes:
    require_files(directory)
    content = _read(directory / MANIFEST, MAX_MANIFEST_BYTES)
    envelope = parse_envelope(_read(directory / SIGNATURE, MAX_SIGNATURE_BYTES), SIGNATURE, _SIGN_AGAIN)
    if envelope.namespace != NAMESPACE:
        raise WrongNamespace(
            f"{name} carries a signature for another purpose",
            why=f"its namespace is {envelope.namespace!r}, not {NAMESPACE!r}",
            fix=_SIGN_AGAIN,
        )
    principal = principal_of(_signers_text(signers), envelope.public_key)
    if principal is None:
        raise WrongSigner(
            f"{name} is signed by a key that is not trusted here",
            why=f"{signers} does not hold it",
            fix="sign with a key of that file; or, if the new key is meant, add its line there",
        )
    _check_signature(directory / SIGNATURE, signers, principal, content, name)
    return content


def _read(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        return file.read(limit + 1)


def _signers_text(signers: Path) -> str:
    try:
        return signers.read_text(errors="replace")
    except OSError as error:
        raise NoSigners(
            f"{signers} cannot be read",
            why=error.strerror or "",
            fix="on the operator's machine: --signers ~/.config/noc/trust/signers; on HQ: noc hub install --trust DIR",
        ) from None


def _check_signature(signature: Path, signers: Path, principal: str, content: bytes, name: Path) -> None:
    if not is_signed_by(content, signature, signers, principal, NAMESPACE):
        raise BadSignature(
            f"the signature of {name} does not fit its manifest",
            why="one of the two was changed, or the signer's key is not valid now",
            fix=_SIGN_AGAIN,
        )


def _check_claims(manifest: Manifest, now: datetime) -> None:
    if manifest.product != PRODUCT:
        raise WrongProduct(f"this is a release of {manifest.product}, not of {PRODUCT}")
    if now >= manifest.expires:
        raise Expired(
            f"release {manifest.version} (build {manifest.build}) is past its last day",
            why=f"its manifest expired at {manifest.expires:%Y-%m-%d %H:%M} UTC",
            fix=_SIGN_AGAIN,
        )


def _check_payload(path: Path, manifest: Manifest, name: Path) -> None:
    size = path.stat().st_size
    again = "copy the release again from where it was signed"
    if size != manifest.size:
        raise WrongSize(f"{name} has {size} bytes", why=f"its manifest says {manifest.size}", fix=again)
    digest = sha256_of(path)
    if digest != manifest.sha256:
        raise WrongContent(
            f"{name} is not the file that was signed", why=f"its hash is {digest}, not {manifest.sha256}", fix=again
        )


def sha256_of(path: Path) -> str:
    """Hex digest of a file's content, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
