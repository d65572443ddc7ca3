"""What a backup of HQ brings is put in its place with owner and mode, whatever a restore that was cut has left."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from noc.hub import restore
from noc.hub.backup_trees import TREES, Tree
from noc.hub.system import Owner

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: gives files to their owners")
STATE = next(tree for tree in TREES if tree.name == "state")
KEYS = next(tree for tree in TREES if tree.name == "credentials")


def placed(tree: Tree, root: Path) -> Tree:
    """The tree below a test's directory, owned by users that every machine has."""
    return replace(tree, path=root / tree.name, owner=Owner("daemon", "daemon", tree.owner.mode))


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    """What was unpacked: modes as in the backup, some of them wider than HQ has them."""
    modes = {"requests": 0o700, "runs": 0o750, "open": 0o777}
    for name, mode in modes.items():
        (tmp_path / "staged" / name).mkdir(parents=True)
        (tmp_path / "staged" / name).chmod(mode)
    for name, mode in {"audit.jsonl": 0o600, "halt.json": 0o644, "wide": 0o777}.items():
        (tmp_path / "staged" / name).write_text(name)
        (tmp_path / "staged" / name).chmod(mode)
    return tmp_path / "staged"


def modes_of(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o7777 for path in directory.iterdir()}


def test_modes_are_what_they_were_and_never_wider_than_hq_has_them(staged: Path, tmp_path: Path) -> None:
    restore.put_tree(placed(STATE, tmp_path), staged)
    folders = {"requests": 0o700, "runs": 0o750, "open": 0o755}
    files = {"audit.jsonl": 0o600, "halt.json": 0o644, "wide": 0o644}
    assert modes_of(tmp_path / "state") == folders | files


def test_a_key_is_never_open_to_others(staged: Path, tmp_path: Path) -> None:
    restore.put_tree(placed(KEYS, tmp_path), staged)
    assert {mode & 0o077 for mode in modes_of(tmp_path / "credentials").values()} == {0}
    assert (tmp_path / "credentials").stat().st_mode & 0o777 == 0o700


def test_everything_is_its_owner_s(staged: Path, tmp_path: Path) -> None:
    restore.put_tree(placed(STATE, tmp_path), staged)
    assert {path.owner() for path in (tmp_path / "state").rglob("*")} == {"daemon"}


def test_what_a_cut_restore_has_left_is_replaced(staged: Path, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "half").touch()
    restore.put_tree(placed(STATE, tmp_path), staged)
    assert not (tmp_path / "state" / "half").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["staged", "state"]
