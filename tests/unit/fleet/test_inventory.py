"""The inventory: read back as written, refused with its place where broken."""

from pathlib import Path

import pytest

from noc.fleet.errors import InventoryProblems
from noc.fleet.inventory import HubRecord, Inventory, Life, NodeRecord, load_inventory, save_inventory

KEY = "Tp7kAQ/hOVUrtYCof1IdqUveJQZ2ynrdzdHOMsMio0o="


def test_no_file_is_an_empty_inventory(tmp_path: Path) -> None:
    assert load_inventory(tmp_path) == Inventory()


def test_an_unknown_node_is_planned() -> None:
    assert Inventory().record("virginia").life is Life.PLANNED


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    record = NodeRecord.model_validate(
        {"life": "live", "address": "203.0.113.7", "wireguard_key": KEY, "push_token_sha256": "ab" * 32}
    )
    inventory = Inventory(hub=HubRecord(wireguard_key=KEY, host_ca="ssh-ed25519 AAAA ca"), nodes={"virginia": record})
    save_inventory(tmp_path, inventory)
    assert load_inventory(tmp_path) == inventory


def test_saving_leaves_no_temporary_file(tmp_path: Path) -> None:
    save_inventory(tmp_path, Inventory())
    assert [path.name for path in tmp_path.iterdir()] == ["inventory.toml"]


def test_saving_keeps_the_files_mode(tmp_path: Path) -> None:
    save_inventory(tmp_path, Inventory())
    (tmp_path / "inventory.toml").chmod(0o640)
    save_inventory(tmp_path, Inventory())
    assert (tmp_path / "inventory.toml").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "line",
    [
        'wireguard_key = "no key"',
        f'wireguard_key = "{KEY}\\nEndpoint = 192.0.2.1:1"',
        'push_token_sha256 = "secret"',
        'host_key = "MD5:00"',
        'life = "dead"',
        'address = "example.com"',
        'adress = "192.0.2.1"',
    ],
)
def test_a_broken_record_is_refused_at_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "inventory.toml").write_text(f"[hub]\n\n[nodes.virginia]\n{line}\n")
    with pytest.raises(InventoryProblems) as caught:
        load_inventory(tmp_path)
    assert [problem.line for problem in caught.value.problems] == [4]


def test_a_half_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "inventory.toml").write_text("[nodes.virgi")
    with pytest.raises(InventoryProblems, match="1 problem"):
        load_inventory(tmp_path)
