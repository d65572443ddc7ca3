"""Tenant ids: who has an account, told apart by a keyed hash alone."""

import hashlib
import hmac
import re
from pathlib import Path

from clavitor.errors import DirectoryError

ID_DIGITS = 32
KEY = re.compile(r"[0-9a-f]{64}\n?")
LONGEST_FILE = 128


def tenant_id(key: bytes, name: str) -> str:
    """The id of whoever has that account name: the first 16 bytes of an HMAC-SHA256, in hexadecimal.

    Args:
        key: the fleet's tenant key, 32 bytes.
        name: as `fields.account_name` spells it.
    """
    return hmac.digest(key, b"noc-tenant\0" + name.encode(), hashlib.sha256).hex()[:ID_DIGITS]


def read_key(path: Path) -> bytes:
    """The tenant key from its file: 64 hexadecimal digits and a newline.

    Raises:
        DirectoryError: the file cannot be read, or holds something else, which is not repeated.
    """
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST_FILE).decode("ascii", "replace")
    except OSError as error:
        raise DirectoryError(f"the tenant key {path} cannot be read: {error.strerror}") from error
    if not KEY.fullmatch(text):
        raise DirectoryError(f"the tenant key {path} is not 32 bytes in hexadecimal")
    return bytes.fromhex(text)
