"""Tenant ids: a keyed hash of an account's name, so that a directory says nothing about who has an account.

Without the key nobody can tell whether a handle is in a directory, not even by trying all handles there are; with it
anybody can, so it is a secret of HQ and the nodes.
"""

import hashlib
import hmac
import re

from noc.placement.errors import BadHandle, BadTenantKey

ID_DIGITS = 32
_PURPOSE = b"noc-tenant\0"
_HANDLE = re.compile(r"[a-z0-9][a-z0-9._@+-]{2,63}")
_ID = re.compile(rf"[0-9a-f]{{{ID_DIGITS}}}")
_KEY = re.compile(r"[0-9a-f]{64}\n?")


def normalised(handle: str) -> str:
    """A handle as the service spells it: in lower case.

    Raises:
        BadHandle: the service would not take it as an account's name.
    """
    name = handle.lower()
    if not _HANDLE.fullmatch(name):
        fix = "3 to 64 letters, digits or . _ @ + -, the first one a letter or a digit"
        raise BadHandle("that cannot be an account's name", fix=fix)
    return name


def tenant_id(key: bytes, handle: str) -> str:
    """The id of the tenant who has that handle: the first 16 bytes of an HMAC-SHA256, in hexadecimal.

    Args:
        key: the tenant key, 32 bytes.
        handle: in whatever case.

    Raises:
        BadHandle: the service would not take it as an account's name.
    """
    digest = hmac.digest(key, _PURPOSE + normalised(handle).encode(), hashlib.sha256)
    return digest.hex()[:ID_DIGITS]


def is_tenant_id(text: str) -> bool:
    """Whether a text is spelt as a tenant id is: 32 lower-case hexadecimal digits."""
    return _ID.fullmatch(text) is not None


def read_key(text: str) -> bytes:
    """The tenant key from its file: 64 hexadecimal digits and a newline.

    Raises:
        BadTenantKey: it is anything else; the error does not repeat it.
    """
    if not _KEY.fullmatch(text):
        raise BadTenantKey("the tenant key is not 32 bytes in hexadecimal", fix="put back the one that HQ had")
    return bytes.fromhex(text)
