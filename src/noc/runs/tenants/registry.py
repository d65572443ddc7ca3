"""The registry: which tenant was placed where, on HQ's disk. Every change is one transaction, and raises the version.

SQLite with a write-ahead log and full synchronisation: what was answered survives a power cut, and of two who place
one tenant at once one decides and the other finds it decided (sqlite.org/lang_transaction.html, IMMEDIATE).
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from noc.placement.directory import Directory
from noc.runs.tenants.errors import RegistryUnusable

BUSY_S = 10.0
MOST_LISTED = 1_000
KEPT_CHANGES = 1_000
"""Changes that are remembered, so that a node that has a directory from before them is sent them alone."""
_COLUMNS = "id, node, residency, at, by"
_TABLES = """
CREATE TABLE IF NOT EXISTS tenants (
    id TEXT PRIMARY KEY CHECK (length(id) = 32),
    node TEXT NOT NULL,
    residency TEXT NOT NULL,
    at INTEGER NOT NULL,
    by TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tenants_node ON tenants (node, at);
CREATE TABLE IF NOT EXISTS directory (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    issued_version INTEGER NOT NULL,
    issued_sha256 TEXT NOT NULL,
    issued_at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS changes (version INTEGER PRIMARY KEY, id TEXT NOT NULL, node TEXT) STRICT;
INSERT OR IGNORE INTO directory VALUES (1, 1, 0, '', 0);
"""


@dataclass(frozen=True)
class Tenant:
    """A tenant as HQ knows them.

    Attributes:
        id: the tenant id, 32 hexadecimal digits.
        node: where they live.
        residency: what was wished, "" for nothing.
        at: when they were placed, Unix seconds.
        by: who placed them.
    """

    id: str
    node: str
    residency: str
    at: int
    by: str


class Issued(NamedTuple):
    """The directory that was made last: its version, the hash of its body, and when (Unix seconds)."""

    version: int
    sha256: str
    at: int

    @classmethod
    def of(cls, directory: Directory) -> Self:
        """What is remembered of a directory."""
        return cls(directory.head.version, directory.head.sha256, directory.head.at)


class Registry:
    """The registry in a file, which is made with the first use. Every method may raise RegistryUnusable."""

    def __init__(self, path: Path) -> None:
        """Use a file; nothing is read before the first use."""
        self._path = path

    def find(self, tenant: str) -> Tenant | None:
        """A tenant by id; None for one who was not placed."""
        with self._open() as database:
            return _find(database, tenant)

    def listed(self, node: str | None = None, after: str = "", limit: int = MOST_LISTED) -> list[Tenant]:
        """Tenants in the order of their ids.

        Args:
            node: those of one node; None for all.
            after: those whose ids come after this one.
            limit: how many at most, up to MOST_LISTED.
        """
        asked = f"SELECT {_COLUMNS} FROM tenants WHERE id > ? AND (? IS NULL OR node = ?) ORDER BY id LIMIT ?"  # noqa: S608
        with self._open() as database:
            rows = database.execute(asked, (after, node, node, max(1, min(limit, MOST_LISTED))))
            return [Tenant(*row) for row in rows]

    def counts(self, since: int = 0) -> dict[str, int]:
        """How many tenants each node has that has any, by name; only those placed since a time (Unix seconds)."""
        asked = "SELECT node, count(*) FROM tenants WHERE at >= ? GROUP BY node"
        with self._open() as database:
            return dict(database.execute(asked, (since,)).fetchall())

    @property
    def version(self) -> int:
        """Of the directory of all tenants as they are now; it rises by one with each change."""
        with self._open() as database:
            return _version(database)

    @property
    def issued(self) -> Issued:
        """The directory that was made last; version 0 for none yet."""
        with self._open() as database:
            return _issued(database)

    def changes(self, since: int, until: int) -> dict[str, str | None] | None:
        """What became of tenants from one version to another: id → node, None for who was forgotten.

        Returns:
            None where that is not remembered.
        """
        asked = "SELECT id, node FROM changes WHERE version > ? AND version <= ? ORDER BY version"
        with self._open() as database:
            rows = database.execute(asked, (since, until)).fetchall()
        return dict(rows) if since > 0 and len(rows) == until - since else None

    def place(self, tenant: str, decide: Callable[[Tenant | None], Tenant]) -> Tenant:
        """Place a tenant; nobody else changes the registry meanwhile.

        Args:
            tenant: the tenant id.
            decide: gets the tenant as they are placed already, None for one who is new; whoever is placed stays as
                they are. What it raises, this raises, and nothing is changed.

        Returns:
            The tenant as they are placed now.
        """
        with self._changing() as database:
            known = _find(database, tenant)
            decided = decide(known)
            if known is not None:
                return known
            values = (decided.id, decided.node, decided.residency, decided.at, decided.by)
            database.execute("INSERT INTO tenants VALUES (?, ?, ?, ?, ?)", values)
            _remember(database, decided.id, decided.node)
            return decided

    def forget(self, tenant: str) -> bool:
        """Forget a tenant. Returns whether they were placed."""
        with self._changing() as database:
            gone = database.execute("DELETE FROM tenants WHERE id = ?", (tenant,)).rowcount == 1
            if gone:
                _remember(database, tenant, None)
        return gone

    def issue(self, make: Callable[[Mapping[str, str], int, int], Directory]) -> Directory:
        """Have a directory of all tenants made, and remember what it was.

        A version has one body for ever: where the same tenants make another one, because the fleet file has its nodes
        in another order, the version rises as with any change. A later head has a later time, whatever the clock says.

        Args:
            make: gets tenant id → node, the version, and the earliest time (Unix seconds) that the head may have; is
                called twice where the version has to rise. What it raises, this raises, and nothing is changed.
        """
        with self._changing() as database:
            placed = dict(database.execute("SELECT id, node FROM tenants").fetchall())
            version, before = _version(database), _issued(database)
            made = make(placed, version, before.at + 1)
            if version == before.version and made.head.sha256 != before.sha256:
                made = make(placed, _raise_version(database), before.at + 1)
            _note(database, Issued.of(made))
        return made

    def take_over(self, directory: Directory, by: str) -> int:
        """Take over a directory that HQ has signed and does not remember: HQ was put back from an older backup.

        Who is not in it was forgotten meanwhile, but for those whom HQ has placed after it was signed.

        Args:
            directory: whose signature was checked before.
            by: who is to have placed those whom the registry does not know.

        Returns:
            How many tenants came, went or were changed; none where the registry knows it, or a later one.
        """
        head = directory.head
        placed = directory.placed
        with self._changing() as database:
            version, before = _version(database), _issued(database)
            if head.version < version or (head.version, head.sha256) == (before.version, before.sha256):
                return 0
            known = {tenant: (node, at) for tenant, node, at in database.execute("SELECT id, node, at FROM tenants")}
            others = {tenant: node for tenant, node in placed.items() if known.get(tenant, ("", 0))[0] != node}
            missing = known.keys() - placed.keys()
            gone = [tenant for tenant in missing if known[tenant][1] <= head.at]
            rows = [(tenant, node, "", head.at, by) for tenant, node in others.items()]
            database.executemany("INSERT OR REPLACE INTO tenants VALUES (?, ?, ?, ?, ?)", rows)
            database.executemany("DELETE FROM tenants WHERE id = ?", [(tenant,) for tenant in gone])
            database.execute("DELETE FROM changes")
            database.execute("UPDATE directory SET version = ?", (head.version + (len(missing) > len(gone)),))
            _note(database, Issued.of(directory))
        return len(others) + len(gone)

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(self._connected()) as database:
                yield database
        except (sqlite3.Error, OSError) as error:
            fix = f"make room, or look at it: df {self._path.parent}; noc explain E792"
            raise RegistryUnusable("the registry of tenants cannot be used", why=str(error), fix=fix) from error

    def _connected(self) -> sqlite3.Connection:
        is_new = not self._path.exists()
        if is_new:
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600))
        database = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
        database.execute("PRAGMA synchronous = FULL")
        if is_new or not database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'directory'").fetchone():
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
        return database


def _find(database: sqlite3.Connection, tenant: str) -> Tenant | None:
    row = database.execute(f"SELECT {_COLUMNS} FROM tenants WHERE id = ?", (tenant,)).fetchone()  # noqa: S608
    return Tenant(*row) if row else None


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("SELECT version FROM directory").fetchone()[0])


def _issued(database: sqlite3.Connection) -> Issued:
    return Issued(*database.execute("SELECT issued_version, issued_sha256, issued_at FROM directory").fetchone())


def _note(database: sqlite3.Connection, issued: Issued) -> None:
    database.execute("UPDATE directory SET issued_version = ?, issued_sha256 = ?, issued_at = ?", issued)


def _remember(database: sqlite3.Connection, tenant: str, node: str | None) -> None:
    """A tenant's change, which raises the version."""
    version = _raise_version(database)
    database.execute("INSERT INTO changes VALUES (?, ?, ?)", (version, tenant, node))
    database.execute("DELETE FROM changes WHERE version <= ?", (version - KEPT_CHANGES,))


def _raise_version(database: sqlite3.Connection) -> int:
    database.execute("UPDATE directory SET version = version + 1")
    return _version(database)
