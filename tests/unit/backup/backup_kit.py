"""A repository with backups in it, made of bytes that need no database."""

import sqlite3
import zlib
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from pyrage import decrypt, x25519

from noc.backup.epoch import Epoch
from noc.backup.keys import Whole, chunk_name
from noc.backup.manifest import Manifest, Trial
from noc.backup.repository import NodeBackups, Repository
from noc.runs.paths import Paths

KEY = bytes(range(32))
PAGE = 4096
NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
OPERATOR = x25519.Identity.generate()
RECIPIENTS = (str(OPERATOR.to_public()),)
PARTS = (b"first" * 1000, b"second" * 2000, b"first" * 1000, b"third" * 3000)


def repository(root: Path) -> Repository:
    return Repository(root, KEY)


def give_key(paths: Paths) -> None:
    """HQ's key of backups, as systemd hands it to the runner."""
    path = paths.credentials / "backup_key"
    path.touch(mode=0o600)
    path.write_text(f"{KEY.hex()}\n")


def keep(backups: NodeBackups, parts: Sequence[bytes] = PARTS, at: datetime = NOW) -> Manifest:
    """Back up, as a run does."""
    epoch = backups.epoch(RECIPIENTS, at)
    draft = manifest_of(backups, epoch, parts, at)
    contents = {chunk_name(backups.names_key(epoch), part): part for part in parts}
    added = sum(backups.keep(epoch, name, zlib.compress(contents[name])) for name in backups.missing(epoch, contents))
    return backups.commit(draft.model_copy(update={"added": added}))


def manifest_of(backups: NodeBackups, epoch: Epoch, parts: Sequence[bytes], at: datetime) -> Manifest:
    key = backups.names_key(epoch)
    whole = Whole(key)
    for part in parts:
        whole.feed(part)
    return Manifest(
        node=backups.name,
        at=at,
        epoch=epoch.id,
        release=None,
        schema_version=1,
        bytes=sum(map(len, parts)),
        page_size=4096,
        chunks=tuple((chunk_name(key, part), len(part)) for part in parts),
        whole=whole.hex,
        trial=Trial(tables=2, rows=7),
    )


def identity_of(epoch: Epoch) -> str:
    """The epoch's identity, opened as an operator opens it."""
    opened: bytes = decrypt(epoch.sealed_key, [OPERATOR])
    return opened.decode()


def make_database(path: Path, rows: int = 6) -> bytes:
    """A database of two tables and `rows` + 1 rows with a write-ahead log; with 6 as the trial says."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE entries (value TEXT)")
        database.execute("CREATE TABLE node (id INTEGER)")
        database.executemany("INSERT INTO entries VALUES (?)", [(f"{number}" * 3000,) for number in range(rows)])
        database.execute("INSERT INTO node VALUES (1)")
        database.execute("PRAGMA user_version = 1")
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.read_bytes()


def pages(content: bytes) -> list[bytes]:
    """A database in parts of a page each."""
    return [content[start : start + PAGE] for start in range(0, len(content), PAGE)]


def flip(path: Path, place: int = -20) -> None:
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
