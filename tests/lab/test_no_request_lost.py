"""No request is lost while the service changes, writes included: from a stranger's machine through the real proxy."""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import steady_load
from lab_road import Road
from noc.fleet.load import load
from noc.hosts.debian import Debian
from noc.hosts.platform import NodeConfig
from noc.hosts.ssh import Pinned
from noc.hosts.trust import generate_key
from noc.lab.lab import Lab
from noc.lab.places import Places
from noc.release.build import build

NAME = "virginia"
SERVICE = Path(__file__).parents[2] / "src" / "clavitor"
RESTARTS = 3
SECONDS = 7.0
LEAST = 201
INSTALL = """
install -d /opt/clavitor/releases/first
cat >/opt/clavitor/releases/first/clavitor.pyz
ln -sfn releases/first /opt/clavitor/current
printf 'CLAVITOR_DB=/var/lib/clavitor/clavitor.db\\nCLAVITOR_DOMAIN=%s\\n' "$1" >/etc/clavitor/environment
systemctl start clavitor.socket clavitor.service
"""
# The same service without the socket: as most services are, it opens its own, and closes it when it ends.
OWN_SOCKET = """
sed '/clavitor.socket/d' /etc/systemd/system/clavitor.service >/run/systemd/system/clavitor-own.service
systemctl daemon-reload
systemctl stop clavitor.socket clavitor.service
systemctl start clavitor-own.service
"""


class Node:
    """A node in all but its tunnel, with the service behind its proxy."""

    def __init__(self, lab: Lab, hostname: str) -> None:
        self.lab, self.hostname = lab, hostname

    def run(self, script: str, *arguments: str, stdin: bytes | None = None) -> None:
        done = self.lab.exec(NAME, "sh", "-euc", script, "script", *arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr

    def answers(self) -> bool:
        trust = str(self.lab.trust_bundle)
        url = f"https://{self.hostname}/health"
        return (
            self.lab.stranger_exec("curl", "-sS", "--fail", "--max-time", "5", "--cacert", trust, url).returncode == 0
        )

    def load(self, seconds: float) -> dict[str, Any]:
        """What a stranger's POSTs came to."""
        arguments = (self.hostname, self.lab.address(NAME), str(self.lab.trust_bundle), str(seconds))
        program = (sys.executable, steady_load.__file__, *arguments, "--least", str(LEAST))
        done = self.lab.stranger_exec(*program, timeout_s=120)
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def load_over_restarts(self, unit: str) -> dict[str, Any]:
        """The same, while the unit is restarted again and again."""
        with ThreadPoolExecutor(1) as pool:
            counted = pool.submit(self.load, SECONDS)
            for _ in range(RESTARTS):
                time.sleep(SECONDS / (RESTARTS + 2))
                self.run(f"systemctl restart {unit}")
            assert not counted.done(), "the restarts outlasted the load"
            return counted.result(120)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    work = tmp_path_factory.mktemp("requests")
    key = generate_key("hq")
    (work / "key").touch(mode=0o600)
    (work / "key").write_bytes(key.private)
    payload = build(SERVICE, work, version="1.0.0", build_number=1)
    lab = Lab(Places(state=work / "lab", cache=Places.default().cache))
    lab.up([NAME], authorized_keys=[key.public])
    try:
        fleet = load(lab.fleet_directory(work / "fleet", [NAME], {}))
        node = Node(lab, fleet.hostname(fleet.node(NAME)))
        asyncio.run(_prepare(lab, work / "key", node.hostname, fleet.acme.directory))
        node.run(INSTALL, node.hostname, stdin=payload.read_bytes())
        end = time.monotonic() + 30
        while not node.answers():
            assert time.monotonic() < end, "no certificate"
            time.sleep(0.2)
        yield node
    finally:
        lab.down()


async def _prepare(lab: Lab, key: Path, hostname: str, acme: str) -> None:
    road = Road(lab, key)
    shell, debian = await road.connect(NAME, lab.address(NAME), Pinned(lab.host_key(NAME))), Debian()
    config = NodeConfig(
        name=NAME,
        hostname=hostname,
        aliases=(),
        tunnel_address="10.84.0.11",
        wireguard="",
        hub_tunnel_address="10.84.0.1",
        acme_ca=acme,
        acme_ca_root=lab.trust_bundle.read_text(),
        acme_email="",
        signers="",
        push_interval_s=30,
    )
    await debian.packages(shell)
    await debian.units(shell, config)
    await shell.close()
    road.close()


def test_a_restart_loses_no_request_while_systemd_holds_the_socket(node: Node) -> None:
    counted = node.load_over_restarts("clavitor.service")
    assert counted["sent"] >= LEAST
    assert counted["failed"] == []


def test_the_same_load_loses_requests_where_the_service_owns_its_socket(node: Node) -> None:
    node.run(OWN_SOCKET)
    counted = node.load_over_restarts("clavitor-own.service")
    assert counted["failed"] != []
