"""Files of the fleet directory are replaced whole, and never through a link that somebody laid there."""

from pathlib import Path

from noc.fleet.files import replace


def test_a_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "inventory.toml"
    path.write_text("old")
    path.chmod(0o640)
    replace(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o640)
    assert [each.name for each in tmp_path.iterdir()] == ["inventory.toml"]


def test_a_link_in_the_temporarys_place_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("theirs")
    (tmp_path / ".inventory.toml.new").symlink_to(elsewhere)
    replace(tmp_path / "inventory.toml", "ours")
    assert elsewhere.read_text() == "theirs"
    assert (tmp_path / "inventory.toml").read_text() == "ours"
