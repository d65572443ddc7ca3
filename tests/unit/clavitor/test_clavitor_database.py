"""The database: migrations, durable writes, copies."""

import json
import sqlite3
import stat
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from clavitor.backup import backup
from clavitor.database import Database, connect, prepare
from clavitor.errors import ServiceError
from clavitor.fields import encode
from clavitor.schema import ACCEPTED_AHEAD, MIGRATIONS
from clavitor_service import KEY, LOCKS, Service


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "vault.db"
    prepare(path)
    return path


def set_version(path: Path, version: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")


def test_a_new_database_has_the_schema_and_belongs_to_its_owner(path: Path) -> None:
    with closing(connect(path)) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    assert (version, stat.S_IMODE(path.stat().st_mode)) == (len(MIGRATIONS), 0o600)


def test_the_log_shrinks_again_after_a_long_reader(path: Path) -> None:
    with closing(connect(path)) as reader, closing(connect(path)) as writer:
        writer.execute("CREATE TABLE much (x)")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM much").fetchone()
        for _ in range(20):
            writer.execute("INSERT INTO much VALUES (zeroblob(1000000))")
        reader.execute("ROLLBACK")
        for _ in range(3):
            writer.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
            writer.execute("INSERT INTO much VALUES (1)")
        assert path.with_name("vault.db-wal").stat().st_size <= 16 * 1024 * 1024


async def test_a_look_sees_one_moment_whatever_is_written_meanwhile(path: Path) -> None:
    def look(reader: sqlite3.Connection) -> list[int]:
        seen = [reader.execute("SELECT count(*) FROM invitations").fetchone()[0]]
        with closing(connect(path)) as writer:
            writer.execute("INSERT INTO invitations VALUES (x'00', 1)")
        return [*seen, reader.execute("SELECT count(*) FROM invitations").fetchone()[0]]

    with closing(Database(path)) as database:
        assert await database.read(look) == [0, 0]


def test_preparing_again_changes_nothing(path: Path) -> None:
    with closing(connect(path)) as connection:
        secret = connection.execute("SELECT secret FROM node").fetchone()
    prepare(path)
    with closing(connect(path)) as connection:
        assert connection.execute("SELECT secret FROM node").fetchone() == secret


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "vault.db"
    prepare(path)
    broken = (*MIGRATIONS, "CREATE TABLE half (x); CREATE TABLE half (x);")
    monkeypatch.setattr("clavitor.schema.MIGRATIONS", broken)
    with pytest.raises(ServiceError, match="cannot prepare"):
        prepare(path)
    with closing(connect(path)) as connection:
        assert connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'half'").fetchone() is None


def test_the_database_of_the_next_release_is_served_after_a_rollback(path: Path) -> None:
    set_version(path, len(MIGRATIONS) + ACCEPTED_AHEAD)
    prepare(path)


def test_a_database_from_the_far_future_is_refused(path: Path) -> None:
    set_version(path, len(MIGRATIONS) + ACCEPTED_AHEAD + 1)
    with pytest.raises(ServiceError, match="newer release"):
        prepare(path)


def test_commits_wait_for_the_disk(path: Path) -> None:
    with closing(connect(path)) as connection:
        durability = connection.execute("PRAGMA synchronous").fetchone()[0]
        journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
    assert (durability, journal) == (2, "wal")


async def test_a_transaction_that_raises_leaves_no_trace(path: Path) -> None:
    def half(db: sqlite3.Connection) -> None:
        db.execute("UPDATE node SET probed = 42")
        raise ValueError

    with closing(Database(path)) as database:
        with pytest.raises(ValueError):  # noqa: PT011
            await database.write(half)
        probed = await database.read(lambda db: db.execute("SELECT probed FROM node").fetchone()[0])
    assert probed == 0


async def test_a_reader_cannot_write(path: Path) -> None:
    with closing(Database(path)) as database, pytest.raises(sqlite3.OperationalError, match="readonly"):
        await database.read(lambda db: db.execute("UPDATE node SET probed = 1"))


def test_what_was_acknowledged_survives_a_kill(service: Service) -> None:
    service.start()
    service.wait_healthy()
    document = {"invitation": service.command("invite").stdout.split()[0], "name": "johan", "authentication_key": KEY}
    _, _, answer = service.request("POST", "/api/v1/account", {**document, **LOCKS, "bearer": True})
    token = {"authorization": f"Bearer {json.loads(answer)['token']}"}
    acknowledged = set()
    for round_number in range(3):
        for _ in range(10 + round_number):
            entry = {"id": str(uuid.uuid4()), "blob": encode(b"x" * 500)}
            if service.request("POST", "/api/v1/entries", entry, token)[0] == 201:
                acknowledged.add(entry["id"])
        service.kill()
        service.start()
        service.wait_healthy()
    entries = json.loads(service.request("GET", "/api/v1/entries", None, token)[2])["entries"]
    assert {entry["id"] for entry in entries} == acknowledged
    assert len(acknowledged) == 33


def test_a_backup_taken_while_serving_holds_what_was_written(service: Service, tmp_path: Path) -> None:
    service.start()
    service.wait_healthy()
    service.command("invite")
    copy = tmp_path / "copy.db"
    assert service.command("backup", str(copy)).returncode == 0
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM invitations").fetchone() == (1,)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.glob("copy.db*")] == ["copy.db"]


def test_a_backup_never_overwrites(path: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("precious")
    with pytest.raises(ServiceError, match="exists already"):
        backup(path, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "precious"


def test_a_failed_backup_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "vault.db").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(ServiceError):
        backup(tmp_path / "vault.db", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
