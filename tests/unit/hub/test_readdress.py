"""HQ's address in the fleet file, changed for a restore elsewhere."""

import shutil
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from noc.fleet.load import load
from noc.hub.errors import WrongRestore
from noc.hub.readdress import readdress
from unit.hub.hub_kit import EXAMPLE

NEW = IPv4Address("198.51.100.77")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    shutil.copytree(EXAMPLE, tmp_path / "fleet")
    return tmp_path / "fleet" / "fleet.toml"


def test_hq_has_the_new_address_and_nothing_else_has_changed(file: Path) -> None:
    before = load(file.parent)
    readdress(file, NEW)
    after = load(file.parent)
    assert after.hub.address == NEW
    changed = {"address": after.hub.address, "rescue": after.hub.rescue}
    assert after == before.model_copy(update={"hub": before.hub.model_copy(update=changed)})


def test_a_node_without_its_tunnel_admits_the_new_address_too(file: Path) -> None:
    text = file.read_text()
    if not load(file.parent).hub.rescue:
        file.write_text(text.replace("[hub]\n", '[hub]\nrescue = ["198.51.100.5"]\n'))
    old = load(file.parent).hub.rescue
    readdress(file, NEW)
    assert set(load(file.parent).hub.rescue) == {*old, NEW}


def test_comments_stay(file: Path) -> None:
    before = [line for line in file.read_text().splitlines() if line.startswith("#")]
    readdress(file, NEW)
    assert [line for line in file.read_text().splitlines() if line.startswith("#")] == before


def test_a_file_that_says_it_otherwise_stays_as_it_was(file: Path) -> None:
    text = file.read_text().replace("[hub]\n", "[ hub ]\n")
    file.write_text(text)
    with pytest.raises(WrongRestore):
        readdress(file, NEW)
    assert file.read_text() == text
