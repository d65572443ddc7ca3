"""Secrets are made anew while strangers ask every node: no request and no push is lost, and HQ is never locked out."""

import json
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest

from fleet_kit import NODES, Fleet, rows, wait_for
from load_kit import load

DOWN = "singapore"
"""Its tunnel is cut while tokens and HQ's SSH key are made anew."""
UP = tuple(name for name in NODES if name != DOWN)
LOST = {"missed", "death", "foreign-token", "incident-opened"}
AUTHORIZED = "cat /root/.ssh/authorized_keys /etc/noc-node/authorized_keys/root"
SIGNED_BY = "ssh-keygen -L -f /etc/ssh/ssh_host_noc_ed25519_key-cert.pub | sed -n 's/.*Signing CA: //p'"


@dataclass
class Rotated:
    """What came of the rotations: rows of each command, what strangers counted, what the watch noted meanwhile."""

    rows: dict[str, dict[str, dict[str, Any]]]
    counted: dict[str, dict[str, Any]]
    events: list[dict[str, Any]]
    old: dict[str, str]


def of(fleet: Fleet, secret: str, *nodes: str) -> dict[str, dict[str, Any]]:
    """`noc rotate`, to its end; the rows by node."""
    with fleet.under_way("rotate", secret, *nodes) as command:
        return rows(command)


def keys(fleet: Fleet) -> dict[str, str]:
    """HQ's public keys, as the inventory has them."""
    hub: dict[str, str] = fleet.hq.noc("nodes")["hub"]
    return hub


@pytest.fixture(scope="module")
def rotated(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Rotated:
    """Tokens and HQ's SSH key with one node down, then HQ's host CA with all of them; strangers ask the others."""
    over, old = tmp_path_factory.mktemp("load") / "over", keys(fleet)
    since = max((event["id"] for event in fleet.events()), default=0)
    found = {}
    fleet.lab.cut(DOWN)
    try:
        with load(fleet, over, UP, stream=True) as clients:
            found["push-token"] = of(fleet, "push-token")
            found["ssh"] = of(fleet, "ssh")
            fleet.lab.heal(DOWN)
            wait_for(lambda: caught_up(fleet), deadline_s=420, every_s=1)
            found["ca"] = of(fleet, "ca")
            over.touch()
            counted = {node: json.loads(client.communicate(timeout=90)[0]) for node, client in clients.items()}
    finally:
        fleet.lab.heal(DOWN)
    return Rotated(found, counted, fleet.events(since), old)


def caught_up(fleet: Fleet) -> bool:
    """Whether no rotation waits for the node that was down."""
    said = fleet.hq.noc("nodes")["nodes"]
    (record,) = (node for node in said if node["name"] == DOWN)
    return bool(record["rotating"] == [])


def test_every_node_that_answers_is_rotated_and_the_other_one_is_left_as_it_was(rotated: Rotated) -> None:
    for secret in ("push-token", "ssh"):
        verdicts = {node: (row["verdict"], row["now"]) for node, row in rotated.rows[secret].items()}
        assert verdicts == {**dict.fromkeys(UP, ("rotated", "new")), DOWN: ("skipped", "old")}
    assert {row["verdict"] for row in rotated.rows["ca"].values()} == {"rotated"}


def test_no_request_is_lost(rotated: Rotated) -> None:
    assert all(counted["sent"] > 50 for counted in rotated.counted.values())
    assert [why for counted in rotated.counted.values() for why in counted["failed"]] == []


def test_no_push_is_lost(rotated: Rotated) -> None:
    assert [event for event in rotated.events if event["kind"] in LOST and event["node"] in UP] == []


def test_every_node_lets_hqs_new_key_in_and_no_other(fleet: Fleet, rotated: Rotated) -> None:
    old, new = rotated.old["ssh_key"].split()[1], keys(fleet)["ssh_key"].split()[1]
    assert old != new
    for node in NODES:
        lines = fleet.on(node, AUTHORIZED)
        assert (old in lines, new in lines) == (False, True), node


def test_hq_keeps_no_key_from_before(fleet: Fleet, rotated: Rotated) -> None:
    fleet.hq.noc("hub", "install")
    names = fleet.hq.sh("ls", "/etc/noc-credentials").split()
    assert [name for name in names if name.endswith((".next", ".before"))] == []
    said = fleet.hq.noc("doctor", statuses=(0, 1))["lines"]
    assert [line for line in said if line["what"].endswith((" rotation", " files"))] == []


def test_every_node_shows_a_certificate_of_the_new_authority(fleet: Fleet, rotated: Rotated) -> None:
    new = keys(fleet)["host_ca"]
    assert new != rotated.old["host_ca"]
    line = subprocess.run(["ssh-keygen", "-lf", "-"], input=new, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] in fleet.on(node, SIGNED_BY) for node in NODES} == {True}


def test_the_fleet_can_be_deployed_to_afterwards(fleet: Fleet, rotated: Rotated) -> None:
    assert {row["verdict"] for row in fleet.deploy(fleet.release(), *NODES).values()} == {"confirmed"}
