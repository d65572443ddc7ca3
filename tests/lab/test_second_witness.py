"""Which part of a node is at fault: each public fault on real hosts, and what the watch and its alert call it."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from ipaddress import IPv4Address
from typing import Any

import pytest

from fleet_kit import FLEET_FILE, LIVE, Fleet, wait_for
from noc.lab.authority import Authority
from noc.lab.publicfaults import PublicFaults

DOMAIN = "clavitor.com"
NODE, OTHER = LIVE
SETTINGS = "\n[witness]\ninterval = 4\nrecheck = 1\n"
TRUST = "/etc/noc/lab-trust.pem"
SOCKET = ("curl", "-sS", "--fail-with-body", "--unix-socket", "/run/noc-watch/watch.sock")
Fault = Callable[[PublicFaults, Fleet], AbstractContextManager[None]]


def ask(fleet: Fleet, path: str, *more: str) -> Any:
    """What HQ's watch answers on its socket."""
    return json.loads(fleet.hq.sh(*SOCKET, *more, f"http://hq/api/v1/{path}") or "null")


def state(fleet: Fleet, node: str = NODE) -> str:
    return str(next(row["state"] for row in ask(fleet, "nodes")["nodes"] if row["name"] == node))


def open_incident(fleet: Fleet, node: str = NODE) -> dict[str, Any]:
    """The open incident of a node, {} for none."""
    found = [each for each in ask(fleet, "incidents?open=1")["incidents"] if each["node"] == node]
    return dict(found[0]) if found else {}


def told(fleet: Fleet, since: float) -> str:
    """What people were told of the node since a moment, Unix seconds."""
    messages = fleet.lab.ntfy_messages(fleet.lab.ntfy_topic)
    mine = [message for message in messages if message["received_at"] >= since and NODE in message["title"]]
    return " ".join(f"{message['title']} {message['message']}" for message in mine)


@pytest.fixture(scope="module")
def fleet(half_fleet: Fleet) -> Iterator[Fleet]:
    """The small fleet, whose public addresses are looked at every four seconds."""
    fleet = half_fleet
    before = fleet.hq.sh("cat", FLEET_FILE)
    try:
        write(fleet, FLEET_FILE, before + SETTINGS)
        wait_for(lambda: {state(fleet, node) for node in LIVE} == {"up"})
        yield fleet
    finally:
        write(fleet, FLEET_FILE, before)


@pytest.fixture(autouse=True)
def _well_before_and_after(fleet: Fleet) -> Iterator[None]:
    yield
    wait_for(lambda: (state(fleet), open_incident(fleet)) == ("up", {}), 120, 0.5)


def write(fleet: Fleet, path: str, text: str) -> None:
    """Another content of a file in HQ's fleet directory, which its watch reads at once."""
    fleet.hq.sh("runuser", "-u", "noc-runner", "--", "tee", path, stdin=text.encode())
    ask(fleet, "reload", "-X", "POST")


def expired(faults: PublicFaults, fleet: Fleet) -> AbstractContextManager[None]:
    """A certificate that ended yesterday, by an authority that HQ trusts."""
    authority = Authority()
    write(fleet, TRUST, fleet.hq.sh("cat", TRUST) + authority.root_pem.decode())
    address = IPv4Address(fleet.lab.address(NODE))
    pair = authority.issue(f"{NODE}.{DOMAIN}", address, ends=timedelta(days=-1))
    return faults.certificate_replaced(NODE, *pair)


def misled(faults: PublicFaults, fleet: Fleet) -> AbstractContextManager[None]:
    return faults.name_misled(NODE, IPv4Address(fleet.lab.address(OTHER)))


FAULTS: dict[str, tuple[Fault, str]] = {
    "proxy": (lambda faults, _: faults.proxy_stopped(NODE), "Connection refused"),
    "name": (misled, "there it serves"),
    "certificate": (expired, "certificate has expired"),
    "tunnel": (lambda faults, _: faults.tunnel_stopped(NODE), "in public it serves"),
    "service": (lambda faults, _: faults.service_stopped(NODE), "answers 502"),
}


@pytest.mark.parametrize("part", FAULTS)
def test_the_incident_and_its_alert_name_the_part_that_is_at_fault(fleet: Fleet, part: str) -> None:
    fault, words = FAULTS[part]
    since = time.time()
    with fault(PublicFaults(fleet.lab, DOMAIN), fleet):
        wait_for(lambda: open_incident(fleet).get("verdict") == part, 60, 0.3)
        incident = open_incident(fleet)
        assert words in incident["detail"]
        assert state(fleet) == ("unheard" if part == "tunnel" else "down")
        assert open_incident(fleet, OTHER) == {}
        wait_for(lambda: f"At fault: {part}" in told(fleet, since), 30, 0.5)


def test_pushes_arrive_all_the_time_while_only_the_proxy_is_gone(fleet: Fleet) -> None:
    after = fleet.events()[-1]["id"]
    with PublicFaults(fleet.lab, DOMAIN).proxy_stopped(NODE):
        wait_for(lambda: open_incident(fleet).get("cause") == "public", 60, 0.3)
    kinds = {event["kind"] for event in fleet.events(after) if event["node"] == NODE}
    assert "public-failed" in kinds
    assert "missed" not in kinds
