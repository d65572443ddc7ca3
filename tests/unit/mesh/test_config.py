"""The texts of hub and spokes, and that wg(8) takes them."""

from pathlib import Path

import pytest

from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.mesh.config import hub_config, spoke_config
from noc.mesh.keys import generate

PLAN = Path(__file__).parents[3] / "fleet"


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load(PLAN)


def test_the_hubs_half_names_its_address_and_port_and_no_key(fleet: Fleet) -> None:
    assert hub_config(fleet, "/run/key file") == (
        "[Interface]\nAddress = 10.84.0.1/24\nListenPort = 51820\nMTU = 1380\n"
        "PostUp = wg set %i private-key '/run/key file'\n"
    )


def test_a_spokes_only_peer_is_the_hub_and_only_the_hub_is_routed(fleet: Fleet) -> None:
    key = generate()[1]
    assert spoke_config(fleet, fleet.node("frankfurt"), key) == (
        "[Interface]\nAddress = 10.84.0.18/32\nMTU = 1380\n"
        f"PostUp = wg set %i private-key /etc/wireguard/wg0.key peer {key} persistent-keepalive 25\n"
        f"\n[Peer]\n# zurich\nPublicKey = {key}\nEndpoint = 185.218.204.47:51820\n"
        "AllowedIPs = 10.84.0.1/32\n"
    )
