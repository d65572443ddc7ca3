"""A fleet whose domain is led to several nodes: a stand-in for the provider and its name server, and nodes that answer
for the domain once their proxy was told to and has a certificate."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import dns.asyncquery
import dns.message
from pyrage import x25519

from cloudflare_name_server import NameServer
from cloudflare_stand_in import GOOD, Account
from here_shell import Here
from noc.cloud.acme.certificate import Certificate
from noc.fleet.inventory import Life, NodeRecord, load_inventory, save_inventory
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.hosts import certificates
from noc.hosts.bundle import Bundle
from noc.hosts.files import File
from noc.hosts.platform import NodeConfig
from noc.hosts.shell import Result
from noc.hosts.web import Health
from noc.lab.authority import Authority
from noc.runs.paths import Paths
from noc.runs.site.escrow import escrow
from noc.runs.site.site import Site
from runs_kit import HUB_KEY, NAMES, FakePlatform, FakeShell, FakeWays, FakeWeb, World, make_site

DOMAIN = "clavitor.test"
ADDRESSES = {name: f"192.0.2.{number}" for number, name in enumerate(NAMES, 11)}
HERE = Here()


class ProxyShell(FakeShell):
    """A node's shell, whose proxy keeps its certificates below a directory of its own on this machine."""

    async def run(self, *argv: str, stdin: bytes | None = None, timeout_s: float = 30, check: bool = True) -> Result:
        if argv[0] == "sh":
            return await HERE.run(*map(self._own, argv), check=check)
        return await super().run(*argv, stdin=stdin, timeout_s=timeout_s, check=check)

    async def put(
        self, content: bytes | Path, path: str, *, mode: int = 0o644, timeout_s: float = 600, resume: bool = False
    ) -> int:
        return await HERE.put(content, self._own(path), mode=mode)

    def _own(self, text: str) -> str:
        return text.replace(certificates.STORAGE, storage(self.name))


def storage(node: str) -> str:
    """Where a node's proxy keeps its certificates."""
    return f"{certificates.STORAGE}/of-{node}"


@dataclass
class Names:
    """Which public names a configuration lets a proxy answer, by the configuration's hash."""

    told: dict[str, tuple[str, ...]] = field(default_factory=dict)


class ProxyPlatform(FakePlatform):
    """A platform that renders the names that a node's proxy answers."""

    def __init__(self, world: World, names: Names) -> None:
        super().__init__(world)
        self._names = names

    def bundle(self, config: NodeConfig) -> Bundle:
        made = Bundle({"/etc/caddy/Caddyfile": File(f"{config.hostname} {' '.join(config.aliases)}")})
        self._names.told[made.sha256] = (config.hostname, *config.aliases)
        return made


class ProxyWays(FakeWays):
    """Ways to such nodes."""

    def __init__(self, world: World, fleet: Fleet, names: Names) -> None:
        super().__init__(world, fleet)
        self._platform = ProxyPlatform(world, names)

    async def dial(self, name: str, address: str, trust: Any, *, timeout_s: float, segment: int | None = None) -> Any:
        shell = await super().dial(name, address, trust, timeout_s=timeout_s, segment=segment)
        return ProxyShell(shell.world, shell.machine, shell.address)


class RoutedWeb(FakeWeb):
    """Public names as strangers see them: the domain is led by its name server, and answered by a proxy or not."""

    def __init__(self, world: World, names: Names, server: NameServer, authority: str) -> None:
        super().__init__(world)
        self._names, self._server, self._authority = names, server, authority

    def face(self, hostname: str, *, keep: bool = True) -> Any:
        return FakeWeb(self._world).face(hostname, keep=keep)

    async def health(self, hostname: str, address: IPv4Address | None = None) -> Health:
        if hostname != DOMAIN:
            return await self._of(hostname.partition(".")[0])
        where = str(address) if address else await self._led()
        node = next((name for name, each in ADDRESSES.items() if each == where), None)
        if node is None or not self._answers(node):
            return Health(trouble="no certificate for that name", stage="certificate")
        return await self._of(node)

    async def _of(self, node: str) -> Health:
        """What a node answers; no two of them name the same process."""
        found = await super().health(f"{node}.{DOMAIN}")
        return replace(found, boot_id=f"{node} {found.boot_id}")

    async def _led(self) -> str:
        if held := self._server.held.get(DOMAIN):
            return held
        query = dns.message.make_query(DOMAIN, "A")
        answer = await dns.asyncquery.udp(query, "127.0.0.1", 5, self._server.port)
        return next((row.to_text() for rows in answer.answer for row in rows), "")

    def _answers(self, node: str) -> bool:
        config = self._world.machines[node].config
        at = certificates.place(self._authority, DOMAIN).replace(certificates.STORAGE, storage(node))
        return DOMAIN in self._names.told.get(config or "", ()) and Path(f"{at}/{DOMAIN}.json").exists()


@dataclass
class Routed:
    """The fleet, its provider and its name server; each command sees the fleet as it is then."""

    paths: Paths
    world: World
    account: Account
    server: NameServer
    names: Names = field(default_factory=Names)

    def site(self) -> Site:
        fleet = load(self.paths.fleet)
        made = make_site(self.paths, fleet, self.world)
        web: Any = RoutedWeb(self.world, self.names, self.server, fleet.acme.authority)
        return replace(made, ways=ProxyWays(self.world, fleet, self.names), web=web)

    def routing(self, table: str) -> None:
        """Let `[routing]` say this and nothing else."""
        file = self.paths.fleet / "fleet.toml"
        head = file.read_text().partition("[routing]\n")[0]
        file.write_text(f"{head}[routing]\n{table}\n")

    def learn(self, **nodes: NodeRecord) -> None:
        known = load_inventory(self.paths.fleet)
        save_inventory(self.paths.fleet, known.model_copy(update={"nodes": {**known.nodes, **nodes}}))

    def proven(self, apex: str) -> None:
        """Let all nodes be known to answer for the domain, one of them chosen, as `noc dns apex` would leave it."""
        known = load_inventory(self.paths.fleet)
        told = {"apex": apex, "answers_apex": NAMES, "routed": NAMES}
        save_inventory(self.paths.fleet, known.model_copy(update=told))

    def led_to(self) -> list[str]:
        """The nodes to whose pools the domain's balancer leads."""
        pools = self.account.balancing.rows["pools"]
        rows = self.account.balancing.rows["balancers"].values()
        return [pools[id_]["name"].removeprefix("clavitor_") for row in rows for id_ in row["default_pools"]]


def live(name: str) -> NodeRecord:
    """A live node's record."""
    return NodeRecord(life=Life.LIVE, release="a" * 64, address=IPv4Address(ADDRESSES[name]))


def routed_fleet(paths: Paths, world: World, account: Account, server: NameServer) -> Routed:
    """Three live nodes with their addresses, HQ with its credentials and a certificate for the domain."""
    account.zones, account.balancing.zone = {DOMAIN: "a" * 32}, DOMAIN
    made = Routed(paths, world, account, server)
    file = paths.fleet / "fleet.toml"
    table = f'[dns]\napi = "{account.url}"\nserver = "{server.server}"\nttl = 60\n'
    file.write_text(f"{file.read_text()}{table}")
    secrets = {"dns_token": GOOD, "escrow_key": str(x25519.Identity.generate())}
    for name, secret in secrets.items():
        (paths.credentials / name).write_text(f"{secret}\n")
        (paths.credentials / name).chmod(0o600)
    made.learn(**{name: live(name) for name in NAMES})
    site = made.site()
    chain, key = Authority().issue(DOMAIN, IPv4Address("127.0.0.1"), ends=timedelta(days=80))
    escrow(site).keep(DOMAIN, Certificate.read(chain.decode(), key.decode()), site.fleet.acme.authority)
    assert site.book.inventory.hub.wireguard_key == HUB_KEY
    return made
