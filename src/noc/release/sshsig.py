"""What an OpenSSH signature says of itself, before anything is checked.

The format is OpenSSH's PROTOCOL.sshsig: an armoured blob of the magic, a version, the public key, the namespace, a
reserved string, the hash's name and the signature, strings with a 32-bit length in front. It is read here only to name
the cause of a refusal; whether a signature is good is for `ssh-keygen -Y verify` to say.
"""

import base64
from dataclasses import dataclass

from noc.release.errors import MalformedSignature

_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_MAGIC, _VERSION = b"SSHSIG", b"\0\0\0\1"
MAX_SIGNATURE_BYTES = 16 * 1024


@dataclass(frozen=True)
class Envelope:
    """The claims of a signature: the public key as OpenSSH writes it (base64), and the namespace."""

    public_key: str
    namespace: str


def parse_envelope(armoured: bytes, name: str, again: str) -> Envelope:
    """Read the claims of a signature file.

    Args:
        armoured: the file's bytes.
        name: how messages call it.
        again: how it is made anew, as messages say it.

    Raises:
        MalformedSignature: they are not an SSH signature of version 1.
    """
    try:
        return _claims(_blob(armoured))
    except ValueError as error:
        raise MalformedSignature(f"{name} is no SSH signature", why=str(error), fix=again) from None


def _blob(armoured: bytes) -> bytes:
    if len(armoured) > MAX_SIGNATURE_BYTES:
        raise ValueError("it is larger than any signature")
    text = " ".join(armoured.decode("ascii").split())
    if not (text.startswith(_BEGIN) and text.endswith(_END)):
        raise ValueError("the armour is missing")
    return base64.b64decode(text.removeprefix(_BEGIN).removesuffix(_END).replace(" ", ""), validate=True)


def _claims(blob: bytes) -> Envelope:
    if not blob.startswith(_MAGIC + _VERSION):
        raise ValueError("it is not of version 1")
    key, rest = _string(blob[len(_MAGIC + _VERSION) :])
    namespace, _ = _string(rest)
    return Envelope(base64.b64encode(key).decode(), namespace.decode())


def _string(data: bytes) -> tuple[bytes, bytes]:
    """Split the first length-prefixed string off."""
    end = 4 + int.from_bytes(data[:4], "big")
    if len(data) < 4 or len(data) < end:
        raise ValueError("it is cut off")
    return data[4:end], data[end:]


def principal_of(signers: str, public_key: str) -> str | None:
    """The principal that an `allowed_signers` file gives to a key, or None where the key is not in it.

    Args:
        signers: the file's text, as `ssh-keygen(1)` describes it under ALLOWED SIGNERS.
        public_key: base64 of the key.
    """
    for line in signers.splitlines():
        fields = line.split()
        if fields and not fields[0].startswith("#") and public_key in fields[1:]:
            return fields[0].split(",")[0]
    return None


def has_keys(signers: str) -> bool:
    """Whether an `allowed_signers` file trusts anybody."""
    return any(line.strip() and not line.lstrip().startswith("#") for line in signers.splitlines())
