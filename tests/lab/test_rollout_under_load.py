"""No request is lost while the whole fleet is deployed to, and what the journal of such a rollout tells of it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fleet_kit import NODES, Fleet, in_hand, rows
from load_kit import load
from noc.runs.review.windows import overlapping

# The same service without the socket: as most services are, it opens its own, and closes it when it ends.
OWN_SOCKET = """
cp /etc/systemd/system/clavitor.service /root/kept.service
sed -i '/clavitor.socket/d' /etc/systemd/system/clavitor.service
systemctl daemon-reload
systemctl stop clavitor.socket clavitor.service
systemctl start clavitor.service
"""
HELD_SOCKET = """
mv /root/kept.service /etc/systemd/system/clavitor.service
systemctl daemon-reload
systemctl stop clavitor.service
systemctl start clavitor.socket clavitor.service
"""


@dataclass
class Loaded:
    """A rollout under load: its verdicts, its records, and what the clients of each node counted."""

    verdicts: set[str]
    events: list[dict[str, Any]]
    counted: dict[str, dict[str, Any]]

    @property
    def failed(self) -> list[str]:
        return [why for counted in self.counted.values() for why in counted["failed"]]

    def times(self, step: str, state: str) -> dict[str, str]:
        """When each node was so far, in the order in which they were."""
        rows = (event for event in self.events if (event["step"], event["state"]) == (step, state))
        return {event["node"]: event["at"] for event in rows}


def under_load(fleet: Fleet, work: Path, *nodes: str, stream: bool) -> Loaded:
    """Deploy a new release to nodes while all of them are asked."""
    release = fleet.release()
    with load(fleet, work / "over", nodes, stream=stream) as clients, fleet.deploying(*nodes, release) as command:
        found = rows(command)
        (work / "over").touch()
        counted = {node: json.loads(client.communicate(timeout=60)[0]) for node, client in clients.items()}
    return Loaded({row["verdict"] for row in found.values()}, fleet.journal(), counted)


@pytest.fixture(scope="module")
def loaded(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return under_load(fleet, tmp_path_factory.mktemp("load"), *NODES, stream=True)


def test_a_deployment_of_the_fleet_loses_no_request_of_any_kind(loaded: Loaded) -> None:
    assert loaded.verdicts == {"confirmed"}
    assert all(counted["sent"] > 50 for counted in loaded.counted.values())
    assert loaded.failed == []


def test_stages_overlap_and_activations_never_do(loaded: Loaded) -> None:
    begun, ended = loaded.times("stage", "started"), loaded.times("stage", "ok")
    assert len(begun) == len(ended) == len(NODES)
    assert max(begun.values()) < min(ended.values())
    activated = loaded.times("activate", "started")
    for number, begin in enumerate(activated.values()):
        assert all(ended[name] < begin for name in list(activated)[: number + 1])
    assert overlapping(in_hand(loaded.events)) == ""


def test_the_same_deployment_loses_requests_where_services_own_their_sockets(fleet: Fleet, tmp_path: Path) -> None:
    nodes = ("virginia", "london")
    try:
        for node in nodes:
            fleet.on(node, OWN_SOCKET)
        loaded = under_load(fleet, tmp_path, *nodes, stream=False)
    finally:
        for node in nodes:
            fleet.on(node, HELD_SOCKET)
    assert loaded.verdicts == {"confirmed"}
    assert loaded.failed != []
