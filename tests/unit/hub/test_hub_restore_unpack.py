"""Reading a backup of HQ: whatever is in it, nothing lands outside, and what differs is refused as a whole."""

import gzip
import hashlib
import io
import tarfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noc.errors import NocError
from noc.hub.backup_manifest import NAME, Manifest, Member
from noc.hub.errors import ArchiveDamaged, BadArchive
from noc.hub.restore_unpack import unpack

AT = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)


def info(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size, made.type, made.linkname, made.mode = size, kind, link, 0o600
    return made


def packed(
    *members: tuple[tarfile.TarInfo, bytes], names: dict[str, Member] | None = None, close: bool = True
) -> bytes:
    """A gzipped tar of members, with a list of what is in it unless another one is given."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb") as zipped, tarfile.open(fileobj=zipped, mode="w|") as tar:
        for each, content in members:
            tar.addfile(each, io.BytesIO(content))
        files = {each.name: member(content) for each, content in members if each.isreg()}
        text = Manifest(
            noc="0.1.0", hub="zurich", hub_key="k", at=AT, fence=1, members=names or files
        ).model_dump_json()
        if close:
            tar.addfile(info(NAME, len(text)), io.BytesIO(text.encode()))
    return out.getvalue()


def member(content: bytes) -> Member:
    return Member(size=len(content), sha256=hashlib.sha256(content).hexdigest())


def file(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    return info(name, len(content)), content


def folder(name: str) -> tuple[tarfile.TarInfo, bytes]:
    return info(name, kind=tarfile.DIRTYPE), b""


WHOLE = packed(folder("trust"), file("trust/signers", b"a signer"), folder("state"), file("state/halt.json"))


@pytest.fixture
def into(tmp_path: Path) -> Path:
    (tmp_path / "into").mkdir()
    return tmp_path / "into"


def test_what_the_list_names_is_written(into: Path) -> None:
    unpack(io.BytesIO(WHOLE), into)
    assert (into / "trust/signers").read_bytes() == b"a signer"


@pytest.mark.parametrize(
    "name",
    [
        "etc/shadow",
        "/etc/shadow",
        "trust/../../escape",
        "trust/./x",
        "trust//x",
        "..",
        "trust/" + "x" * 300,
        "trust/missing/parent",
        "trust",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(into: Path, name: str) -> None:
    with pytest.raises(BadArchive):
        unpack(io.BytesIO(packed(folder("trust"), file(name))), into)
    assert not (into.parent / "escape").exists()


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE],
)
def test_anything_but_files_and_directories_is_refused(into: Path, kind: bytes) -> None:
    with pytest.raises(BadArchive):
        unpack(io.BytesIO(packed(folder("trust"), (info("trust/x", kind=kind, link="/etc/passwd"), b""))), into)


def test_a_header_that_asks_for_memory_is_refused_before_it_is_read(into: Path) -> None:
    header = info("./PaxHeaders/x", 1 << 40, tarfile.XHDTYPE).tobuf(tarfile.GNU_FORMAT)
    with pytest.raises(BadArchive):
        unpack(io.BytesIO(gzip.compress(header + bytes(1024))), into)


def test_a_file_that_stands_twice_is_refused(into: Path) -> None:
    with pytest.raises(BadArchive):
        unpack(io.BytesIO(packed(folder("trust"), file("trust/x", b"1"), file("trust/x", b"2"))), into)


def test_a_file_that_the_list_does_not_name_is_refused(into: Path) -> None:
    with pytest.raises(BadArchive):
        unpack(io.BytesIO(packed(folder("trust"), file("trust/x"), names={"trust/y": member(b"x")})), into)


def test_a_file_that_differs_from_the_list_is_damage(into: Path) -> None:
    with pytest.raises(ArchiveDamaged):
        unpack(io.BytesIO(packed(folder("trust"), file("trust/x"), names={"trust/x": member(b"y")})), into)


def test_a_backup_without_its_list_is_damage(into: Path) -> None:
    with pytest.raises(ArchiveDamaged):
        unpack(io.BytesIO(packed(folder("trust"), file("trust/x"), close=False)), into)


def test_more_than_the_disk_holds_is_refused_by_the_header_alone(into: Path) -> None:
    header = info("trust", 1 << 50).tobuf(tarfile.GNU_FORMAT)
    with pytest.raises(ArchiveDamaged):
        unpack(io.BytesIO(gzip.compress(header)), into)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(WHOLE) - 1))
def test_one_that_was_cut_anywhere_is_refused(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    with pytest.raises(NocError):
        unpack(io.BytesIO(WHOLE[:length]), tmp_path_factory.mktemp("cut"))


@settings(max_examples=60, deadline=None)
@given(st.integers(10, len(WHOLE) - 1), st.integers(1, 255))
def test_no_flipped_byte_changes_what_is_put_back(
    tmp_path_factory: pytest.TempPathFactory, place: int, flip: int
) -> None:
    into = tmp_path_factory.mktemp("flip")
    with suppress(NocError):  # a few bits of a compressed stream mean nothing
        unpack(io.BytesIO(WHOLE[:place] + bytes([WHOLE[place] ^ flip]) + WHOLE[place + 1 :]), into)
        found = {str(path.relative_to(into)): path.read_bytes() for path in into.rglob("*") if path.is_file()}
        assert found == {"trust/signers": b"a signer", "state/halt.json": b"x"}
