"""Operators' machines in the tunnel: each has a key and an address that nobody else has."""

from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.errors import NotFound
from noc.fleet.errors import PeerRefused
from noc.fleet.inventory import HubRecord, Inventory, NodeRecord, load_inventory, save_inventory
from noc.fleet.load import load
from noc.fleet.peers import addresses, with_peer, without_peer
from noc.fleet.render import peers_conf
from noc.mesh.keys import generate

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FLEET = load(Path(__file__).parents[3] / "fleet")
KEYS = [generate()[1] for _ in range(12)]
HUB = KEYS.pop()


def with_mias(address: str | None = None) -> Inventory:
    inventory = Inventory(hub=HubRecord(wireguard_key=HUB))
    return with_peer(FLEET, inventory, "mia", KEYS[0], address=IPv4Address(address) if address else None, now=NOW)


def test_the_first_gets_the_first_address() -> None:
    assert str(with_mias().peers["mia"].address) == "10.84.0.2"


def test_a_named_address_is_given() -> None:
    assert str(with_mias("10.84.0.7").peers["mia"].address) == "10.84.0.7"


@pytest.mark.parametrize("address", ["10.84.0.1", "10.84.0.10", "10.84.0.18", "192.0.2.1"])
def test_what_is_not_kept_for_operators_is_not_given(address: str) -> None:
    with pytest.raises(PeerRefused):
        with_mias(address)


def test_the_same_once_more_changes_nothing() -> None:
    inventory = with_mias()
    later = datetime(2026, 4, 1, tzinfo=UTC)
    assert with_peer(FLEET, inventory, "mia", KEYS[0], now=later) == inventory


def test_another_key_keeps_the_address() -> None:
    record = with_peer(FLEET, with_mias("10.84.0.7"), "mia", KEYS[1], now=NOW).peers["mia"]
    assert (record.key, str(record.address)) == (KEYS[1], "10.84.0.7")


def test_a_key_belongs_to_one_machine() -> None:
    inventory = with_mias()
    inventory.nodes["virginia"] = NodeRecord(wireguard_key=KEYS[1])
    for taken in (KEYS[0], KEYS[1], HUB):
        with pytest.raises(PeerRefused, match="another machine has that key"):
            with_peer(FLEET, inventory, "jo", taken, now=NOW)


@pytest.mark.parametrize("key", ["", "x", "A" * 43 + "=", KEYS[0][:-2], KEYS[0] + "\n[Peer]", "é" * 44])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(PeerRefused):
        with_peer(FLEET, Inventory(), "mia", key, now=NOW)


@pytest.mark.parametrize("name", ["", "a b", "x\ny", "[hub]", "x" * 200])
def test_a_name_is_one_word(name: str) -> None:
    with pytest.raises(PeerRefused):
        with_peer(FLEET, Inventory(), name, KEYS[0], now=NOW)


def test_there_is_room_for_eight() -> None:
    inventory = Inventory()
    for number, key in enumerate(KEYS[:8]):
        inventory = with_peer(FLEET, inventory, f"peer{number}", key, now=NOW)
    assert [peer.address for peer in inventory.peers.values()] == list(addresses(FLEET))
    with pytest.raises(PeerRefused, match="no address is free"):
        with_peer(FLEET, inventory, "ninth", KEYS[8], now=NOW)


def test_who_is_removed_is_no_peer_of_the_hubs() -> None:
    inventory = with_mias()
    assert KEYS[0] in peers_conf(FLEET, inventory)
    assert KEYS[0] not in peers_conf(FLEET, without_peer(inventory, "mia"))
    with pytest.raises(NotFound):
        without_peer(inventory, "jo")


def test_the_inventory_keeps_them(tmp_path: Path) -> None:
    save_inventory(tmp_path, with_mias())
    assert load_inventory(tmp_path) == with_mias()


Story = st.lists(
    st.tuples(
        st.sampled_from(["mia", "jo", "kim"]), st.sampled_from(KEYS[:4]), st.integers(0, 12) | st.none(), st.booleans()
    ),
    max_size=12,
)


@given(Story)
def test_no_two_peers_ever_share_a_key_or_an_address(story: list[tuple[str, str, int | None, bool]]) -> None:
    inventory = Inventory()
    for name, key, place, goes in story:
        address = None if place is None else FLEET.tunnel.network[place]
        try:
            if goes:
                inventory = without_peer(inventory, name)
            else:
                inventory = with_peer(FLEET, inventory, name, key, address=address, now=NOW)
        except (PeerRefused, NotFound):
            continue
        peers = list(inventory.peers.values())
        assert len({peer.key for peer in peers}) == len({peer.address for peer in peers}) == len(peers)
        assert all(peer.address in addresses(FLEET) for peer in peers)
