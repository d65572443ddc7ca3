"""Keys of one node and epoch, drawn from HQ's key of backups: one names chunks, one protects what HQ writes down."""

import hashlib
import hmac
from typing import Any, Final, Literal

import orjson

from noc.backup.errors import BadKey

KEY_BYTES: Final = 32
_CHUNK, _WHOLE = b"noc chunk", b"noc whole"

Purpose = Literal["names", "records"]


def read_key(text: bytes) -> bytes:
    """HQ's key of backups from its credential: 64 hexadecimal digits.

    Raises:
        BadKey: it is something else.
    """
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        fix = "put the one back that the backups were made with: noc hub restore; noc hub install makes a first one"
        raise BadKey("HQ's backup_key cannot be used", why="it is not 64 hexadecimal digits", fix=fix)
    return key


def derive(key: bytes, purpose: Purpose, node: str, epoch: str) -> bytes:
    """A key of 32 bytes for one purpose, node and epoch: HMAC-SHA256 under HQ's key. No part can hold a NUL."""
    return hmac.digest(key, f"noc-backup\0{purpose}\0{node}\0{epoch}".encode(), "sha256")


def chunk_name(key: bytes, content: bytes) -> str:
    """A chunk's name: keyed BLAKE2b-256 (RFC 7693) of its clear content, 64 hexadecimal digits.

    Without the key nobody can tell from names whether a page that they know is in a backup.
    """
    return hashlib.blake2b(content, digest_size=32, key=key, person=_CHUNK).hexdigest()


class Whole:
    """The keyed hash of a whole database, fed chunk by chunk."""

    def __init__(self, key: bytes) -> None:
        """Begin with nothing; `key` is the one of names."""
        self._hash = hashlib.blake2b(digest_size=32, key=key, person=_WHOLE)

    def feed(self, content: bytes) -> None:
        """Take the next bytes."""
        self._hash.update(content)

    @property
    def hex(self) -> str:
        """Of what was fed so far, 64 hexadecimal digits."""
        return self._hash.hexdigest()


def mac(key: bytes, record: dict[str, Any]) -> str:
    """HMAC-SHA256 of a record as canonical JSON (keys sorted, no blanks), its own `mac` left out; hexadecimal."""
    content = {name: value for name, value in record.items() if name != "mac"}
    return hmac.digest(key, orjson.dumps(content, option=orjson.OPT_SORT_KEYS), "sha256").hex()


def is_whole(key: bytes, record: dict[str, Any]) -> bool:
    """Whether a record is as it was written under this key."""
    return hmac.compare_digest(mac(key, record), str(record.get("mac")))
