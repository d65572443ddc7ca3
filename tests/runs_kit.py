"""What the tests of runs share: a small fleet, and machines behind the seam of Shell, Platform and Activator.

Behind that seam everything is a fake that remembers the order in which it was asked: the real ones have their own
tests, and the lab proves all of it together. The watch answers on a real Unix socket.
"""

import asyncio
import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from noc.fleet.inventory import HubRecord, Inventory, NodeRecord, save_inventory
from noc.fleet.model import Fleet, Node
from noc.hosts.activation import NodeFacts, Order, Outdated, Verdict, Verification
from noc.hosts.answers import Fetched
from noc.hosts.bundle import Bundle
from noc.hosts.errors import ActivationRefused, ConnectionLost, HostKeyMismatch, Overdue, Unreachable
from noc.hosts.files import File
from noc.hosts.platform import Change, Facts, NodeConfig
from noc.hosts.shell import Result, Session
from noc.hosts.ssh import Pinned
from noc.hosts.systemd import HOST_CERTIFICATE
from noc.hosts.trust import generate_key
from noc.hosts.web import Health
from noc.release.manifest import Manifest
from noc.runs.paths import Paths
from noc.runs.plan.plan import Plan
from noc.runs.record.journal import Journal, new_run_id
from noc.runs.record.run import Run
from noc.runs.site.book import Book
from noc.runs.site.environment import TENANT_KEY_FILE
from noc.runs.site.pushtoken import ENVIRONMENT
from noc.runs.site.site import Site
from noc.runs.site.watchdoor import WatchDoor

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NAMES = ("virginia", "frankfurt", "singapore")
FINGERPRINT = "SHA256:" + "A" * 43
HUB_KEY = "u" * 42 + "g="
HUB_CA = generate_key("ca")
OLD, NEW = "a" * 64, "b" * 64

FLEET_TOML = """
name = "clavitor"
domain = "clavitor.test"
timezone = "Europe/Zurich"
[hub]
name = "zurich"
city = "Zurich"
country = "CH"
latitude = 47.4
longitude = 8.5
provider = "hostkey"
platform = "debian"
address = "192.0.2.1"
tunnel = "10.84.0.1"
[tunnel]
network = "10.84.0.0/24"
[policy]
push_interval = 5
soak = 0.05
canary_soak = 0.05
health_deadline = 0.4
confirm_deadline = 2
[budget]
ceiling_usd = 100
[ntfy]
url = "https://ntfy.test"
topic = "alerts"
""" + "".join(
    f"""
[[nodes]]
name = "{name}"
number = {number}
city = "{name}"
country = "US"
latitude = 1
longitude = 1
provider = "aws"
platform = "debian"
tunnel = "10.84.0.{10 + number}"
subdomain = "{name}"
"""
    for number, name in enumerate(NAMES, 1)
)


def manifest(sha: str = NEW, version: str = "1.1.0", build: int = 2, size: int = 1000) -> Manifest:
    return Manifest(version=version, build=build, sha256=sha, size=size, created=NOW, expires=NOW + timedelta(days=90))


MANIFESTS = {OLD: manifest(OLD, "1.0.0", 1), NEW: manifest()}


def keep_release(store: Path, kept: Manifest) -> None:
    """A release as the store lists it: its manifest is what plans are made from."""
    fresh = kept.model_copy(update={"created": datetime.now(UTC), "expires": datetime.now(UTC) + timedelta(days=90)})
    (store / kept.sha256).mkdir()
    (store / kept.sha256 / "manifest.json").write_text(fresh.model_dump_json())


NOTHING_NEW = Outdated(set=None, packages=())


class Store:
    """A release store that holds OLD and NEW."""

    def list(self) -> tuple[Any, ...]:
        return tuple(self.get(sha) for sha in (NEW, OLD))

    def get(self, reference: str) -> Any:
        return SimpleNamespace(sha256=reference, manifest=MANIFESTS[reference], directory=Path("/releases") / reference)


@dataclass
class Machine:
    """One node. `flaw` says what goes wrong with NEW on it, "" for nothing; a release comes once `arriving` is set."""

    name: str
    flaw: str = ""
    current: str | None = OLD
    boot: str = "boot-old"
    life: int = 0
    pending: str | None = None
    fence: int = 0
    config: str | None = None
    system: str | None = None
    offered: Outdated = NOTHING_NEW
    ahead_s: float = 0
    reboot: tuple[str, ...] = ()
    configs: set[str] = field(default_factory=set)
    armed: Order | None = None
    orders: list[Order] = field(default_factory=list)
    proven: list[str] = field(default_factory=lambda: [OLD])
    releases: set[str] = field(default_factory=lambda: {OLD})
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    before: dict[str, str | None] = field(default_factory=dict)
    installed: set[str] = field(default_factory=set)
    differing: tuple[str, ...] = ()
    environment: str = ""
    tenant_key: str = ""
    telemetry: dict[str, Any] | None = None
    certificate: str = ""
    handshakes: bool = True
    arriving: asyncio.Event | None = None

    def restart(self, sha: str | None) -> None:
        self.current, self.life = sha, self.life + 1
        self.boot = f"boot-{self.life}"


@dataclass
class World:
    """All machines, and the order in which things were done to them."""

    machines: dict[str, Machine]
    log: list[tuple[str, str]] = field(default_factory=list)
    deployments: list[tuple[str, str]] = field(default_factory=list)
    reloads: int = 0
    words: str = "hello"

    def did(self, name: str, what: str) -> None:
        self.log.append((name, what))

    def order(self, *verbs: str) -> list[tuple[str, str]]:
        return [entry for entry in self.log if entry[1] in verbs]


class FakeShell:
    def __init__(self, world: World, machine: Machine, address: str) -> None:
        self.world, self.machine, self.address = world, machine, address
        self.closed = False

    @property
    def name(self) -> str:
        return self.machine.name

    async def run(self, *argv: str, stdin: bytes | None = None, timeout_s: float = 30, check: bool = True) -> Result:
        if argv[0] == "chgrp":
            self.world.did(self.machine.name, " ".join(argv))
            return Result(argv, 0, "", "")
        if argv[0] == "sh" and argv[-1] == TENANT_KEY_FILE:
            return Result(argv, 0, self.machine.tenant_key, "")
        files = {ENVIRONMENT: self.machine.environment, HOST_CERTIFICATE: self.machine.certificate}
        text = files[argv[-1]]
        return Result(argv, 0 if text else 1, text, "")

    async def script(self, text: str, *, timeout_s: float = 60, check: bool = True) -> Result:
        raise AssertionError(text)

    async def put(
        self, content: bytes | Path, path: str, *, mode: int = 0o644, timeout_s: float = 600, resume: bool = False
    ) -> int:
        assert path == TENANT_KEY_FILE
        assert isinstance(content, bytes)
        self.machine.tenant_key = f"{hashlib.sha256(content).hexdigest()} {mode:o} {path}\n"
        self.world.did(self.machine.name, "tenant-key")
        return len(content)

    async def session(self, *argv: str) -> Session:
        raise AssertionError(argv)

    async def close(self) -> None:
        self.closed = True


class FakeActivator:
    """The activator's contract without its work: states as docs/architecture.md names them."""

    def __init__(self, world: World, machine: Machine) -> None:
        self.world, self.machine = world, machine

    async def facts(self) -> NodeFacts:
        if self.machine.flaw == "lost":
            raise ConnectionLost(f"the connection to {self.machine.name} broke")
        return NodeFacts(
            current=self.machine.current,
            version=None,
            fence=self.machine.fence,
            pending=self.machine.pending,
            proven=tuple(self.machine.proven),
            disk_free_bytes=1 if self.machine.flaw == "full" else 1 << 40,
            memory_free_bytes=1 << 30,
            releases=tuple(sorted(self.machine.releases)),
            config=self.machine.config,
            system=self.machine.system,
            clock=time.time() + self.machine.ahead_s,
        )

    async def stage(self, release_dir: Path) -> int:
        self.world.did(self.machine.name, "stage")
        if self.machine.arriving is not None:
            await self.machine.arriving.wait()
        self.machine.releases.add(release_dir.name)
        return 1000

    async def stage_config(self, bundle: Bundle) -> int:
        self.world.did(self.machine.name, "stage-config")
        self.machine.configs.add(bundle.sha256)
        return 100

    async def compare(self, files: dict[str, str]) -> tuple[str, ...]:
        return self.machine.differing

    async def outdated(self) -> Outdated:
        return self.machine.offered

    async def fetch(self, system: str) -> Fetched:
        self.world.did(self.machine.name, "fetch")
        return Fetched(bytes=1000, back=system[::-1])

    async def verify(self, release: str | None, config: str | None = None, system: str | None = None) -> Verification:
        return Verification(ok=self.machine.flaw != "unsigned", code="signature", why="not signed by a signer we trust")

    async def fence(self, number: int) -> NodeFacts:
        self.world.did(self.machine.name, "fence")
        if number < self.machine.fence:
            raise ActivationRefused(f"{self.machine.name} refuses", reason="fence", why="fence")
        if number > self.machine.fence and self.machine.armed is not None:
            self._disarm("fence: a younger run has acted here since")
        self.machine.fence = number
        return await self.facts()

    def _disarm(self, reason: str) -> Verdict:
        order, self.machine.armed = self.machine.armed, None
        assert order is not None
        known = self.machine.verdicts[order.run]
        return self._tell(order.run, "refused", known.old, known.new, reason)

    async def arm(self, order: Order) -> None:
        self.world.did(self.machine.name, "arm")
        if self.machine.flaw == "refuses":
            raise ActivationRefused(f"{self.machine.name} refuses", reason="fence", why="fence")
        self.machine.fence, self.machine.armed = order.fence, order
        self._tell(order.run, "armed", self.machine.current, order.release or self.machine.current or "")

    async def go(self, run: str) -> None:
        if self.machine.flaw == "late":
            self.machine.flaw = ""
            self._disarm("late: HQ did not say go in time")
            raise ActivationRefused(f"{self.machine.name} refuses", reason="late", why="no go came in time")
        order, self.machine.armed = self.machine.armed, None
        if order is None or order.run != run:
            raise ActivationRefused(f"{self.machine.name} refuses", reason="ended", why="nothing is armed")
        await self.start(order)

    async def start(self, order: Order) -> None:
        self.world.did(self.machine.name, "start")
        if self.machine.flaw == "refuses":
            raise ActivationRefused(f"{self.machine.name} refuses", reason="fence", why="fence")
        old, self.machine.fence = self.machine.current, order.fence
        self.machine.orders.append(order)
        new = order.release or old or ""
        self.machine.pending = order.run
        config_before, self.machine.config = self.machine.config, order.config or self.machine.config
        self.machine.before[order.run] = config_before
        self.machine.system = order.system or self.machine.system
        self.machine.restart(new)
        self._tell(order.run, "activated", old, new)
        if self.machine.flaw == "dies":
            self.machine.pending = None
            self.machine.restart(old)
            self._tell(order.run, "rolled-back", old, new, "the process died: killed-KILL")

    def _tell(self, run: str, state: str, old: str | None, new: str, reason: str = "") -> Verdict:
        health = {"boot_id": self.machine.boot}
        told = Verdict(run=run, state=state, old=old, new=new, reason=reason, log=("a line",), health=health, at="")
        self.machine.verdicts[run] = told
        return told

    async def status(self, run: str, wait_s: float = 0, not_state: str | None = None) -> Verdict:
        if run not in self.machine.verdicts:
            raise ActivationRefused("nothing is known of that run", reason="unknown")
        return self.machine.verdicts[run]

    async def confirm(self, run: str) -> Verdict:
        self.world.did(self.machine.name, "confirm")
        known = self.machine.verdicts[run]
        if self.machine.flaw == "turned":
            return known
        self.machine.pending = None
        self.machine.proven = [*(sha for sha in self.machine.proven if sha != known.new), known.new]
        told = self._tell(run, "confirmed", known.old, known.new).model_copy(update={"reboot": self.machine.reboot})
        if self.machine.flaw == "mute":
            raise Overdue("the answer was lost")
        return told

    async def revert(self, run: str, reason: str, *, restore_data: bool = False) -> Verdict:
        self.world.did(self.machine.name, "revert")
        if self.machine.armed is not None and self.machine.armed.run == run:
            return self._disarm("reverted: HQ took it back before it began")
        known = self.machine.verdicts.get(run) or self._tell(run, "activated", OLD, NEW)
        if known.final:
            return known
        self.machine.pending = None
        if self.machine.flaw == "stuck":
            return self._tell(run, "rollback-failed", known.old, known.new, reason)
        self.machine.config = self.machine.before.get(run)
        self.machine.restart(known.old)
        return self._tell(run, "rolled-back", known.old, known.new, reason)


class FakePlatform:
    """A platform on which every step changes something the first time, and nothing later."""

    name = "debian"

    def __init__(self, world: World) -> None:
        self.world = world

    def _once(self, shell: Any, what: str) -> Change:
        machine: Machine = shell.machine
        self.world.did(machine.name, what)
        if machine.flaw == f"dies in {what}":
            raise ConnectionLost(f"the connection to {machine.name} broke during {what}")
        changed = what not in machine.installed
        machine.installed.add(what)
        return Change((what,) if changed else ())

    def bundle(self, config: NodeConfig) -> Bundle:
        return Bundle({"/etc/motd": File(f"{config.name} {self.world.words}")})

    async def facts(self, shell: Any) -> Facts:
        memory = 64 << 20 if shell.machine.flaw == "small" else 1 << 30
        return Facts("Debian", "12", "x86_64", memory, 1 << 40, "boot", 0.0, "3.11.2", has_systemd=True)

    async def packages(self, shell: Any) -> Change:
        return self._once(shell, "packages")

    async def tunnel_key(self, shell: Any) -> str:
        self._once(shell, "tunnel-key")
        return {name: key * 42 + "g=" for name, key in zip(NAMES, "xyz", strict=True)}[shell.machine.name]

    async def host_key(self, shell: Any) -> str:
        return HOST_PUBLIC

    async def host_certificate(self, shell: Any, certificate: str) -> Change:
        shell.machine.certificate = certificate
        return self._once(shell, "host-certificate")

    async def tunnel(self, shell: Any, config: Any) -> Change:
        return self._once(shell, "tunnel")

    async def units(self, shell: Any, config: Any) -> Change:
        return self._once(shell, "units")

    async def environment(self, shell: Any, values: dict[str, str]) -> Change:
        text = "".join(f"{name}={value}\n" for name, value in values.items())
        changed, shell.machine.environment = text != shell.machine.environment, text
        return Change(("environment",) if changed else ())

    async def firewall(self, shell: Any, config: Any, *, revert_after_s: float) -> Change:
        return self._once(shell, "firewall")

    async def firewall_confirm(self, shell: Any) -> Change:
        self.world.did(shell.machine.name, f"firewall-confirm at {shell.address}")
        return Change()

    async def restart(self, shell: Any, unit: str) -> None:
        shell.machine.restart(shell.machine.current)

    async def status(self, shell: Any, unit: str) -> dict[str, str]:
        return {"ActiveState": "active" if shell.machine.current else "inactive", "NRestarts": "0"}


HOST_PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFmBz4VfQvCNZrbsyGMAg8hUqbdTWXYm3yPMn0tjBLe7 node"


class FakeWays:
    """Machines by address: in public by the pinned key until they are certified, in the tunnel once they have a key."""

    def __init__(self, world: World, fleet: Fleet) -> None:
        self._world = world
        self._tunnels = {str(node.tunnel): node.name for node in fleet.nodes}
        self._platform = FakePlatform(world)

    async def dial(self, name: str, address: str, trust: Any, *, timeout_s: float, segment: int | None = None) -> Any:
        machine = self._world.machines[name]
        closed_public = "firewall" in machine.installed and address not in self._tunnels
        if machine.flaw == "unreachable" or closed_public or machine.flaw == f"not at {address}":
            raise Unreachable(f"{name} ({address}) cannot be reached", why="no answer")
        certified = "host-certificate" in machine.installed
        if isinstance(trust, Pinned) and (certified or trust.fingerprint != FINGERPRINT):
            raise HostKeyMismatch(f"{name} is not the machine that was meant")
        if not isinstance(trust, Pinned) and not certified:
            raise HostKeyMismatch(f"{name} shows no certificate")
        self._world.did(name, f"dial {'tunnel' if address in self._tunnels else 'public'}")
        return FakeShell(self._world, machine, address)

    def only(self, key: Path) -> "FakeWays":
        return self

    def platform(self, node: Node) -> Any:
        return self._platform

    def activator(self, shell: Any) -> Any:
        return FakeActivator(self._world, shell.machine)


class FakeWeb:
    """Public names as the machines behind them would answer."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def health(self, hostname: str) -> Health:
        machine = self._world.machines[hostname.split(".", maxsplit=1)[0]]
        if machine.current is None:
            return Health(status=502, certificate_begins=NOW, certificate_ends=NOW + timedelta(days=90))
        shown = MANIFESTS[machine.current]
        new = machine.current == NEW
        if new and machine.flaw in ("sick", "stuck"):
            return Health(status=500, certificate_ends=NOW + timedelta(days=90))
        if new and machine.flaw == "old version":
            shown = MANIFESTS[OLD]
        if new and machine.flaw == "flaps":
            machine.life += 1
            return Health(200, shown.version, shown.build, f"boot-{machine.life}", NOW, NOW + timedelta(days=90))
        return Health(200, shown.version, shown.build, machine.boot, NOW, NOW + timedelta(days=90))

    def face(self, hostname: str, *, keep: bool = True) -> Any:
        async def health() -> Health:
            return await self.health(hostname)

        async def close() -> None:
            pass

        return SimpleNamespace(health=health, close=close)


class _UnixServer(HTTPServer):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)


@contextmanager
def watch_server(path: Path, world: World) -> Iterator[None]:
    """A watch on a Unix socket, which has heard the process that each machine runs."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, document: Any) -> None:
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            if "/heartbeats" in self.path:
                last = heard(world.machines[self.path.split("/")[4]])["last_heartbeat"]
                return self._answer({"heartbeats": [last] if last else []})
            return self._answer(
                {"now": NOW.isoformat(), "nodes": [heard(machine) for machine in world.machines.values()]}
            )

        def do_PUT(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            kind, name = self.path.split("/")[3:5]
            if kind == "runs":
                return self._answer({})
            if world.machines[name].flaw == "unknown to the watch":
                return self.send_error(503)
            world.deployments.append((name, body["run"]))
            return self._answer({})

        def do_DELETE(self) -> None:
            world.deployments.append((self.path.split("/")[4], "closed"))
            self._answer({})

        def do_POST(self) -> None:
            world.reloads += 1
            self._answer({})

        def address_string(self) -> str:
            return "local"

        def log_message(self, *_: Any) -> None:
            pass

    server = _UnixServer(str(path), Handler)  # type: ignore[arg-type]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def heard(machine: Machine) -> dict[str, Any]:
    silent = machine.current is None or (machine.flaw == "no heartbeat" and machine.current == NEW)
    beat = {"at": NOW.isoformat(), "seq": 1, "boot": "boot-old" if silent else machine.boot, "version": "1"}
    if machine.telemetry is not None:
        beat["telemetry"] = machine.telemetry
    return {
        "name": machine.name,
        "life": "live",
        "state": "up",
        "last_heartbeat": None if machine.current is None else beat,
        "deployment": None,
    }


def write_fleet(directory: Path, **nodes: NodeRecord) -> None:
    (directory / "fleet.toml").write_text(FLEET_TOML)
    hub = HubRecord(wireguard_key=HUB_KEY, host_ca=HUB_CA.public)
    save_inventory(directory, Inventory(hub=hub, nodes=nodes))


def make_site(paths: Paths, fleet: Fleet, world: World) -> Site:
    return Site(
        paths=paths,
        fleet=fleet,
        book=Book(paths.fleet),
        releases=Store(),  # type: ignore[arg-type]
        watch=WatchDoor(paths.watch_socket),
        web=FakeWeb(world),  # type: ignore[arg-type]
        ways=FakeWays(world, fleet),
    )


OPEN: list[Journal] = []
"""Journals of runs that a test began; a fixture closes them."""


def begin_run(paths: Paths, plan: Plan) -> Run:
    OPEN.append(Journal.create(paths.runs, new_run_id(NOW + timedelta(milliseconds=len(OPEN)))))
    return Run(plan, "james", 7, OPEN[-1])


def steps_of(run: Run, node: str) -> list[tuple[str, str]]:
    return [(event.step, event.state.value) for event in run.events if event.node == node]
