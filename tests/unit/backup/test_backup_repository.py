"""Backups on HQ's disk: what was kept can be read, what was changed is found out, what is not whole is not listed."""

import stat
import zlib
from datetime import timedelta
from pathlib import Path

import pytest
from pyrage import x25519

from noc.backup import files
from noc.backup.epoch import read_recipients
from noc.backup.errors import (
    BackupDamaged,
    BackupError,
    BadKey,
    ChunkRefused,
    NoBackup,
    NoRecipients,
    NoRoom,
    WrongIdentity,
)
from noc.backup.keys import chunk_name, read_key
from noc.backup.manifest import MAX_CHUNK_BYTES, Manifest
from noc.backup.repository import NodeBackups, Repository
from unit.backup.backup_kit import (
    KEY,
    NOW,
    OPERATOR,
    PARTS,
    RECIPIENTS,
    flip,
    identity_of,
    keep,
    manifest_of,
    repository,
)

WHOLE = b"".join(PARTS)


@pytest.fixture
def backups(tmp_path: Path) -> NodeBackups:
    return repository(tmp_path / "backups").node("kigali")


def chunk_file(backups: NodeBackups, manifest: Manifest, number: int = 0) -> Path:
    name = manifest.chunks[number][0]
    return next(backups.directory.glob(f"chunks/*/*/{name}.age"))


def test_what_was_kept_is_read_back(backups: NodeBackups) -> None:
    manifest = keep(backups)
    identity = identity_of(backups.epoch_of(manifest.epoch))
    assert b"".join(backups.read(manifest, identity)) == WHOLE


def test_a_second_backup_adds_only_what_is_new(backups: NodeBackups) -> None:
    keep(backups)
    files_before = set(backups.directory.glob("chunks/*/*/*"))
    second = keep(backups, (*PARTS, b"fourth" * 100), NOW + timedelta(days=1))
    new = set(backups.directory.glob("chunks/*/*/*")) - files_before
    assert [path.stem for path in new] == [second.chunks[-1][0]]
    assert second.added == new.pop().stat().st_size


def test_hq_keeps_nothing_that_opens_a_chunk(backups: NodeBackups) -> None:
    keep(backups)
    text = b"".join(path.read_bytes() for path in backups.directory.rglob("*") if path.is_file())
    assert b"AGE-SECRET-KEY" not in text
    assert b"first" not in text


def test_nobody_else_may_look(backups: NodeBackups) -> None:
    keep(backups)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in backups.directory.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in backups.directory.rglob("*") if path.is_dir()} == {0o700}


def test_names_tell_nobody_what_a_chunk_holds(tmp_path: Path) -> None:
    one = keep(Repository(tmp_path / "one", KEY).node("kigali"))
    other = keep(Repository(tmp_path / "other", KEY).node("kigali"))
    assert not one.names & other.names  # each epoch has its own key


def test_a_whole_backup_verifies(backups: NodeBackups) -> None:
    assert backups.verify(keep(backups)) == ()


def test_one_flipped_bit_of_a_chunk_is_found_without_an_identity(backups: NodeBackups) -> None:
    manifest = keep(backups)
    flip(chunk_file(backups, manifest, 1))
    assert backups.verify(manifest) == (f"chunk {manifest.chunks[1][0][:12]} is damaged",)


def test_one_flipped_bit_of_a_chunk_is_found_when_it_is_opened(backups: NodeBackups) -> None:
    manifest = keep(backups)
    flip(chunk_file(backups, manifest, 1))
    with pytest.raises(BackupDamaged, match=manifest.chunks[1][0][:12]):
        list(backups.read(manifest, identity_of(backups.epoch_of(manifest.epoch))))


def test_a_missing_chunk_is_found(backups: NodeBackups) -> None:
    manifest = keep(backups)
    chunk_file(backups, manifest, 3).unlink()
    assert backups.verify(manifest) == (f"chunk {manifest.chunks[3][0][:12]} is missing",)


@pytest.mark.parametrize("place", range(3, 1200, 61))
def test_one_flipped_bit_of_a_manifest_takes_it_off_the_list(backups: NodeBackups, place: int) -> None:
    manifest = keep(backups)
    flip(backups.directory / f"{manifest.name}.json", place)
    assert backups.manifests() == ()
    assert list(backups.damaged()) == [manifest.name]
    with pytest.raises(BackupDamaged):
        backups.newest()


def test_a_damaged_manifest_hides_no_other(backups: NodeBackups) -> None:
    first, second = keep(backups), keep(backups, at=NOW + timedelta(hours=1))
    flip(backups.directory / f"{second.name}.json")
    assert [each.name for each in backups.manifests()] == [first.name]


def test_a_manifest_under_another_name_is_none(backups: NodeBackups) -> None:
    manifest = keep(backups)
    path = backups.directory / f"{manifest.name}.json"
    path.rename(path.with_stem("20271126T030000Z"))
    assert backups.manifests() == ()


@pytest.mark.parametrize("place", range(3, 600, 37))
def test_one_flipped_bit_of_an_epoch_is_found(backups: NodeBackups, place: int) -> None:
    manifest = keep(backups)
    path = next((backups.directory / "epochs").iterdir())
    flip(path, place)
    assert backups.verify(manifest) == (f"{path} is damaged",)


def test_after_damage_to_its_epoch_the_next_backup_begins_a_new_one(backups: NodeBackups) -> None:
    keep(backups)
    flip(next((backups.directory / "epochs").iterdir()))
    second = keep(backups, at=NOW + timedelta(days=1))
    assert backups.verify(second) == ()


def test_the_next_backup_mends_a_damaged_chunk_and_with_it_the_older_ones(backups: NodeBackups) -> None:
    first = keep(backups)
    flip(chunk_file(backups, first))
    second = keep(backups, at=NOW + timedelta(days=1))
    assert (backups.verify(first), backups.verify(second)) == ((), ())


def test_a_backup_is_not_listed_before_all_its_chunks_lie_there(backups: NodeBackups) -> None:
    epoch = backups.epoch(RECIPIENTS, NOW)
    with pytest.raises(BackupDamaged):
        backups.commit(manifest_of(backups, epoch, PARTS, NOW))
    assert backups.manifests() == ()


def test_the_next_backup_goes_on_where_one_was_cut(backups: NodeBackups) -> None:
    epoch = backups.epoch(RECIPIENTS, NOW)
    names = {chunk_name(backups.names_key(epoch), part): part for part in PARTS}
    sent = next(iter(names))
    backups.keep(epoch, sent, zlib.compress(names[sent]))
    assert backups.missing(epoch, names) == set(names) - {sent}


@pytest.mark.parametrize(
    "packed",
    [
        zlib.compress(b"another"),
        zlib.compress(b"right")[:-1],
        zlib.compress(b"right") + b"more",
        b"right",
        zlib.compress(bytes(MAX_CHUNK_BYTES + 1)),
    ],
    ids=["other", "cut", "longer", "unpacked", "bomb"],
)
def test_bytes_that_are_not_what_their_name_says_are_not_kept(backups: NodeBackups, packed: bytes) -> None:
    epoch = backups.epoch(RECIPIENTS, NOW)
    name = chunk_name(backups.names_key(epoch), b"right")
    with pytest.raises(ChunkRefused):
        backups.keep(epoch, name, packed)
    assert backups.missing(epoch, {name}) == {name}


def test_a_full_disk_leaves_nothing_half(backups: NodeBackups, monkeypatch: pytest.MonkeyPatch) -> None:
    epoch = backups.epoch(RECIPIENTS, NOW)
    name = chunk_name(backups.names_key(epoch), b"right")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(NoRoom):
        backups.keep(epoch, name, zlib.compress(b"right"))
    assert list(backups.directory.glob("chunks/*/*/*")) == []


def test_a_disk_that_is_nearly_full_is_refused_before_the_first_byte(tmp_path: Path) -> None:
    with pytest.raises(NoRoom, match="bytes are needed") as caught:
        repository(tmp_path / "backups").check_room(1 << 62)
    assert "noc prune" in caught.value.fix
    assert not (tmp_path / "backups").exists()


def test_the_epoch_stays_while_its_recipients_do(backups: NodeBackups) -> None:
    assert backups.epoch(RECIPIENTS).id == backups.epoch(RECIPIENTS).id


def test_other_recipients_begin_another_epoch(backups: NodeBackups) -> None:
    first = backups.epoch(RECIPIENTS, NOW)
    second = backups.epoch((*RECIPIENTS, str(x25519.Identity.generate().to_public())), NOW + timedelta(days=1))
    assert second.id != first.id
    assert second.recipient != first.recipient


def test_an_epoch_is_begun_when_asked(backups: NodeBackups) -> None:
    first = backups.epoch(RECIPIENTS, NOW)
    second = backups.begin(RECIPIENTS, NOW + timedelta(hours=1))
    assert backups.epoch(RECIPIENTS).id == second.id != first.id


def test_without_a_recipient_nothing_begins(backups: NodeBackups) -> None:
    with pytest.raises(NoRecipients):
        backups.epoch(())
    with pytest.raises(NoRecipients, match="age1nonsense"):
        backups.epoch(("age1nonsense",))
    assert not backups.directory.exists()


def test_recipients_are_read_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "recipients"
    path.write_text(f"# operator\n{RECIPIENTS[0]} \n\n{RECIPIENTS[0]}\n")
    assert read_recipients(path) == RECIPIENTS
    path.write_text("# nobody\n")
    with pytest.raises(NoRecipients):
        read_recipients(path)


def test_another_epochs_identity_opens_nothing(backups: NodeBackups) -> None:
    manifest = keep(backups)
    other = backups.begin(RECIPIENTS, NOW + timedelta(hours=1))
    with pytest.raises(WrongIdentity, match="other backups"):
        list(backups.read(manifest, identity_of(other)))


@pytest.mark.parametrize("text", ["", "AGE-SECRET-KEY-1", "nonsense", str(OPERATOR.to_public())])
def test_what_is_no_identity_opens_nothing(backups: NodeBackups, text: str) -> None:
    manifest = keep(backups)
    with pytest.raises(WrongIdentity, match="no age identity"):
        list(backups.read(manifest, text))


def test_another_key_of_hq_knows_none_of_the_backups(backups: NodeBackups) -> None:
    keep(backups)
    assert Repository(backups.directory.parent, bytes(32)).node("kigali").manifests() == ()


def test_the_newest_until_a_time(backups: NodeBackups) -> None:
    first, second = keep(backups), keep(backups, at=NOW + timedelta(days=1))
    assert backups.newest().name == second.name
    assert backups.newest(NOW + timedelta(hours=23)).name == first.name
    with pytest.raises(NoBackup, match="until 2026-11-26 02:59:59 UTC"):
        backups.newest(NOW - timedelta(seconds=1))


def test_what_goes_with_a_backup_is_what_no_newer_one_shares(backups: NodeBackups) -> None:
    first = keep(backups)
    second = keep(backups, (*PARTS[:3], b"another" * 900), NOW + timedelta(days=1))
    (only,) = first.names - second.names
    assert backups.unshared() == {
        second.name: sum(chunk_file(backups, second, number).stat().st_size for number in (0, 1, 3)),
        first.name: next(backups.directory.glob(f"chunks/*/*/{only}.age")).stat().st_size,
    }


def test_a_node_without_backups_says_so(backups: NodeBackups) -> None:
    assert backups.manifests() == ()
    with pytest.raises(NoBackup):
        backups.newest()


@pytest.mark.parametrize("text", [b"", b"00" * 31, b"zz" * 32, b"00" * 33, "é".encode()])
def test_a_key_is_64_hexadecimal_digits(text: bytes) -> None:
    with pytest.raises(BadKey):
        read_key(text)


def test_a_key_is_read() -> None:
    assert read_key(KEY.hex().encode() + b"\n") == KEY


def test_what_the_system_refuses_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BackupError, match="cannot be used"):
        files.write(tmp_path / "file" / "below", b"")
