"""The texts of hub and spokes, and that wg(8) takes them."""

import os
import subprocess
from pathlib import Path

import pytest

from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.mesh.config import hub_config, hub_sync_script, spoke_config
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
        "[Interface]\nAddress = 10.84.0.18/32\nMTU = 1380\nPostUp = wg set %i private-key /etc/wireguard/wg0.key\n"
        f"\n[Peer]\n# zurich\nPublicKey = {key}\nEndpoint = 185.218.204.47:51820\n"
        "AllowedIPs = 10.84.0.1/32\nPersistentKeepalive = 25\n"
    )


def test_the_peers_are_synced_with_the_hubs_own_half_in_front(fleet: Fleet, tmp_path: Path) -> None:
    """wg syncconf drops the key and the port where a file leaves them out; so the script must give them."""
    (tmp_path / "key").write_text("PRIVATE\n")
    (tmp_path / "peers.conf").write_text("[Peer]\nPublicKey = PUBLIC\n")
    recorder = tmp_path / "wg"
    recorder.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/argv\ncat "$3" > {tmp_path}/stdin\n')
    recorder.chmod(0o755)

    script = hub_sync_script(fleet, str(tmp_path / "key"), str(tmp_path / "peers.conf"))
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["sh", "-eu"], input=script, text=True, env={"PATH": path}, check=True, timeout=10)

    assert (tmp_path / "argv").read_text() == "syncconf wg0 /dev/stdin\n"
    assert (tmp_path / "stdin").read_text() == (
        "[Interface]\nListenPort = 51820\nPrivateKey = PRIVATE\n[Peer]\nPublicKey = PUBLIC\n"
    )
