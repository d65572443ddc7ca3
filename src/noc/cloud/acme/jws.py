"""Signed requests of ACME: JSON Web Signature with ES256 (RFC 7515, RFC 7518), and a key's thumbprint (RFC 7638)."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_HALF = 32


def b64(content: bytes) -> str:
    """Base64 for addresses, without padding (RFC 7515, 2)."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def jwk(key: "EllipticCurvePrivateKey") -> dict[str, str]:
    """The public half of a P-256 key as a JSON Web Key."""
    numbers = key.public_key().public_numbers()
    return {
        "crv": "P-256",
        "kty": "EC",
        "x": b64(numbers.x.to_bytes(_HALF, "big")),
        "y": b64(numbers.y.to_bytes(_HALF, "big")),
    }


def thumbprint(key: "EllipticCurvePrivateKey") -> str:
    """The key's thumbprint: the hash of its JSON Web Key in canonical form."""
    return b64(sha256(json.dumps(jwk(key), sort_keys=True, separators=(",", ":")).encode()).digest())


def signed(key: "EllipticCurvePrivateKey", protected: Mapping[str, Any], payload: Mapping[str, Any] | None) -> bytes:
    """A request's body.

    Args:
        key: the account's.
        protected: nonce, address and who signs.
        payload: what is asked; None for a look (POST-as-GET).
    """
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

    head = b64(json.dumps({"alg": "ES256", **protected}).encode())
    body = "" if payload is None else b64(json.dumps(payload).encode())
    r, s = decode_dss_signature(key.sign(f"{head}.{body}".encode(), ECDSA(SHA256())))
    signature = b64(r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big"))
    return json.dumps({"protected": head, "payload": body, "signature": signature}).encode()
