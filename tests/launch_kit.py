"""Runs that make machines, against the stand-in for AWS; what answers there shows the key that it was handed."""

import base64
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import tomli_w

from cloud_kit import FLEET, Cloud
from noc.cloud.ec2.port import Account
from noc.fleet.inventory import HubRecord, Inventory, NodeRecord, load_inventory, save_inventory
from noc.fleet.load import load
from noc.fleet.model import Node
from noc.hosts.errors import HostKeyMismatch, Unreachable
from noc.hosts.ssh import Pinned
from noc.hosts.trust import fingerprint, generate_key
from noc.lab.cloud.account import CREDENTIALS, Settings
from noc.lab.cloud.front import Front
from noc.lab.cloud.server import served
from noc.runs.launch.adopt import adopt
from noc.runs.launch.launch import launch_nodes
from noc.runs.launch.plans import plan_adopt, plan_launch, plan_terminate
from noc.runs.launch.terminate import terminate_nodes
from noc.runs.paths import Paths
from noc.runs.plan.plan import Options, Plan
from noc.runs.provision.node import NodeProvision
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.site.book import Book
from noc.runs.site.site import Site
from runs_kit import begin_run

HUB_KEY = generate_key("noc@zurich").public
NOW = datetime.now(UTC)


@dataclass
class Hosts:
    """What the stand-in starts: by node, what it was handed at its first boot."""

    handed: dict[str, str] = field(default_factory=dict)
    lets_in: dict[str, str] = field(default_factory=dict)

    def address(self, node: str) -> str | None:
        return None

    def started(self, node: str, user_data: str, authorized_key: str) -> None:
        self.handed[node], self.lets_in[node] = base64.b64decode(user_data).decode(), authorized_key

    def ended(self, node: str) -> None:
        del self.handed[node]

    def fingerprint(self, node: str) -> str:
        """Of the host key that it was handed."""
        return fingerprint(self.handed[node].split("SSH_HOST_ED25519_KEY_PUB:")[1].strip())


@dataclass
class HandedWays:
    """Every address is the machine's that is asked for; it shows the key that it was handed."""

    hosts: Hosts
    dialled: list[str] = field(default_factory=list)

    async def dial(self, name: str, address: str, trust: Any, *, timeout_s: float) -> Any:
        self.dialled.append(address)
        if name not in self.hosts.handed:
            raise Unreachable(f"{name} cannot be reached", why="no answer")
        if trust != Pinned(self.hosts.fingerprint(name)):
            raise HostKeyMismatch(f"{name} is not the machine that was meant")
        return self

    async def close(self) -> None:
        """As a shell's."""

    def platform(self, node: Node) -> Any:
        """Nothing is done on the machine."""
        return None


class QuietWatch:
    """Counts how often it was asked to read the inventory again."""

    reloads = 0

    async def reload(self) -> None:
        self.reloads += 1


@dataclass
class Room:
    """One HQ, its account, and what runs there."""

    paths: Paths
    cloud: Cloud
    hosts: Hosts
    watch: QuietWatch = field(default_factory=QuietWatch)
    runs: list[Run] = field(default_factory=list)

    @property
    def site(self) -> Site:
        """The fleet as it is now."""
        return Site(
            paths=self.paths, fleet=load(self.paths.fleet), book=Book(self.paths.fleet), releases=None,  # type: ignore[arg-type]
            watch=self.watch, web=None, ways=HandedWays(self.hosts),  # type: ignore[arg-type]
        )  # fmt: skip

    def record(self, node: str = "frankfurt") -> NodeRecord:
        """What the inventory on the disk says of a node."""
        return load_inventory(self.paths.fleet).record(node)

    def plan(self, *names: str, batch: int | None = None) -> Plan:
        """The outline of a launch."""
        inventory = load_inventory(self.paths.fleet)
        return plan_launch(self.site.fleet, inventory, names, NOW, batch)

    async def launch(self, *names: str) -> dict[str, Verdict]:
        """Launch nodes; the verdicts by node."""
        return await self._ran(launch_nodes, self.plan(*(names or ("frankfurt",))))

    async def terminate(self, *names: str, **options: bool) -> dict[str, Verdict]:
        """Terminate nodes; the verdicts by node."""
        asked = plan_terminate(self.site.fleet, names or ("frankfurt",), NOW, Options.model_validate(options))
        return await self._ran(terminate_nodes, asked)

    async def adopt(self, address: str, key: str, node: str = "frankfurt") -> dict[str, Verdict]:
        """Take a machine over; the verdicts by node."""
        options = Options(address={node: IPv4Address(address)}, host_key={node: key})
        return await self._ran(adopt, plan_adopt(self.site.fleet, [node], NOW, options))

    async def by_hand(self, address: str, key: str, node: str = "frankfurt") -> None:
        """The first contact of `noc provision NODE --ip … --host-key …`."""
        inventory = load_inventory(self.paths.fleet)
        hub = inventory.hub.model_copy(update={"host_ca": HUB_KEY})
        save_inventory(self.paths.fleet, inventory.model_copy(update={"hub": hub}))
        site, options = self.site, Options(address={node: IPv4Address(address)}, host_key={node: key})
        await NodeProvision(
            site, site.fleet.node(node), options, rollout=None, release=None, staging=None,  # type: ignore[arg-type]
        ).contact()  # fmt: skip

    def forget(self) -> None:
        """Let the inventory know of no node."""
        inventory = load_inventory(self.paths.fleet)
        save_inventory(self.paths.fleet, inventory.model_copy(update={"nodes": {}}))

    async def _ran(self, work: Any, plan: Plan) -> dict[str, Verdict]:
        self.runs.append(begin_run(self.paths, plan))
        return {verdict.node: verdict for verdict in await work(self.runs[-1], self.site)}

    def write(self, **tables: Any) -> None:
        """Change tables of the fleet file."""
        path = self.paths.fleet / "fleet.toml"
        document = tomllib.loads(path.read_text())
        for name, value in tables.items():
            document[name] = {**document.get(name, {}), **value} if isinstance(value, dict) else value
        path.write_text(tomli_w.dumps(document))


@contextmanager
def room(directory: Path, **settings: Any) -> Iterator[Room]:
    """HQ with the plan's fleet and an account that is empty."""
    for name in ("fleet", "runs", "credentials"):
        (directory / name).mkdir()
    hosts = Hosts()
    front = Front(hosts, Settings.model_validate(settings))
    with served(front) as url:
        paths = Paths(fleet=directory / "fleet", runs=directory / "runs", credentials=directory / "credentials")
        (paths.fleet / "fleet.toml").write_text((FLEET / "fleet.toml").read_text())
        save_inventory(paths.fleet, Inventory(hub=HubRecord(ssh_key=HUB_KEY)))
        (paths.credentials / "aws").write_text(CREDENTIALS)
        (paths.credentials / "aws").chmod(0o600)
        made = Room(paths, Cloud(front, Account(CREDENTIALS, url), load(FLEET)), hosts)
        made.write(launch={"endpoint": url})
        yield made
