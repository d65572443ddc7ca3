"""A node's configuration is changed by its activator, on a real host: it is kept, or the node comes back by itself."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab_road import Road
from noc.fleet.load import load
from noc.hosts.activation import Activator
from noc.hosts.answers import Verdict
from noc.hosts.bundle import Bundle
from noc.hosts.caddy import CADDYFILE
from noc.hosts.debian import RULES, Debian
from noc.hosts.debiantunnel import TUNNEL_CONFIG
from noc.hosts.errors import ConnectionLost, Unreachable
from noc.hosts.files import File
from noc.hosts.order import Order
from noc.hosts.platform import NodeConfig
from noc.hosts.shell import Shell
from noc.hosts.ssh import Authority, Pinned
from noc.hosts.trust import generate_key, sign_host
from noc.lab.lab import Lab
from noc.lab.places import Places
from noc.mesh.config import hub_config, spoke_config
from node_tree import make_key, make_release

NAME = "virginia"
SERVICE = "/etc/systemd/system/clavitor.service"
HUB = "/etc/wireguard/wg0"
ENVIRONMENT = {
    "CLAVITOR_DB": "/var/lib/clavitor/clavitor.db",
    "KUMA_PUSH_URL": "http://127.0.0.1:8084/api/push/secret",
}
# What Caddy runs by, from its own mouth.
PROXY_RUNS_BY = """
import socket
with socket.socket(socket.AF_UNIX) as door:
    door.connect("/run/caddy/admin.sock")
    door.sendall(b"GET /config/ HTTP/1.0\\r\\n\\r\\n")
    print(b"".join(iter(lambda: door.recv(65536), b"")).decode())
"""
_numbers = itertools.count(1)


@dataclass
class Node:
    """One live node, reached through its tunnel as HQ reaches it."""

    lab: Lab
    road: Road
    authority: Authority
    config: NodeConfig
    _shell: Shell | None = field(default=None)

    @property
    def shell(self) -> Shell:
        assert self._shell is not None
        return self._shell

    @property
    def activator(self) -> Activator:
        return Activator(self.shell)

    @property
    def rendered(self) -> Bundle:
        return Debian().bundle(self.config)

    def other(self, changes: Mapping[str, tuple[str, str]]) -> Bundle:
        """The rendered configuration, with a text in some files replaced by another one."""
        files = dict(self.rendered.files)
        for path, (old, new) in changes.items():
            assert old in files[path].text
            files[path] = File(files[path].text.replace(old, new), files[path].mode)
        return Bundle(files)

    async def dial(self, timeout_s: float = 5) -> Shell:
        return await self.road.connect(NAME, self.config.tunnel_address, self.authority, timeout_s=timeout_s)

    async def come(self, within_s: float = 60) -> None:
        """A new connection in place of the old one, as soon as there is one to be had."""
        await self.leave()
        async with asyncio.timeout(within_s):
            while self._shell is None:
                try:
                    self._shell = await self.dial()
                except (Unreachable, ConnectionLost):
                    await asyncio.sleep(0.2)

    async def leave(self) -> None:
        if self._shell is not None:
            with suppress(ConnectionLost):
                await self._shell.close()
            self._shell = None

    async def begin(self, bundle: Bundle, *, confirm: float = 60) -> str:
        """Stage and start; the run's id."""
        run = f"config-{next(_numbers)}"
        await self.activator.stage_config(bundle)
        await self.activator.start(Order(run, 1, None, bundle.sha256, confirm, 10))
        return run

    async def reach(self, run: str, *states: str) -> Verdict:
        """The verdict in one of some states, asked again over a new connection where one breaks."""
        async with asyncio.timeout(90):
            while True:
                try:
                    verdict = await self.activator.status(run, 5)
                except ConnectionLost:
                    await self.come()
                    continue
                if verdict.state in states:
                    return verdict
                assert not verdict.final, verdict
                await asyncio.sleep(0.1)

    async def differences(self) -> tuple[str, ...]:
        return await self.activator.compare(self.rendered.hashes())

    async def says(self, *argv: str) -> str:
        return (await self.shell.run(*argv)).stdout

    async def moment(self, unit: str, of: str) -> int:
        """Microseconds from the node's start to a moment of a unit's life; 0 for never."""
        return int(await self.says("systemctl", "show", "--value", f"--property={of}", unit))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """One machine, provisioned as HQ does it, with a release that it has proven."""
    work = tmp_path_factory.mktemp("config")
    (work / "releases").mkdir()
    key = generate_key("hq")
    (work / "hq").touch(mode=0o600)
    (work / "hq").write_bytes(key.private)
    make_key(work, "signer")
    lab = Lab(Places(state=work / "lab", cache=Places.default().cache))
    lab.up([NAME], authorized_keys=[key.public])
    try:
        yield asyncio.run(_provision(lab, work))
    finally:
        lab.down()


def _hq(lab: Lab, script: str, stdin: str = "") -> str:
    done = lab.exec("zurich", "sh", "-euc", script, stdin=stdin.encode())
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()


async def _provision(lab: Lab, work: Path) -> Node:
    fleet = load(lab.fleet_directory(work / "fleet", [NAME], {}))
    node, hub_key = fleet.node(NAME), _hq(lab, f"umask 077; wg genkey >{HUB}.key; wg pubkey <{HUB}.key")
    _hq(lab, f"cat >{HUB}.conf; systemctl start wg-quick@wg0", hub_config(fleet, f"{HUB}.key"))
    config = NodeConfig(
        name=NAME,
        hostname=fleet.hostname(node),
        aliases=(),
        tunnel_address=str(node.tunnel),
        wireguard=spoke_config(fleet, node, hub_key),
        hub_tunnel_address=str(fleet.hub.tunnel),
        acme_ca=fleet.acme.directory,
        acme_ca_root=lab.trust_bundle.read_text(),
        acme_email="",
        signers=f"release@example.com {(work / 'signer.pub').read_text()}",
        push_interval_s=30,
    )
    ca, debian, road = generate_key("ca"), Debian(), Road(lab, work / "hq")
    made = Node(lab, road, Authority(ca.public, NAME), config)
    shell = await road.connect(NAME, lab.address(NAME), Pinned(lab.host_key(NAME)))
    await debian.packages(shell)
    await debian.host_certificate(shell, sign_host(ca.private, await debian.host_key(shell), NAME))
    _hq(lab, f"wg set wg0 peer {await debian.tunnel_key(shell)} allowed-ips {config.tunnel_address}/32")
    await debian.tunnel(shell, config)
    await debian.units(shell, config)
    await debian.environment(shell, ENVIRONMENT)
    await debian.firewall(shell, config, revert_after_s=60)
    await shell.close()
    await made.come()
    await debian.firewall_confirm(made.shell)
    release = make_release(work / "releases", 1, signer=work / "signer")
    await made.activator.stage(release)
    await made.activator.start(Order("first", 1, release.name, None, 60, 10))
    await made.reach("first", "activated")
    assert (await made.activator.confirm("first")).state == "confirmed"
    await made.leave()
    road.close()
    return made


@pytest.fixture
async def node(live: Node) -> AsyncIterator[Node]:
    """The node as it is rendered, over a connection through its tunnel."""
    made = Node(live.lab, Road(live.lab, live.road.key_file), live.authority, live.config)
    await made.come()
    if await made.differences():
        run = await made.begin(made.rendered)
        await made.reach(run, "activated")
        await made.come()
        await made.activator.confirm(run)
    yield made
    await made.leave()
    made.road.close()


async def test_a_provisioned_node_is_as_rendered(node: Node) -> None:
    assert await node.differences() == ()


async def test_a_confirmed_configuration_is_in_force_and_stays(node: Node) -> None:
    bundle = node.other({CADDYFILE: ("2MB", "3MB"), RULES: ("80, 443", "80, 443, 8443")})
    assert await node.activator.compare(bundle.hashes()) == (CADDYFILE, RULES)
    run = await node.begin(bundle)
    await node.reach(run, "activated")
    await node.come()
    assert (await node.activator.confirm(run)).state == "confirmed"
    await asyncio.to_thread(node.lab.kill, NAME)
    await asyncio.to_thread(node.lab.boot, NAME)
    await node.come()
    assert "8443" in await node.says("nft", "list", "table", "inet", "noc")
    assert '"max_size":3000000' in await node.says("python3", "-c", PROXY_RUNS_BY)
    assert (await node.activator.facts()).config == bundle.sha256
    assert await node.activator.compare(bundle.hashes()) == ()


async def test_a_firewall_that_lets_hq_in_no_more_opens_again_by_itself(node: Node) -> None:
    run = await node.begin(node.other({RULES: ('iifname "wg0" tcp dport 22 accept', "")}), confirm=6)
    await node.reach(run, "activated")
    with pytest.raises(Unreachable):
        await node.dial(timeout_s=1.5)
    await node.come()
    assert "HQ did not confirm" in (await node.reach(run, "rolled-back")).reason
    assert await node.differences() == ()


async def test_a_tunnel_to_nowhere_comes_back_by_itself(node: Node) -> None:
    run = await node.begin(node.other({TUNNEL_CONFIG: ("Endpoint = ", "Endpoint = 198.51.100.250:9 #")}), confirm=6)
    await node.come()
    assert "HQ did not confirm" in (await node.reach(run, "rolled-back")).reason
    assert await node.differences() == ()


async def test_a_unit_that_cannot_start_is_rolled_back(node: Node) -> None:
    before = (await node.activator.facts()).config
    run = await node.begin(node.other({SERVICE: ("/usr/bin/python3", "/usr/bin/absent"), CADDYFILE: ("2MB", "4MB")}))
    verdict = await node.reach(run, "rolled-back")
    assert verdict.health["version"] == "1.1.0"
    assert '"max_size":2000000' in await node.says("python3", "-c", PROXY_RUNS_BY)
    assert (await node.differences(), (await node.activator.facts()).config) == ((), before)


async def test_a_proxy_that_cannot_read_its_file_is_told_in_its_own_words(node: Node) -> None:
    run = await node.begin(node.other({CADDYFILE: ("reverse_proxy", "reverse_prox")}))
    assert "unrecognized directive: reverse_prox" in (await node.reach(run, "rolled-back")).reason
    assert await node.differences() == ()


async def test_a_power_cut_in_the_middle_brings_the_old_configuration_back_before_it_is_read(node: Node) -> None:
    changes = {
        RULES: ('iifname "wg0" tcp dport 22 accept', ""),
        TUNNEL_CONFIG: ("Endpoint = ", "Endpoint = 198.51.100.250:9 #"),
        CADDYFILE: ("2MB", "5MB"),
    }
    run = await node.begin(node.other(changes), confirm=300)
    verdict = node.lab.disk(NAME) / f"var/lib/noc-node/verdicts/{run}.json"
    async with asyncio.timeout(60):
        while not verdict.exists() or '"activated"' not in verdict.read_text():  # noqa: ASYNC110 - another machine's
            await asyncio.sleep(0.1)
    await asyncio.to_thread(node.lab.kill, NAME)
    await asyncio.to_thread(node.lab.boot, NAME)
    await node.come()
    settled = await node.moment("noc-settle.service", "ExecMainExitTimestampMonotonic")
    readers = [await node.moment(f"{unit}.service", "ExecMainStartTimestampMonotonic") for unit in ("nftables", "ssh")]
    assert 0 < settled < min(readers)
    assert "restarted before HQ had confirmed" in (await node.reach(run, "rolled-back")).reason
    assert '"max_size":2000000' in await node.says("python3", "-c", PROXY_RUNS_BY)
    assert await node.differences() == ()
