"""The steps that make a machine a node, each on a real one, over SSH from HQ: a bare Debian without Python."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lab_road import Road
from noc.fleet.load import load
from noc.hosts.debian import Debian
from noc.hosts.debiantunnel import TUNNEL_CONFIG, UNIT
from noc.hosts.errors import AuthRefused, HostKeyMismatch, TunnelRefused, Unreachable
from noc.hosts.nixostunnel import repair
from noc.hosts.platform import NodeConfig
from noc.hosts.shell import Shell
from noc.hosts.ssh import Authority, Pinned
from noc.hosts.sshshell import SSHShell
from noc.hosts.trust import KeyPair, generate_key, sign_host
from noc.lab.lab import Lab
from noc.lab.places import Places
from noc.mesh.config import hub_config, spoke_config
from noc.mesh.keys import generate

NAME = "frankfurt"
HUB = "/etc/wireguard/wg0"


@dataclass
class Site:
    """A lab whose HQ has a tunnel hub, and one bare machine."""

    lab: Lab
    ca: KeyPair
    key: Path
    config: NodeConfig

    @property
    def pinned(self) -> Pinned:
        return Pinned(self.lab.host_key(NAME))

    @property
    def authority(self) -> Authority:
        return Authority(self.ca.public, NAME)

    @property
    def address(self) -> str:
        return self.lab.address(NAME)

    def hq(self, script: str) -> str:
        done = self.lab.exec("zurich", "sh", "-euc", script)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().strip()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    work = tmp_path_factory.mktemp("steps")
    key = generate_key("hq")
    (work / "key").touch(mode=0o600)
    (work / "key").write_bytes(key.private)
    lab = Lab(Places(state=work / "lab", cache=Places.default().cache))
    lab.up([NAME], bare=[NAME], authorized_keys=[key.public])
    try:
        yield Site(lab, generate_key("ca"), work / "key", _config(lab, work))
    finally:
        lab.down()


def _config(lab: Lab, work: Path) -> NodeConfig:
    fleet = load(lab.fleet_directory(work / "fleet", [NAME], {}))
    public = lab.exec("zurich", "sh", "-euc", f"umask 077; wg genkey >{HUB}.key; wg pubkey <{HUB}.key").stdout.decode()
    text = hub_config(fleet, f"{HUB}.key")
    assert (
        lab.exec(
            "zurich", "sh", "-euc", f"cat >{HUB}.conf; systemctl start wg-quick@wg0", stdin=text.encode()
        ).returncode
        == 0
    )
    node = fleet.node(NAME)
    return NodeConfig(
        name=NAME,
        hostname=fleet.hostname(node),
        aliases=(),
        tunnel_address=str(node.tunnel),
        wireguard=spoke_config(fleet, node, public.strip()),
        hub_tunnel_address=str(fleet.hub.tunnel),
        acme_ca=fleet.acme.directory,
        acme_ca_root=lab.trust_bundle.read_text(),
        acme_email="",
        signers="",
        push_interval_s=30,
    )


@pytest.fixture
def road(site: Site) -> Iterator[Road]:
    road = Road(site.lab, site.key)
    yield road
    road.close()


@pytest.fixture(scope="module")
def certified(site: Site) -> Site:
    """The site, its machine prepared as far as its own host key and its tunnel."""

    async def prepare() -> None:
        road, debian = Road(site.lab, site.key), Debian()
        shell = await road.connect(NAME, site.address, site.pinned)
        await debian.packages(shell)
        public = await debian.host_key(shell)
        await debian.host_certificate(shell, sign_host(site.ca.private, public, NAME))
        peer = await debian.tunnel_key(shell)
        site.hq(f"wg set wg0 peer {peer} allowed-ips {site.config.tunnel_address}/32")
        await debian.tunnel(shell, site.config)
        await debian.units(shell, site.config)
        await shell.close()
        road.close()

    asyncio.run(prepare())
    return site


@pytest.fixture
async def shell(certified: Site, road: Road) -> AsyncIterator[SSHShell]:
    opened = await road.connect(NAME, certified.address, certified.authority)
    yield opened
    await opened.close()


async def test_facts_need_no_python(site: Site, road: Road) -> None:
    shell = await road.connect(NAME, site.address, site.pinned)
    facts = await Debian().facts(shell)
    await shell.close()
    assert (facts.system, facts.has_systemd, facts.python) == ("debian", True, None)
    assert abs(facts.clock_offset_s) < 2


async def test_the_injected_host_key_is_dead_after_the_certificate(certified: Site, road: Road) -> None:
    with pytest.raises(HostKeyMismatch):
        await road.connect(NAME, certified.address, certified.pinned)


async def test_every_step_taken_again_changes_nothing(certified: Site, shell: Shell) -> None:
    debian, config = Debian(), certified.config
    public = await debian.host_key(shell)
    certificate = (await shell.run("cat", "/etc/ssh/ssh_host_noc_ed25519_key-cert.pub")).stdout.strip()
    changes = [
        await debian.packages(shell),
        await debian.host_certificate(shell, certificate),
        await debian.tunnel(shell, config),
        await debian.units(shell, config),
    ]
    assert [change.changed for change in changes] == [(), (), (), ()]
    assert public == await debian.host_key(shell)


async def test_a_private_key_is_root_s_alone(shell: Shell) -> None:
    modes = await shell.run("stat", "-c", "%a %U", "/etc/ssh/ssh_host_noc_ed25519_key", "/etc/wireguard/wg0.key")
    assert modes.stdout == "600 root\n600 root\n"


async def test_passwords_are_not_taken(shell: Shell) -> None:
    said = (await shell.run("sshd", "-T")).stdout
    assert "passwordauthentication no" in said
    assert "kbdinteractiveauthentication no" in said


async def test_an_unknown_key_of_ours_is_refused(certified: Site, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    stranger.touch(mode=0o600)
    stranger.write_bytes(generate_key("stranger").private)
    road = Road(certified.lab, stranger)
    with pytest.raises(AuthRefused):
        await road.connect(NAME, certified.address, certified.authority)
    road.close()


async def test_ssh_goes_through_the_tunnel(certified: Site, road: Road) -> None:
    shell = await road.connect(NAME, certified.config.tunnel_address, certified.authority)
    assert (await shell.run("uname", "-n")).stdout == f"{NAME}\n"
    await shell.close()


async def test_the_proxy_gets_its_certificate_before_there_is_a_service(certified: Site, shell: Shell) -> None:
    hostname = certified.config.hostname
    certified.lab.disk("zurich").joinpath("root/trust.pem").write_bytes(certified.lab.trust_bundle.read_bytes())
    curl = f"curl --silent --output /dev/null --cacert /root/trust.pem https://{hostname}/"
    certified.hq(f"timeout 60 sh -c 'until {curl}; do sleep 0.2; done'")
    assert "active" in (await Debian().status(shell, "caddy.service"))["ActiveState"]


async def test_the_service_s_socket_waits_for_a_release(shell: Shell) -> None:
    status = await Debian().status(shell, "clavitor.socket")
    assert status["ActiveState"] == "inactive"


async def test_the_environment_is_secret(shell: Shell) -> None:
    debian, values = Debian(), {"KUMA_PUSH_URL": 'http://10.84.0.1:8084/api/push/a"b$c\\d'}
    assert (await debian.environment(shell, values)).changed == ("/etc/clavitor/environment",)
    assert (await debian.environment(shell, values)).changed == ()
    assert (await shell.run("stat", "-c", "%a", "/etc/clavitor/environment")).stdout == "600\n"
    service = "--property=EnvironmentFile=/etc/clavitor/environment"
    said = await shell.run("systemd-run", "--pipe", "--quiet", "--wait", service, "printenv", "KUMA_PUSH_URL")
    assert said.stdout == values["KUMA_PUSH_URL"] + "\n"


async def test_a_firewall_that_nobody_confirms_opens_again(certified: Site, road: Road, shell: Shell) -> None:
    await Debian().firewall(shell, certified.config, revert_after_s=4)
    with pytest.raises(Unreachable):
        await road.connect(NAME, certified.address, certified.authority, timeout_s=1)
    assert (await shell.run("echo", "the session goes on")).stdout
    await shell.run("sh", "-c", "while nft list table inet noc >/dev/null 2>&1; do sleep 0.1; done", timeout_s=15)
    again = await road.connect(NAME, certified.address, certified.authority)
    await again.close()


async def test_a_running_tunnel_goes_back_from_a_configuration_that_does_not_carry(
    certified: Site, road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noc.hosts.debiantunnel.CARRIES_WITHIN_S", 3)
    inside = await _through_the_tunnel(certified, road)
    before = (await inside.run("cat", TUNNEL_CONFIG)).stdout
    wrong = certified.config.wireguard.replace("Endpoint = ", "Endpoint = 198.51.100.250:9 #")
    with pytest.raises(TunnelRefused):
        await Debian().tunnel(inside, replace(certified.config, wireguard=wrong))
    await inside.close()
    back = await _through_the_tunnel(certified, road)
    assert (await back.run("cat", TUNNEL_CONFIG)).stdout == before
    assert (await back.run("test", "-e", f"{TUNNEL_CONFIG}.trial", check=False)).status == 1
    await back.close()


async def test_a_running_tunnel_takes_a_configuration_that_carries(certified: Site, road: Road) -> None:
    inside = await _through_the_tunnel(certified, road)
    other = replace(certified.config, wireguard=certified.config.wireguard.replace("MTU = ", "MTU = 1300 #"))
    assert (await Debian().tunnel(inside, other)).changed == (TUNNEL_CONFIG, "tunnel restarted")
    assert (await Debian().tunnel(inside, other)).changed == ()
    assert "mtu 1300" in (await inside.run("ip", "link", "show", "wg0")).stdout
    assert (await Debian().tunnel(inside, certified.config)).changed == (TUNNEL_CONFIG, "tunnel restarted")
    await inside.close()


async def test_a_running_tunnel_takes_hq_s_key_and_endpoint_without_a_new_configuration(
    certified: Site, shell: Shell
) -> None:
    await shell.run("wg", "set", "wg0", "peer", generate()[1], "endpoint", "198.51.100.250:9")
    await repair(shell, certified.config.wireguard, UNIT)
    (line,) = (await shell.run("wg", "show", "wg0", "latest-handshakes")).stdout.splitlines()
    assert int(line.split()[1]) > 0


async def test_a_running_tunnel_is_what_is_configured_again_where_no_handshake_comes(
    certified: Site, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noc.hosts.nixostunnel.CARRIES_WITHIN_S", 3)
    before = (await shell.run("wg", "show", "wg0", "peers")).stdout
    wrong = certified.config.wireguard.replace(before.strip(), generate()[1])
    with pytest.raises(TunnelRefused):
        await repair(shell, wrong, UNIT)
    assert (await shell.run("wg", "show", "wg0", "peers")).stdout == before


async def test_a_confirmed_firewall_stays_over_a_power_cut(certified: Site, road: Road, shell: Shell) -> None:
    debian, config = Debian(), certified.config
    assert (await debian.firewall(shell, config, revert_after_s=30)).changed == ("firewall closed",)
    inside = await road.connect(NAME, config.tunnel_address, certified.authority)
    assert (await debian.firewall_confirm(inside)).changed == ("/etc/nftables.d/noc.nft",)
    assert (await debian.firewall(inside, config, revert_after_s=30)).changed == ()
    assert (await debian.firewall_confirm(inside)).changed == ()
    await asyncio.to_thread(certified.lab.kill, NAME)
    await asyncio.to_thread(certified.lab.boot, NAME)
    with pytest.raises(Unreachable):
        await road.connect(NAME, certified.address, certified.authority, timeout_s=1)
    back = await _through_the_tunnel(certified, road)
    assert 'iifname "wg0" tcp dport 22 accept' in (await back.run("nft", "list", "table", "inet", "noc")).stdout
    await back.close()


async def _through_the_tunnel(site: Site, road: Road) -> Shell:
    async with asyncio.timeout(30):
        while True:
            try:
                return await road.connect(NAME, site.config.tunnel_address, site.authority, timeout_s=2)
            except Unreachable:
                await asyncio.sleep(0.2)
