"""Sessions: a random token with the client, its hash with us, an end in any case."""

import hashlib
import secrets
import sqlite3
from dataclasses import dataclass

IDLE = 30 * 60.0  # seconds without a request
ABSOLUTE = 12 * 3600.0  # seconds from signing in
NOTE_EVERY = 60.0  # seconds between two notes of use: not every read costs a write
MAX_PER_ACCOUNT = 10
ALIVE = "seen > :seen_after AND created > :created_after"


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is alive; `noted` says that its use was written down a short while ago."""

    token_hash: bytes
    account: int
    noted: bool


def create(connection: sqlite3.Connection, account: int, now: float) -> str:
    """Open a session and return its token; the oldest ones over the limit and the expired end."""
    token = secrets.token_urlsafe(32)
    connection.execute(f"DELETE FROM sessions WHERE NOT ({ALIVE})", _bounds(now))  # noqa: S608
    connection.execute(
        "INSERT INTO sessions (token_hash, account, created, seen) VALUES (?, ?, ?, ?)",
        (hash_token(token), account, now, now),
    )
    connection.execute(
        "DELETE FROM sessions WHERE account = :account AND token_hash NOT IN"
        " (SELECT token_hash FROM sessions WHERE account = :account ORDER BY created DESC LIMIT :most)",
        {"account": account, "most": MAX_PER_ACCOUNT},
    )
    return token


def find(connection: sqlite3.Connection, token: str, now: float) -> Session | None:
    """The living session of a token."""
    row = connection.execute(
        f"SELECT account, seen FROM sessions WHERE token_hash = :hash AND {ALIVE}",  # noqa: S608
        {"hash": hash_token(token), **_bounds(now)},
    ).fetchone()
    return Session(hash_token(token), row[0], now - row[1] < NOTE_EVERY) if row else None


def note(connection: sqlite3.Connection, session: Session, now: float) -> None:
    """Write down that the session is in use."""
    connection.execute("UPDATE sessions SET seen = ? WHERE token_hash = ?", (now, session.token_hash))


def end(connection: sqlite3.Connection, session: Session) -> None:
    """Close the session."""
    connection.execute("DELETE FROM sessions WHERE token_hash = ?", (session.token_hash,))


def replace(connection: sqlite3.Connection, token: str, account: int, now: float) -> str:
    """Open a session in the place of the one that the client held, if it held one, and return the new token."""
    connection.execute("DELETE FROM sessions WHERE token_hash = ?", (hash_token(token),))
    return create(connection, account, now)


def end_all(connection: sqlite3.Connection, account: int) -> None:
    """Close every session of the account."""
    connection.execute("DELETE FROM sessions WHERE account = ?", (account,))


def count(connection: sqlite3.Connection, now: float) -> int:
    """How many sessions are alive."""
    return int(connection.execute(f"SELECT count(*) FROM sessions WHERE {ALIVE}", _bounds(now)).fetchone()[0])  # noqa: S608


def hash_token(token: str) -> bytes:
    """What is stored of a token: a random one of 256 bits needs no salt."""
    return hashlib.sha256(token.encode()).digest()


def _bounds(now: float) -> dict[str, float]:
    return {"seen_after": now - IDLE, "created_after": now - ABSOLUTE}
