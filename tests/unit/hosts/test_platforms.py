"""Platforms by name, and what NixOS says where its closure is missing."""

from pathlib import Path

import pytest

from noc.hosts import platforms
from noc.hosts.errors import ClosureMissing, UnknownPlatform
from noc.hosts.nixos import NixOS


@pytest.mark.parametrize("name", ["debian", "nixos"])
def test_a_platform_knows_its_name(name: str) -> None:
    assert platforms.get(name).name == name


def test_an_unknown_platform_is_told_with_the_known_ones() -> None:
    with pytest.raises(UnknownPlatform, match="debian, nixos"):
        platforms.get("plan9")


def test_a_missing_closure_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ClosureMissing, match="no NixOS system was built for frankfurt"):
        NixOS(tmp_path).closure("frankfurt")


def test_a_closure_is_what_the_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "frankfurt").symlink_to(tmp_path / "store")
    assert NixOS(tmp_path).closure("frankfurt") == str(tmp_path / "store")
