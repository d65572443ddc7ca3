"""Old backups go, with the chunks and epochs that nobody else needs; never what a backup that stays is made of."""

import os
import zlib
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from noc.backup.keys import chunk_name
from noc.backup.repository import NodeBackups
from noc.fleet.backing import Backup
from unit.backup.backup_kit import NOW, PARTS, RECIPIENTS, flip, identity_of, keep, repository

ONE = Backup(hourly=0, daily=0, weekly=0)
LATER = NOW + timedelta(days=30)


@pytest.fixture
def backups(tmp_path: Path) -> NodeBackups:
    return repository(tmp_path / "backups").node("kigali")


def age(backups: NodeBackups, by: timedelta = timedelta(days=3), until: datetime = LATER) -> None:
    """Let all files be as old as that at a time."""
    then = (until - by).timestamp()
    for path in backups.directory.rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


def chunk_files(backups: NodeBackups) -> set[str]:
    return {path.stem for path in backups.directory.glob("chunks/*/*/*.age")}


def test_what_goes_takes_its_own_chunks_along_and_no_shared_ones(backups: NodeBackups) -> None:
    keep(backups)
    second = keep(backups, (*PARTS[:2], b"new" * 500), NOW + timedelta(days=1))
    age(backups)
    gone = backups.prune(ONE, LATER)
    assert (gone.backups, gone.chunks) == ((f"{NOW:%Y%m%dT%H%M%SZ}",), 1)
    assert chunk_files(backups) == second.names
    assert backups.verify(second) == ()


def test_what_stays_can_still_be_read(backups: NodeBackups) -> None:
    keep(backups)
    second = keep(backups, (*PARTS, b"new" * 500), NOW + timedelta(days=1))
    age(backups)
    backups.prune(ONE, LATER)
    whole = b"".join(backups.read(second, identity_of(backups.epoch_of(second.epoch))))
    assert whole == b"".join((*PARTS, b"new" * 500))


def test_what_a_cut_backup_brought_stays_for_two_days_and_then_goes(backups: NodeBackups) -> None:
    keep(backups)
    epoch = backups.epoch(RECIPIENTS, NOW)
    name = chunk_name(backups.names_key(epoch), b"left")
    backups.keep(epoch, name, zlib.compress(b"left"))
    age(backups, timedelta(days=1))
    assert backups.prune(ONE, LATER).chunks == 0
    age(backups, timedelta(days=3))
    assert backups.prune(ONE, LATER).chunks == 1
    assert name not in chunk_files(backups)


def test_an_epoch_without_backups_goes_with_its_chunks(backups: NodeBackups) -> None:
    first = keep(backups)
    backups.begin(RECIPIENTS, NOW + timedelta(days=1))
    second = keep(backups, at=NOW + timedelta(days=1))
    age(backups)
    assert backups.prune(ONE, LATER).epochs == (first.epoch,)
    assert {path.name for path in (backups.directory / "chunks").iterdir()} == {second.epoch}
    assert backups.verify(second) == ()


def test_an_epoch_that_was_just_begun_stays(backups: NodeBackups) -> None:
    keep(backups)
    begun = backups.begin(RECIPIENTS, NOW + timedelta(days=1))
    age(backups, timedelta(hours=1))
    backups.prune(ONE, LATER)
    assert backups.epoch(RECIPIENTS).id == begun.id


def test_while_a_manifest_is_damaged_no_chunk_goes(backups: NodeBackups) -> None:
    first, second = keep(backups), keep(backups, PARTS[:2], NOW + timedelta(days=1))
    flip(backups.directory / f"{first.name}.json")
    age(backups)
    assert backups.prune(ONE, LATER).chunks == 0
    assert chunk_files(backups) == first.names | second.names


def test_a_second_prune_finds_nothing(backups: NodeBackups) -> None:
    keep(backups)
    keep(backups, PARTS[:2], NOW + timedelta(days=1))
    age(backups)
    backups.prune(ONE, LATER)
    gone = backups.prune(ONE, LATER)
    assert (gone.backups, gone.chunks, gone.epochs, gone.bytes) == ((), 0, (), 0)
