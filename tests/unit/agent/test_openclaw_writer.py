"""Writing a kit: modes, and what is not overwritten unawares."""

import os
from pathlib import Path

import pytest

from noc.agent.openclaw.errors import KitEdited, UnsafePlace
from noc.agent.openclaw.kit import KitFile
from noc.agent.openclaw.writer import MANIFEST, changes, write

KIT = [KitFile("README.md", "read\n"), KitFile("a/b/secret.json5", "{}\n", 0o640)]
NEWER = [KitFile("README.md", "read more\n"), KIT[1]]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_kit_is_written_with_its_modes_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o007)
    try:
        assert [change.path for change in write(tmp_path / "kit", KIT)] == ["README.md", "a/b/secret.json5"]
    finally:
        os.umask(before)
    kit = tmp_path / "kit"
    assert (mode(kit / "README.md"), mode(kit / "a/b/secret.json5")) == (0o644, 0o640)
    assert {mode(path) for path in (kit, kit / "a", kit / "a/b")} == {0o755}


def test_a_kit_that_is_as_it_was_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "kit", KIT)
    assert write(tmp_path / "kit", KIT) == []


def test_a_newer_kit_replaces_what_nobody_edited(tmp_path: Path) -> None:
    write(tmp_path / "kit", KIT)
    assert [change.path for change in write(tmp_path / "kit", NEWER)] == ["README.md"]
    assert (tmp_path / "kit/README.md").read_text() == "read more\n"


def test_what_somebody_edited_is_not_overwritten(tmp_path: Path) -> None:
    write(tmp_path / "kit", KIT)
    (tmp_path / "kit/README.md").write_text("mine\n")
    with pytest.raises(KitEdited, match=r"README\.md"):
        write(tmp_path / "kit", NEWER)
    assert (tmp_path / "kit/README.md").read_text() == "mine\n"


def test_nothing_is_written_where_one_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kit").mkdir(mode=0o755)
    (tmp_path / "kit/README.md").write_text("somebody's own\n")
    with pytest.raises(KitEdited):
        write(tmp_path / "kit", KIT)
    assert [path.name for path in (tmp_path / "kit").iterdir()] == ["README.md"]


def test_the_difference_is_shown(tmp_path: Path) -> None:
    write(tmp_path / "kit", KIT)
    (tmp_path / "kit/README.md").write_text("mine\n")
    [change] = changes(tmp_path / "kit", KIT)
    assert change.edited
    assert "-mine\n+read\n" in change.diff


def test_an_edited_file_is_overwritten_when_it_was_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "kit", KIT)
    (tmp_path / "kit/README.md").write_text("mine\n")
    write(tmp_path / "kit", NEWER, force=True)
    assert (tmp_path / "kit/README.md").read_text() == "read more\n"
    assert write(tmp_path / "kit", NEWER) == []


def test_a_mode_that_was_opened_is_put_right(tmp_path: Path) -> None:
    write(tmp_path / "kit", KIT)
    (tmp_path / "kit/a/b/secret.json5").chmod(0o644)
    assert [change.path for change in write(tmp_path / "kit", KIT)] == ["a/b/secret.json5"]
    assert mode(tmp_path / "kit/a/b/secret.json5") == 0o640


@pytest.mark.parametrize("manifest", ["", "[]", "{"])
def test_a_manifest_that_is_lost_lets_nothing_be_overwritten(tmp_path: Path, manifest: str) -> None:
    write(tmp_path / "kit", KIT)
    (tmp_path / "kit" / MANIFEST).write_text(manifest)
    with pytest.raises(KitEdited):
        write(tmp_path / "kit", NEWER)


def test_a_directory_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit").chmod(0o777)
    with pytest.raises(UnsafePlace, match="others may write"):
        write(tmp_path / "kit", KIT)


def test_a_link_in_the_kit_is_refused_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kit").mkdir(mode=0o755)
    (tmp_path / "target").write_text("precious\n")
    (tmp_path / "kit/README.md").symlink_to(tmp_path / "target")
    with pytest.raises(UnsafePlace, match="is a link"):
        write(tmp_path / "kit", KIT, force=True)
    assert (tmp_path / "target").read_text() == "precious\n"


def test_a_file_in_the_directorys_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kit").write_text("a file\n")
    with pytest.raises(UnsafePlace, match="no directory"):
        write(tmp_path / "kit", KIT)
