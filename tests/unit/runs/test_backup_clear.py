"""A backup is put together in memory, and is the database that was backed up, or is refused."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyrage import x25519

from noc.backup.errors import BackupDamaged, WrongIdentity
from noc.backup.manifest import Manifest
from noc.backup.rehearsals import rehearsals
from noc.backup.repository import NodeBackups
from noc.runs.backup.clear import check_memory, put_together
from noc.runs.backup.errors import NoMemory, RehearsalFailed
from noc.runs.backup.rehearse import rehearse
from unit.backup.backup_kit import PAGE, flip, identity_of, keep, make_database, pages, repository


@pytest.fixture
def database(tmp_path: Path) -> bytes:
    return make_database(tmp_path / "node.db")


@pytest.fixture
def backups(tmp_path: Path) -> NodeBackups:
    return repository(tmp_path / "backups").node("virginia")


@pytest.fixture
def manifest(backups: NodeBackups, database: bytes) -> Manifest:
    return keep(backups, pages(database))


def identity(backups: NodeBackups, manifest: Manifest) -> str:
    return identity_of(backups.epoch_of(manifest.epoch))


def test_it_is_the_database_that_was_backed_up(backups: NodeBackups, manifest: Manifest, database: bytes) -> None:
    assert put_together(backups, manifest, identity(backups, manifest)) == database


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_bit_of_any_chunk_that_is_another_is_found(
    backups: NodeBackups, manifest: Manifest, data: st.DataObject
) -> None:
    file = data.draw(st.sampled_from(sorted(backups.directory.glob("chunks/*/*/*.age"))))
    place = data.draw(st.integers(0, file.stat().st_size - 1))
    flip(file, place)
    try:
        with pytest.raises(BackupDamaged):
            put_together(backups, manifest, identity(backups, manifest))
    finally:
        flip(file, place)


def test_a_missing_chunk_is_found(backups: NodeBackups, manifest: Manifest) -> None:
    next(backups.directory.glob("chunks/*/*/*.age")).unlink()
    with pytest.raises(BackupDamaged, match="missing"):
        put_together(backups, manifest, identity(backups, manifest))


def test_another_identity_opens_nothing(backups: NodeBackups, manifest: Manifest) -> None:
    with pytest.raises(WrongIdentity):
        put_together(backups, manifest, str(x25519.Identity.generate()))


def test_a_database_that_sqlite_finds_damaged_is_not_restored(backups: NodeBackups, database: bytes) -> None:
    spoilt = bytearray(database)
    spoilt[2 * PAGE : 3 * PAGE] = bytes(PAGE)
    manifest = keep(backups, pages(bytes(spoilt)))
    with pytest.raises(RehearsalFailed):
        put_together(backups, manifest, identity(backups, manifest))


def test_a_database_with_other_rows_than_the_trial_counted_is_not_restored(
    backups: NodeBackups, tmp_path: Path
) -> None:
    manifest = keep(backups, pages(make_database(tmp_path / "other.db", rows=5)))
    with pytest.raises(RehearsalFailed, match="cannot be restored") as caught:
        put_together(backups, manifest, identity(backups, manifest))
    assert caught.value.why == "it has 2 tables and 6 rows; on the node it had 2 and 7"


def test_a_database_larger_than_the_memory_of_hq_is_refused() -> None:
    with pytest.raises(NoMemory):
        check_memory(1 << 50)


def test_nothing_of_it_is_written_to_a_disk(
    backups: NodeBackups, manifest: Manifest, database: bytes, tmp_path: Path
) -> None:
    (tmp_path / "node.db").unlink()
    before = set(tmp_path.rglob("*"))
    content = put_together(backups, manifest, identity(backups, manifest))
    assert set(tmp_path.rglob("*")) == before
    assert content[:16] == database[:16] == b"SQLite format 3\0"


def test_a_rehearsal_that_goes_well_is_written_down_with_what_was_counted(
    backups: NodeBackups, manifest: Manifest
) -> None:
    done = rehearse(backups, manifest, identity(backups, manifest), "james")
    assert (done.ok, done.tables, done.rows, done.why) == (True, 2, 7, "")
    assert rehearsals(backups.directory) == (done,)


def test_a_rehearsal_that_fails_is_written_down_with_why(backups: NodeBackups, manifest: Manifest) -> None:
    next(backups.directory.glob("chunks/*/*/*.age")).unlink()
    done = rehearse(backups, manifest, identity(backups, manifest), "james")
    assert (done.ok, "missing" in done.why, rehearsals(backups.directory)) == (False, True, (done,))
