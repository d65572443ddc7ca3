"""The watch's database on its way to another noc: tried on a copy, and put back without losing a push."""

import os
import pwd
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

import noc
from noc.hub.errors import MigrationFailed
from noc.hub.watchdata import put_back, try_migration
from noc.watch.errors import CannotMigrate
from noc.watch.store.database import Store
from noc.watch.store.migration import copy_of, keep_copy, migrate_apart
from noc.watch.store.records import Beat

ME = pwd.getpwuid(os.geteuid()).pw_name
REVISION = """
from alembic import op
revision, down_revision = "0003", "0002"
def upgrade():
    op.execute("{statement}")
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with three pushes."""
    path = tmp_path / "watch" / "watch.db"
    path.parent.mkdir()
    push(path, "a", 3)
    return path


def push(path: Path, boot: str, count: int) -> None:
    store = Store(path)
    store.write([Beat("frankfurt", 1_000 * seq, boot=boot, seq=seq) for seq in range(count)])
    store.close()


def rows(path: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT boot, seq FROM heartbeats ORDER BY id").fetchall()


def newer(tmp_path: Path, statement: str) -> Path:
    """A Python whose noc has one more revision: this one with a changed copy of the package before its own."""
    package = tmp_path / "newer" / "noc"
    shutil.copytree(Path(noc.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    schema = package / "watch" / "store" / "schema.py"
    schema.write_text(schema.read_text().replace('HEAD = "0002"', 'HEAD = "0003"'))
    revision = REVISION.format(statement=statement)
    (package / "watch" / "store" / "migrations" / "versions" / "0003_next.py").write_text(revision)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={package.parent} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return python


def test_a_migration_that_works_is_tried_on_a_copy_and_leaves_the_database_alone(
    tmp_path: Path, database: Path
) -> None:
    before = database.read_bytes()
    try_migration(newer(tmp_path, "ALTER TABLE heartbeats ADD COLUMN more TEXT"), database)
    assert database.read_bytes() == before
    assert [path.name for path in database.parent.parent.glob(".noc-upgrade-*")] == []


def test_a_migration_that_fails_is_told_in_its_own_words(tmp_path: Path, database: Path) -> None:
    with pytest.raises(MigrationFailed) as caught:
        try_migration(newer(tmp_path, "ALTER TABLE nowhere ADD COLUMN more TEXT"), database)
    assert "nowhere" in caught.value.why


def test_a_migration_that_loses_rows_is_refused(tmp_path: Path, database: Path) -> None:
    with pytest.raises(MigrationFailed, match="loses rows of heartbeats"):
        try_migration(newer(tmp_path, "DELETE FROM heartbeats WHERE seq = 1"), database)


def test_a_database_that_is_not_there_yet_needs_no_trial(tmp_path: Path) -> None:
    try_migration(Path("/nowhere/python"), tmp_path / "watch.db")


def test_what_was_there_before_comes_back_with_the_pushes_that_were_stored_since(database: Path) -> None:
    keep_copy(database)
    push(database, "b", 2)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ALTER TABLE heartbeats ADD COLUMN more TEXT")
        connection.execute("UPDATE alembic_version SET version_num = '0003'")
        connection.commit()
    assert put_back(database, owner=ME) == 2
    assert rows(database) == [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1)]
    push(database, "c", 1)  # the older noc goes on with it
    assert rows(database)[-1] == ("c", 0)


def test_pushes_that_a_killed_watch_left_in_its_log_are_kept(database: Path) -> None:
    keep_copy(database)
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute(
            "INSERT INTO heartbeats (node, at, up, msg, boot, seq, warn) VALUES ('frankfurt', 9, 1, 'OK', 'b', 7, '')"
        )
        writer.commit()
        for name in ("watch.db", "watch.db-wal"):
            shutil.copy(database.with_name(name), database.with_name(f"kept-{name}"))
    for name in ("watch.db", "watch.db-wal"):
        database.with_name(f"kept-{name}").replace(database.with_name(name))
    assert put_back(database, owner=ME) == 1
    assert rows(database)[-1] == ("b", 7)
    assert sorted(path.name for path in database.parent.iterdir()) == ["watch.db", "watch.db.before"]


def test_a_copy_stays_beside_a_database_that_is_migrated(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.commit()
    with pytest.raises(CannotMigrate):  # its tables are those of 0002 already
        migrate_apart(database)
    assert rows(copy_of(database)) == rows(database)


def test_a_database_that_needs_no_migration_is_not_copied(database: Path) -> None:
    migrate_apart(database)
    assert not copy_of(database).exists()
