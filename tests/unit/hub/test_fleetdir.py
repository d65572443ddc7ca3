import os
import shutil
import subprocess
from pathlib import Path

import pytest

from noc.fleet.inventory import HubRecord, load_inventory
from noc.hub.errors import NoFleet
from noc.hub.fleetdir import choose_fleet, ensure_fleet, note_keys
from noc.mesh.keys import generate
from unit.hub.hub_kit import EXAMPLE


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    shutil.copy(EXAMPLE / "fleet.toml", tmp_path)
    return tmp_path


def test_hqs_own_fleet_directory_goes_before_the_one_to_start_from(directory: Path, tmp_path: Path) -> None:
    assert choose_fleet(EXAMPLE, directory) == directory
    assert choose_fleet(EXAMPLE, tmp_path / "none") == EXAMPLE


@pytest.mark.parametrize("source", [None, Path("/nowhere")])
def test_hq_is_not_installed_without_a_fleet(tmp_path: Path, source: Path | None) -> None:
    with pytest.raises(NoFleet):
        choose_fleet(source, tmp_path / "none")


def test_hqs_public_keys_are_noted_rendered_and_committed_once(directory: Path) -> None:
    record = HubRecord(wireguard_key=generate()[1])
    changed = note_keys(directory, record)
    assert load_inventory(directory).hub == record
    assert (directory / "wireguard" / "hans.pub").read_text() == f"{record.wireguard_key}\n"
    assert changed[-1].startswith("commit ")
    status = subprocess.run(["git", "-C", directory, "status", "--short"], capture_output=True, text=True, check=True)
    assert status.stdout == ""
    assert note_keys(directory, record) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands a directory over")
def test_a_fleet_directory_with_a_link_is_not_handed_over(directory: Path, tmp_path: Path) -> None:
    """Owner and mode of what it names, or its content, would go to the runner."""
    theirs = tmp_path.parent / f"{tmp_path.name}-theirs"
    theirs.write_text("secret")
    theirs.chmod(0o600)
    (directory / "notes").symlink_to(theirs)
    with pytest.raises(NoFleet, match="notes"):
        ensure_fleet(directory, HubRecord(), tmp_path.parent / f"{tmp_path.name}-installed", user="nobody")
    assert (theirs.stat().st_uid, theirs.stat().st_mode & 0o777) == (0, 0o600)
    assert list(tmp_path.parent.glob(f".{tmp_path.name}-installed-*")) == []
