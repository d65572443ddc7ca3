"""A backup of HQ: whole, sealed, sent, thinned out; and what goes wrong with each."""

import errno
import fcntl
import io
import os
import resource
import sqlite3
import tracemalloc
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrage import x25519

from noc.errors import NocError
from noc.hub.backup import WAITING_KEPT, Backups, Made
from noc.hub.backup_archive import database_copy, recipients, sealed
from noc.hub.backup_manifest import Manifest
from noc.hub.errors import BackupFailed, NoRecipients, SecondAbsent, SecondDiffers
from noc.hub.restore_unpack import unpack
from noc.hub.second import Copy, Directory, copies, name_of
from noc.runs.doctor.second import read_sending
from noc.runs.tenants.registry import Registry, Tenant
from unit.hub.hq_tree import write_hq

NOW = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
YEAR = NOW.replace(tzinfo=None)
IDENTITY = x25519.Identity.generate()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_hq(tmp_path / "hq", IDENTITY)
    return tmp_path / "hq"


@pytest.fixture
def second(root: Path) -> Path:
    """A second place, named in the fleet file."""
    place = root.parent / "second"
    place.mkdir()
    with (root / "etc/noc/fleet.toml").open("a") as file:
        file.write(f'\n[backup.second]\npath = "{place}"\nkeep = 2\n')
    return place


def put_back(made: Made, into: Path) -> Manifest:
    into.mkdir()
    clear = pyrage.decrypt(made.path.read_bytes(), [IDENTITY])
    return unpack(io.BytesIO(clear), into)


def content(directory: Path) -> dict[str, bytes | None]:
    """What is below a directory: files with their bytes, directories with None."""
    found = directory.rglob("*")
    return {str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None for path in found}


def test_what_is_put_back_is_what_was_taken(root: Path, tmp_path: Path) -> None:
    made = Backups(root).make(None, NOW)
    put_back(made, tmp_path / "back")
    taken = {
        "credentials": "etc/noc-credentials",
        "trust": "etc/noc-trust",
        "fleet": "etc/noc",
        "bot": "var/lib/noc-bot",
        "tunnel": "var/lib/noc-tunnel",
    }
    for name, place in taken.items():
        there = {path.relative_to(root / place): path for path in (root / place).rglob("*")}
        back = {path.relative_to(tmp_path / "back" / name): path for path in (tmp_path / "back" / name).rglob("*")}
        assert there.keys() == back.keys()
        assert [
            key for key, path in there.items() if path.is_file() and path.read_bytes() != back[key].read_bytes()
        ] == []


def test_nothing_of_it_lies_in_the_clear(root: Path) -> None:
    made = Backups(root).make(None, NOW)
    assert b"a private key" not in made.path.read_bytes()
    assert {path.name for path in made.path.parent.iterdir()} == {made.path.name, ".lock"}
    assert made.path.stat().st_mode & 0o777 == 0o600


def test_what_is_of_the_old_machine_alone_is_left_out(root: Path, tmp_path: Path) -> None:
    manifest = put_back(Backups(root).make(None, NOW), tmp_path / "back")
    state = {name for name in manifest.members if name.startswith("state/")}
    assert state == {
        "state/audit/audit.jsonl",
        "state/releases/aa/clavitor.pyz",
        "state/runs/20260302T070000000-00aa/journal.jsonl",
        "state/runs/fence",
    }


def test_the_audit_is_read_after_the_journals_that_name_its_place(root: Path, tmp_path: Path) -> None:
    names = list(put_back(Backups(root).make(None, NOW), tmp_path / "back").members)
    assert names.index("state/audit/audit.jsonl") > names.index("state/runs/20260302T070000000-00aa/journal.jsonl")


def test_the_list_names_hq_its_fence_and_its_time(root: Path, tmp_path: Path) -> None:
    manifest = put_back(Backups(root).make(None, NOW), tmp_path / "back")
    assert (manifest.hub, manifest.fence, manifest.at) == ("zurich", 41, NOW)


def test_the_watch_database_is_copied_whole_while_somebody_writes(root: Path, tmp_path: Path) -> None:
    live = sqlite3.connect(root / "var/lib/noc-watch/watch.db")
    live.execute("INSERT INTO heartbeats VALUES ('uncommitted')")
    put_back(Backups(root).make(None, NOW), tmp_path / "back")
    live.close()
    with sqlite3.connect(tmp_path / "back/watch/watch.db") as copy:
        assert copy.execute("SELECT count(*) FROM heartbeats").fetchone() == (5_000,)
    copy.close()


def test_the_registry_of_tenants_is_copied_whole_while_somebody_writes(root: Path, tmp_path: Path) -> None:
    path = root / "var/lib/noc/tenants.db"
    Registry(path).place("a" * 32, lambda _: Tenant("a" * 32, "virginia", "", 1, "mia"))
    with closing(Registry(path)._connected()) as live:
        live.execute("BEGIN IMMEDIATE")
        live.execute("DELETE FROM tenants")
        members = put_back(Backups(root).make(None, NOW), tmp_path / "back").members
    assert [name for name in members if "tenants" in name] == ["state/tenants.db"]
    assert Registry(tmp_path / "back/state/tenants.db").counts() == {"virginia": 1}
    assert not path.with_name(".tenants.db.copy").exists()


def test_a_damaged_watch_database_is_no_backup(root: Path) -> None:
    path = root / "var/lib/noc-watch/watch.db"
    content = bytearray(path.read_bytes())
    content[4096:12288] = os.urandom(8192)
    path.write_bytes(content)
    with pytest.raises(BackupFailed), database_copy(path, path.with_name("copy")):
        pass
    assert not path.with_name("copy").exists()


@pytest.mark.parametrize("text", ["", "# nobody\n", "age1notakey\n"])
def test_without_a_recipient_nothing_is_made(root: Path, text: str) -> None:
    (root / "etc/noc-trust/recipients").write_text(text)
    with pytest.raises(NoRecipients):
        Backups(root).make(None, NOW)


def test_what_cannot_be_read_leaves_nothing_half_made(tmp_path: Path) -> None:
    def produce(_stream: object) -> Manifest:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    to = recipients_of(tmp_path)
    with pytest.raises(OSError, match="Input/output error"):
        sealed(tmp_path / "file.age", to, produce)
    assert list(tmp_path.glob("file*")) == []


def test_a_file_that_may_not_grow_is_said_to_be_full(tmp_path: Path) -> None:
    def produce(stream: BinaryIO) -> Manifest:
        while True:
            stream.write(bytes(65536))

    to, limits = recipients_of(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(BackupFailed):
            sealed(tmp_path / "file.age", to, produce)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.glob("file*")) == []


def recipients_of(directory: Path) -> list[object]:
    (directory / "recipients").write_text(f"{IDENTITY.to_public()}\n")
    return recipients(directory / "recipients")


def test_memory_does_not_grow_with_what_is_taken(root: Path) -> None:
    large = root / "var/lib/noc/releases/bb/clavitor.pyz"
    large.parent.mkdir()
    large.write_bytes(os.urandom(1 << 20) * 64)
    backups = Backups(root)
    tracemalloc.start()
    backups.make(None, NOW)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


def test_two_at_once_do_not_get_into_each_other_s_way(root: Path) -> None:
    backups = Backups(root)
    backups.make(None, NOW)
    with (backups.outgoing / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BackupFailed, match="under way"):
            backups.make(None, NOW + timedelta(hours=1))
    assert len(backups.waiting()) == 1


def test_it_goes_to_the_second_place_and_no_longer_waits(root: Path, second: Path) -> None:
    backups = Backups(root)
    made = backups.make(None, NOW)
    content = made.path.read_bytes()
    sent = backups.send(NOW)
    assert sent is not None
    assert (sent.error, sent.sent) == (None, (made.path.name,))
    assert (second / made.path.name).read_bytes() == content
    assert backups.waiting() == ()


def test_the_second_place_keeps_so_many_and_strangers_files_stay(root: Path, second: Path) -> None:
    (second / "somebody-elses").touch()
    (second / name_of("geneva", NOW)).touch()
    backups = Backups(root)
    for hour in range(4):
        backups.make(None, NOW + timedelta(hours=hour))
        backups.send(NOW + timedelta(hours=hour))
    kept = {name_of("zurich", NOW + timedelta(hours=hour)) for hour in (2, 3)}
    assert {path.name for path in second.iterdir()} == {*kept, "somebody-elses", name_of("geneva", NOW)}


def test_what_cannot_go_waits_the_newest_three_and_goes_when_the_place_is_back(root: Path, second: Path) -> None:
    second.rmdir()
    backups = Backups(root)
    errors: list[NocError | None] = []
    for hour in range(5):
        backups.make(None, NOW + timedelta(hours=hour))
        if (sent := backups.send(NOW + timedelta(hours=hour))) is not None:
            errors.append(sent.error)
    assert [type(error) for error in errors] == [SecondAbsent] * 5
    assert len(backups.waiting()) == WAITING_KEPT
    second.mkdir()
    sent = backups.send(NOW + timedelta(hours=6))
    assert sent is not None
    assert len(sent.sent) == WAITING_KEPT
    assert backups.waiting() == ()


def test_the_doctor_reads_how_it_went(root: Path, second: Path) -> None:
    backups = Backups(root)
    backups.make(None, NOW)
    backups.send(NOW)
    second.rename(second.with_name("gone"))
    backups.send(NOW + timedelta(hours=1))
    sending = read_sending(backups.outgoing)
    assert sending is not None
    assert (sending.tried, sending.succeeded) == (NOW + timedelta(hours=1), NOW)
    assert "is no directory" in sending.error


def test_a_place_that_gives_back_something_else_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "file").write_bytes(b"x" * 1000)
    rename = Path.rename

    def flipping(self: Path, target: Path) -> Path:
        self.write_bytes(b"y" * 1000)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", flipping)
    with pytest.raises(SecondDiffers):
        Directory(tmp_path / "place").put(tmp_path / "file", "file")
    assert list((tmp_path / "place").iterdir()) == []


@given(st.lists(st.datetimes(YEAR, YEAR + timedelta(days=365)), max_size=20))
def test_copies_are_listed_newest_first(times: list[datetime]) -> None:
    names = [(name_of("zurich", at.replace(tzinfo=UTC)), 1) for at in times]
    found = [copy.at for copy in copies(iter(names), "zurich")]
    assert found == sorted(
        (at.replace(microsecond=at.microsecond // 1000 * 1000, tzinfo=UTC) for at in times), reverse=True
    )


@pytest.mark.parametrize("name", ["noc-zurich-2026.age", "../noc-zurich-20260302T070000000Z.tar.gz.age", "x"])
def test_what_is_named_otherwise_is_no_copy(name: str) -> None:
    assert copies(iter([(name, 1)]), "zurich") == ()


def test_a_copy_tells_its_time() -> None:
    assert Copy(name_of("zurich", NOW), 1).at == NOW
