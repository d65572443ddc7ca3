"""Accounts: what a client's password was turned into, and nothing that leads back to it."""

import hashlib
import hmac
import sqlite3
from dataclasses import dataclass

SALT_BYTES = 16
KEY_BYTES = 32
WRAPPED_KEY_BYTES = 12 + 32 + 16  # nonce, key, tag
DEFAULT_ITERATIONS = 600_000  # of clients' PBKDF2; what an unknown name is answered with


@dataclass(frozen=True, slots=True)
class Locks:
    """The client's derivation parameters and its vault key, wrapped under a key that never leaves the client."""

    salt: bytes
    iterations: int
    wrapped_key: bytes


@dataclass(frozen=True, slots=True)
class Verifier:
    """scrypt of the client's authentication key, and the salt that went in."""

    salt: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Account:
    """One account."""

    id: int
    name: str
    locks: Locks
    verifier: Verifier


def create(connection: sqlite3.Connection, name: str, locks: Locks, verifier: Verifier, now: float) -> int | None:
    """Store a new account and return its id; None where the name is taken."""
    row = connection.execute(
        "INSERT INTO accounts (name, salt, iterations, wrapped_key, verifier_salt, verifier, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING RETURNING id",
        (name, locks.salt, locks.iterations, locks.wrapped_key, verifier.salt, verifier.hash, now),
    ).fetchone()
    return int(row[0]) if row else None


def by_name(connection: sqlite3.Connection, name: str) -> Account | None:
    """The account of a name."""
    return _find(connection, "name", name)


def by_id(connection: sqlite3.Connection, account: int) -> Account | None:
    """The account of an id."""
    return _find(connection, "id", account)


def replace_locks(connection: sqlite3.Connection, account: int, locks: Locks, verifier: Verifier) -> None:
    """Give the account a new password's locks and verifier."""
    connection.execute(
        "UPDATE accounts SET salt = ?, iterations = ?, wrapped_key = ?, verifier_salt = ?, verifier = ? WHERE id = ?",
        (locks.salt, locks.iterations, locks.wrapped_key, verifier.salt, verifier.hash, account),
    )


def delete(connection: sqlite3.Connection, account: int) -> None:
    """Delete the account with its sessions and entries; freed pages are overwritten."""
    connection.execute("DELETE FROM accounts WHERE id = ?", (account,))


def derivation(connection: sqlite3.Connection, name: str) -> tuple[bytes, int]:
    """Salt and iterations of a name; an unknown one has some as well, always the same: nobody learns who lives here."""
    secret = connection.execute("SELECT secret FROM node").fetchone()[0]
    decoy = hmac.digest(secret, b"salt\0" + name.encode(), hashlib.sha256)[:SALT_BYTES]
    account = by_name(connection, name)
    return (account.locks.salt, account.locks.iterations) if account else (decoy, DEFAULT_ITERATIONS)


def _find(connection: sqlite3.Connection, column: str, value: str | int) -> Account | None:
    row = connection.execute(
        f"SELECT id, name, salt, iterations, wrapped_key, verifier_salt, verifier FROM accounts WHERE {column} = ?",  # noqa: S608 - one of two words of ours
        (value,),
    ).fetchone()
    return Account(row[0], row[1], Locks(row[2], row[3], row[4]), Verifier(row[5], row[6])) if row else None
