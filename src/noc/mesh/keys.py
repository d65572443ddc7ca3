"""WireGuard keys: X25519, written in base64 as wg(8) prints them."""

import base64
import binascii

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from noc.mesh.errors import BadKey

KEY_BYTES = 32


def generate() -> tuple[str, str]:
    """Draw a new pair: private and public half. A node's own pair is made on the node, not here."""
    private = X25519PrivateKey.generate()
    return _text(private.private_bytes_raw()), _text(private.public_key().public_bytes_raw())


def public_from_private(private: str) -> str:
    """The public half of a private key, as `wg pubkey` computes it. Raises BadKey; the message holds no key."""
    key = X25519PrivateKey.from_private_bytes(_bytes(private, "the private key"))
    return _text(key.public_key().public_bytes_raw())


def check_public(key: str, owner: str) -> str:
    """A public key that came from elsewhere, without the white space around it.

    Args:
        key: the key as text.
        owner: whose it is, for the message.

    Raises:
        BadKey: it is not 32 bytes in canonical base64, or it is the zero key, which agrees with nobody.
    """
    raw = _bytes(key.strip(), f"the public key of {owner}")
    if not any(raw):
        raise BadKey(f"the public key of {owner} is zero", fix=f"noc rotate wg {owner}")
    return _text(raw)


def _bytes(text: str, what: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != KEY_BYTES or _text(raw) != text:
        raise BadKey(f"{what} is not 44 characters of base64", fix="copy it as wg pubkey prints it")
    return raw


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
