import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.inventory import Inventory, NodeRecord
from noc.fleet.render import peers_conf
from noc.hub.endpoints import Endpoints
from noc.hub.errors import BadPeers
from noc.hub.hubkey import HubKey
from noc.hub.tunnel import MAX_PEERS_BYTES, PeerList, ensure_hub_key, parse_peers, sync_text
from noc.mesh.keys import generate, public_from_private
from unit.hub.hub_kit import EXAMPLE, example_fleet

FLEET = example_fleet()
KEY, OTHER = generate()[1], generate()[1]
PRIVATE = generate()[0]


def peer(key: str = KEY, address: str = "10.84.0.18/32") -> str:
    return f"[Peer]\nPublicKey = {key}\nAllowedIPs = {address}\n"


def test_the_rendered_list_is_read() -> None:
    records = {"virginia": NodeRecord(wireguard_key=KEY), "frankfurt": NodeRecord(wireguard_key=OTHER)}
    peers = parse_peers(peers_conf(FLEET, Inventory(nodes=records)), FLEET)
    assert [str(each.address) for each in peers] == ["10.84.0.11", "10.84.0.18"]
    assert [each.public_key for each in peers] == [KEY, OTHER]


def test_an_empty_list_has_no_peers() -> None:
    assert parse_peers("# nobody yet\n\n", FLEET) == ()


@pytest.mark.parametrize(
    "address",
    [
        "10.84.0.1/32",  # the hub
        "10.84.0.0/32",  # the network
        "10.84.0.255/32",
        "10.84.0.0/24",  # everybody's heartbeats
        "0.0.0.0/0",
        "10.85.0.18/32",
        "10.84.0.18",
        "10.84.0.18/31",
        "::1/128",
        "10.84.0.18/32,10.84.0.19/32",
    ],
)
def test_a_peer_owns_one_address_of_a_node_and_nothing_else(address: str) -> None:
    with pytest.raises(BadPeers):
        parse_peers(peer(address=address), FLEET)


@pytest.mark.parametrize(
    "text",
    [
        peer() + peer(OTHER),  # the same address twice
        peer() + peer(address="10.84.0.19/32"),  # the same key twice
        "[Interface]\nListenPort = 1\n",
        "[Peer]\n",
        f"[Peer]\nPublicKey = {KEY}\n",
        f"PublicKey = {KEY}\n" + peer(),
        peer() + "Endpoint = 192.0.2.1:1\n",
        peer() + "PostUp = id\n",
        peer() + f"PublicKey = {OTHER}\n",
        peer("AAAA"),
        peer("A" * 43 + "="),
    ],
)
def test_whatever_is_no_plain_peer_is_refused(text: str) -> None:
    with pytest.raises(BadPeers):
        parse_peers(text, FLEET)


def test_a_refusal_repeats_nothing_of_what_it_read() -> None:
    with pytest.raises(BadPeers) as caught:
        parse_peers("root:x:0:0:hidden\n", FLEET)
    assert "hidden" not in str(caught.value)


@given(st.text(max_size=300))
def test_no_text_reaches_the_tunnel_but_as_peers(text: str) -> None:
    try:
        peers = parse_peers(text, FLEET)
    except BadPeers:
        return
    assert sync_text(FLEET, "key", peers).count("[Peer]") == len(peers)


def test_the_tunnel_keeps_its_own_key_and_port() -> None:
    text = sync_text(FLEET, "secret", parse_peers(peer(), FLEET))
    assert text.startswith("[Interface]\nListenPort = 51820\nPrivateKey = secret\n\n[Peer]\n")


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fleet directory, a key, and a `wg` that writes down what it is given."""
    shutil.copy(EXAMPLE / "fleet.toml", tmp_path)
    (tmp_path / "wireguard").mkdir()
    (tmp_path / "hub_wg_key").write_text(f"{PRIVATE}\n")
    recorder = tmp_path / "bin" / "wg"
    recorder.parent.mkdir()
    recorder.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/argv\ncat "$3" > {tmp_path}/given\n')
    recorder.chmod(0o755)
    monkeypatch.setenv("PATH", f"{recorder.parent}:{os.environ['PATH']}")
    return tmp_path


def calls(directory: Path) -> int:
    path = directory / "argv"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_a_list_is_applied_when_it_changes_and_only_then(directory: Path) -> None:
    peer_list, path = PeerList(directory, HubKey(directory), Endpoints(None)), directory / "wireguard" / "peers.conf"
    assert peer_list.look() == "0 peers"
    assert peer_list.look() is None
    path.write_text(peer())
    assert peer_list.look() == "1 peers"
    assert peer_list.look() is None
    assert calls(directory) == 2
    assert (directory / "argv").read_text().splitlines()[-1] == "syncconf wg0 /dev/stdin"
    assert (directory / "given").read_text() == sync_text(FLEET, PRIVATE, parse_peers(peer(), FLEET))


def test_a_refused_list_leaves_the_tunnel_alone_and_the_next_one_is_applied(directory: Path) -> None:
    peer_list, path = PeerList(directory, HubKey(directory), Endpoints(None)), directory / "wireguard" / "peers.conf"
    path.write_text(peer(address="0.0.0.0/0"))
    assert "E807" in str(peer_list.look())
    assert calls(directory) == 0
    path.write_text(peer())
    assert peer_list.look() == "1 peers"


def test_a_mended_fleet_file_is_reason_enough_to_look_again(directory: Path) -> None:
    peer_list, text = PeerList(directory, HubKey(directory), Endpoints(None)), (directory / "fleet.toml").read_text()
    (directory / "fleet.toml").write_text("broken")
    assert "E101" in str(peer_list.look())
    (directory / "fleet.toml").write_text(text)
    assert peer_list.look() == "0 peers"


def test_a_list_without_end_is_not_read_to_its_end(directory: Path) -> None:
    (directory / "wireguard" / "peers.conf").write_bytes(b"#" * (MAX_PEERS_BYTES + 1))
    assert "larger than" in str(PeerList(directory, HubKey(directory), Endpoints(None)).look())


def test_the_hubs_key_is_made_once_and_read_by_root_alone(tmp_path: Path) -> None:
    public, changed = ensure_hub_key(tmp_path)
    assert changed
    path = tmp_path / "hub_wg_key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert public_from_private(path.read_text().strip()) == public
    assert ensure_hub_key(tmp_path) == (public, [])
