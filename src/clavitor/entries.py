"""Entries: ciphertext that clients made, with a version that guards against lost updates."""

import sqlite3
from dataclasses import dataclass

from clavitor.errors import HttpError

MAX_ENTRIES = 1000
MAX_BLOB = 64 * 1024
MIN_BLOB = 12 + 16  # a nonce and a tag around nothing
MAX_TOTAL = 8 * 1024 * 1024
PAGE_BYTES = 256 * 1024  # after which a page of entries ends: answers stay small in memory
COLUMNS = "id, version, blob, updated"


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of one entry; `updated` in seconds since 1970."""

    id: str
    version: int
    blob: bytes
    updated: float


@dataclass(frozen=True, slots=True)
class Change:
    """A new ciphertext for the entry, made by somebody who has seen `version`."""

    id: str
    version: int
    blob: bytes


def create(connection: sqlite3.Connection, account: int, entry: str, blob: bytes, now: float) -> Entry:
    """Store version 1 of a new entry; 409 where the id is taken, 413 where the account is full."""
    _check_room(connection, account, grows=len(blob), new=1)
    stored = connection.execute(
        "INSERT INTO entries (account, id, version, blob, updated) VALUES (?, ?, 1, ?, ?) ON CONFLICT DO NOTHING",
        (account, entry, blob, now),
    )
    if stored.rowcount != 1:
        raise HttpError(409, "an entry with this id exists")
    return Entry(entry, 1, blob, now)


def read(connection: sqlite3.Connection, account: int, entry: str) -> Entry:
    """The entry's current version; 404 where there is none."""
    row = connection.execute(
        f"SELECT {COLUMNS} FROM entries WHERE account = ? AND id = ?",  # noqa: S608
        (account, entry),
    ).fetchone()
    if row is None:
        raise HttpError(404, "no such entry")
    return Entry(*row)


def page(connection: sqlite3.Connection, account: int, after: str, limit: int) -> list[Entry]:
    """Up to `limit` entries whose ids follow `after`, in the order of their ids; fewer where they are large."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM entries WHERE account = ? AND id > ? ORDER BY id LIMIT ?",  # noqa: S608
        (account, after, limit),
    )
    entries: list[Entry] = []
    size = 0
    for entry in (Entry(*row) for row in rows):
        entries.append(entry)
        size += len(entry.blob)
        if size > PAGE_BYTES:
            break
    return entries


def update(connection: sqlite3.Connection, account: int, change: Change, now: float) -> Entry:
    """Store `change.blob` as the version after `change.version`; 412 where the current version is another."""
    current = _expect(connection, account, change.id, change.version)
    _check_room(connection, account, grows=len(change.blob) - len(current.blob), new=0)
    connection.execute(
        "UPDATE entries SET version = ?, blob = ?, updated = ? WHERE account = ? AND id = ?",
        (change.version + 1, change.blob, now, account, change.id),
    )
    return Entry(change.id, change.version + 1, change.blob, now)


def delete(connection: sqlite3.Connection, account: int, entry: str, expected: int) -> None:
    """Delete the entry if its version is still `expected`."""
    _expect(connection, account, entry, expected)
    connection.execute("DELETE FROM entries WHERE account = ? AND id = ?", (account, entry))


def _expect(connection: sqlite3.Connection, account: int, entry: str, expected: int) -> Entry:
    current = read(connection, account, entry)
    if current.version != expected:
        raise HttpError(412, "the entry has changed since it was read")
    return current


def _check_room(connection: sqlite3.Connection, account: int, *, grows: int, new: int) -> None:
    count, size = connection.execute(
        "SELECT count(*), coalesce(sum(length(blob)), 0) FROM entries WHERE account = ?", (account,)
    ).fetchone()
    if count + new > MAX_ENTRIES:
        raise HttpError(413, f"an account holds {MAX_ENTRIES} entries")
    if grows > 0 and size + grows > MAX_TOTAL:
        raise HttpError(413, f"an account holds {MAX_TOTAL // (1024 * 1024)} MiB")
