"""Operators' machines at the runner's door: written down, rendered for root, audited, and never beside a run."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from noc.cli.peer import app
from noc.errors import NocError
from noc.fleet.inventory import load_inventory
from noc.mesh.keys import generate
from runner_house import House

KEY = generate()[1]


def test_a_machine_is_added_listed_and_removed(house: House) -> None:
    added = house.client.ask("peer-add", name="mias-laptop", key=KEY, address=None)
    assert [(peer["name"], peer["address"]) for peer in added["peers"]] == [("mias-laptop", "10.84.0.2")]
    peers = (house.paths.fleet / "wireguard" / "peers.conf").read_text()
    assert f"# mias-laptop\nPublicKey = {KEY}\nAllowedIPs = 10.84.0.2/32\n" in peers
    assert house.client.ask("peers")["peers"] == added["peers"]
    house.client.ask("peer-remove", name="mias-laptop")
    assert KEY not in (house.paths.fleet / "wireguard" / "peers.conf").read_text()
    assert load_inventory(house.paths.fleet).peers == {}


def test_both_are_written_into_the_audit(house: House) -> None:
    house.client.ask("peer-add", name="mias-laptop", key=KEY, address=None)
    house.client.ask("peer-remove", name="mias-laptop")
    found = [entry["what"] for entry in house.client.ask("audit")["entries"]]
    assert {"add the peer mias-laptop", "remove the peer mias-laptop"} <= set(found)


def test_beside_a_run_nothing_is_written(house: House) -> None:
    _run, events = house.client.start(house.client.ask("plan", action="keygen", nodes=["frankfurt"])["plan"])
    next(events)
    with pytest.raises(NocError, match="a run is changing the fleet"):
        house.client.ask("peer-add", name="mias-laptop", key=KEY, address=None)
    assert load_inventory(house.paths.fleet).peers == {}
    events.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Mia's", "key": KEY},
        {"name": "mia", "key": "short"},
        {"name": "mia", "key": KEY, "address": "10.84.0.99"},
        {"name": "mia", "key": KEY, "address": "no address"},
        {"name": "mia", "key": [KEY]},
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(house: House, wrong: dict[str, Any]) -> None:
    with pytest.raises(NocError):
        house.client.ask("peer-add", **wrong)
    assert load_inventory(house.paths.fleet).peers == {}


def test_the_command_prints_a_configuration_without_a_private_key(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOC_RUNNER_SOCKET", str(house.paths.runner_socket))
    private, public = generate()
    said = CliRunner().invoke(app, ["add", "mias-laptop", "--key", public])
    lines = said.stdout.splitlines()
    assert {"Address = 10.84.0.2/32", "AllowedIPs = 10.84.0.1/32", "Endpoint = 192.0.2.1:51820"} <= set(lines)
    assert not any(line.startswith("PrivateKey") for line in lines)
    assert private not in said.output
    document = json.loads(CliRunner().invoke(app, ["list", "--json"]).stdout)
    assert [peer["key"] for peer in document["peers"]] == [public]
