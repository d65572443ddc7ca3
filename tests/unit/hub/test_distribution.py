"""The file of another noc: which one is meant, which way it goes, and that it is one at all."""

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from noc.hub.distribution import Distribution, check_meant, check_newer, read_distribution
from noc.hub.errors import UpgradeRefused

FOUND = Distribution(Path("noc.run"), "ab" * 32, "0.2.0")


def written(path: Path, index: object) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("index.json", json.dumps(index))
    return path


def test_a_file_is_read_once_and_hashed_as_sha256sum_does(tmp_path: Path) -> None:
    file = written(tmp_path / "noc-0.2.0.run", {"version": "0.2.0"})
    prefix = tmp_path / "opt"
    prefix.mkdir()
    with read_distribution(file, prefix) as found:
        copied = file.read_bytes()
        file.write_bytes(b"something else by now")
        assert (found.version, found.path.read_bytes()) == ("0.2.0", copied)
        assert found.sha256 == hashlib.sha256(copied).hexdigest()
    assert list(prefix.iterdir()) == []


@pytest.mark.parametrize("index", [{}, [], {"version": "../../etc"}, {"version": "1"}, {"version": None}])
def test_a_file_that_is_no_distributed_noc_is_refused(tmp_path: Path, index: object) -> None:
    file = written(tmp_path / "file", index)
    with pytest.raises(UpgradeRefused, match="no distributed noc"), read_distribution(file, tmp_path):
        pass


def test_a_file_that_is_no_archive_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a note")
    for name in ("text", "nowhere"):
        with pytest.raises(UpgradeRefused), read_distribution(tmp_path / name, tmp_path):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["text"]


def test_without_a_hash_the_files_own_is_named_and_nothing_done() -> None:
    with pytest.raises(UpgradeRefused) as caught:
        check_meant(FOUND, None)
    assert FOUND.sha256 in caught.value.why
    assert "noc 0.2.0" in caught.value.why


def test_another_hash_is_refused_and_the_same_in_capitals_taken() -> None:
    with pytest.raises(UpgradeRefused, match="not the file that was meant"):
        check_meant(FOUND, "cd" * 32)
    check_meant(FOUND, FOUND.sha256.upper())


@pytest.mark.parametrize(
    ("installed", "goes"), [("0.1.9", True), ("0.2.0", False), ("0.10.0", False), ("1.0.0", False)]
)
def test_it_goes_forward_alone(installed: str, goes: bool) -> None:
    if goes:
        check_newer(FOUND, installed)
    else:
        with pytest.raises(UpgradeRefused, match="not newer"):
            check_newer(FOUND, installed)
