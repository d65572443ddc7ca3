"""Sign-up codes: each opens one account, once, for a few days."""

import base64
import hashlib
import secrets
import sqlite3

CODE_BYTES = 15  # 120 bits, 24 characters of base32
GROUP = 4
DAY = 86400.0


def create(connection: sqlite3.Connection, now: float, days: float) -> str:
    """Store a new invitation, hashed, and return the code that only its receiver will know."""
    text = base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode("ascii")
    code = "-".join(text[start : start + GROUP] for start in range(0, len(text), GROUP))
    connection.execute("DELETE FROM invitations WHERE expires <= ?", (now,))
    connection.execute("INSERT INTO invitations (code_hash, expires) VALUES (?, ?)", (_hash(code), now + days * DAY))
    return code


def is_open(connection: sqlite3.Connection, code: str, now: float) -> bool:
    """Whether the code would be taken."""
    row = connection.execute("SELECT 1 FROM invitations WHERE code_hash = ? AND expires > ?", (_hash(code), now))
    return row.fetchone() is not None


def redeem(connection: sqlite3.Connection, code: str, now: float) -> bool:
    """Use the code up; False where it is unknown, used or expired."""
    return (
        connection.execute("DELETE FROM invitations WHERE code_hash = ? AND expires > ?", (_hash(code), now)).rowcount
        == 1
    )


def _hash(code: str) -> bytes:
    """Case, spaces and hyphens are how people copy a code, not part of it."""
    return hashlib.sha256("".join(filter(str.isalnum, code.upper())).encode()).digest()
