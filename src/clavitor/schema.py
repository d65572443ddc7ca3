"""The database's shape, as numbered migrations.

A migration only adds: the release before it must run on the result, because a deployment may be turned back. So a
database one version ahead is accepted, and anything further ahead refused.
"""

import sqlite3

from clavitor.errors import ServiceError

MIGRATIONS = (
    """
    CREATE TABLE node (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        secret BLOB NOT NULL,
        probed REAL NOT NULL DEFAULT 0
    ) STRICT;
    INSERT INTO node (id, secret) VALUES (1, randomblob(32));
    CREATE TABLE invitations (
        code_hash BLOB PRIMARY KEY,
        expires REAL NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE accounts (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        salt BLOB NOT NULL,
        iterations INTEGER NOT NULL,
        wrapped_key BLOB NOT NULL,
        verifier_salt BLOB NOT NULL,
        verifier BLOB NOT NULL,
        created REAL NOT NULL
    ) STRICT;
    CREATE TABLE sessions (
        token_hash BLOB PRIMARY KEY,
        account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        created REAL NOT NULL,
        seen REAL NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sessions_account ON sessions (account, created);
    CREATE TABLE entries (
        account INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        blob BLOB NOT NULL,
        updated REAL NOT NULL,
        PRIMARY KEY (account, id)
    ) STRICT;
    """,
)
ACCEPTED_AHEAD = 1


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to this release's version, each step in a transaction of its own.

    Raises:
        ServiceError: the database comes from a release too far ahead of this one.
    """
    known = len(MIGRATIONS)
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > known + ACCEPTED_AHEAD:
        raise ServiceError(
            f"the database has schema {version}, this release knows {known}: start a newer release, or restore a backup"
        )
    for number in range(version, known):
        connection.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[number]} PRAGMA user_version = {number + 1}; COMMIT;")
