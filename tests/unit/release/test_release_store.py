from pathlib import Path

import pytest

from noc.errors import NotPermitted
from noc.release.errors import AmbiguousRelease, NotSigned, UnknownRelease, WrongContent
from noc.release.manifest import MANIFEST, MAX_PAYLOAD_BYTES, PAYLOAD, SIGNATURE
from noc.release.sign import sign
from noc.release.store import Release, ReleaseStore, read_release
from noc.release.verify import verify
from unit.release.release_kit import Signer, make_release


def add(store: ReleaseStore, directory: Path, signer: Signer) -> tuple[Release, bool]:
    return store.add(read_release(directory), signer.signers, directory)


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    return ReleaseStore(tmp_path / "store")


def test_a_release_lies_under_its_hash_with_its_three_files(store: ReleaseStore, signed: Path, signer: Signer) -> None:
    release, added = add(store, signed, signer)
    assert added
    assert release.directory == store.directory / release.sha256
    assert sorted(path.name for path in release.directory.iterdir()) == sorted([PAYLOAD, MANIFEST, SIGNATURE])
    assert verify(release.directory, signer.signers) == release.manifest


def test_adding_it_again_changes_nothing(store: ReleaseStore, signed: Path, signer: Signer) -> None:
    add(store, signed, signer)
    assert add(store, signed, signer)[1] is False


def test_a_release_that_was_signed_again_brings_its_new_manifest(
    store: ReleaseStore, signed: Path, signer: Signer
) -> None:
    first, _ = add(store, signed, signer)
    sign(signed, signer.key, days=400)
    second, added = add(store, signed, signer)
    assert added
    assert second.sha256 == first.sha256
    assert store.get(first.sha256).manifest.expires > first.manifest.expires


def test_a_copy_that_went_bad_in_the_store_is_mended(store: ReleaseStore, signed: Path, signer: Signer) -> None:
    release, _ = add(store, signed, signer)
    release.payload.write_bytes(b"rotten")
    assert add(store, signed, signer)[1] is True
    verify(release.directory, signer.signers)


def test_a_flipped_byte_keeps_a_release_out_and_leaves_nothing(
    store: ReleaseStore, signed: Path, signer: Signer
) -> None:
    content = bytearray((signed / PAYLOAD).read_bytes())
    content[-1] ^= 1
    (signed / PAYLOAD).write_bytes(content)
    with pytest.raises(WrongContent, match=str(signed)):
        add(store, signed, signer)
    assert list(store.directory.iterdir()) == []


def test_an_unsigned_release_is_kept_out(store: ReleaseStore, signed: Path, signer: Signer) -> None:
    (signed / SIGNATURE).unlink()
    with pytest.raises(NotSigned, match=str(signed)):
        add(store, signed, signer)


def test_releases_are_found_by_hash_prefix_and_version(store: ReleaseStore, signed: Path, signer: Signer) -> None:
    release, _ = add(store, signed, signer)
    for reference in (release.sha256, release.sha256[:6], release.sha256[:12].upper(), "1.0.0"):
        assert store.get(reference) == release


def test_a_version_stands_for_its_highest_build(store: ReleaseStore, tmp_path: Path, signer: Signer) -> None:
    for number in (2, 3, 1):
        add(store, make_release(tmp_path, signer, number=number), signer)
    assert store.get("1.0.0").manifest.build == 3
    assert [release.manifest.build for release in store.list()] == [3, 2, 1]


@pytest.mark.parametrize("reference", ["2.0.0", "ffffffffffff", "", "abc"])
def test_an_unknown_release_is_not_found(store: ReleaseStore, signed: Path, signer: Signer, reference: str) -> None:
    add(store, signed, signer)
    with pytest.raises(UnknownRelease):
        store.get(reference)


def test_a_prefix_of_two_releases_is_ambiguous(store: ReleaseStore, signed: Path, signer: Signer) -> None:
    release, _ = add(store, signed, signer)
    twin_hash = release.sha256[:20] + "0" * 44
    twin = store.path(twin_hash)
    twin.mkdir()
    (twin / MANIFEST).write_bytes(release.manifest.model_copy(update={"sha256": twin_hash}).to_bytes())
    with pytest.raises(AmbiguousRelease):
        store.get(release.sha256[:8])


def test_a_store_that_does_not_exist_yet_is_empty(store: ReleaseStore) -> None:
    assert store.list() == ()


def test_a_store_that_may_not_be_read_is_not_an_empty_one(store: ReleaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> list[Path]:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)  # root, as whom these tests may run, may read everything
    with pytest.raises(NotPermitted):
        store.list()


def test_no_more_is_read_of_a_release_than_one_may_hold(signed: Path) -> None:
    with (signed / PAYLOAD).open("r+b") as file:
        file.truncate(MAX_PAYLOAD_BYTES * 2)
    assert len(read_release(signed)[PAYLOAD]) == MAX_PAYLOAD_BYTES + 1
