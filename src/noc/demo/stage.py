"""What the demo's story plays on: a watch, a receiver of alerts, and one service a node, all real, all on loopback."""

import secrets
import socket
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from ipaddress import IPv4Address
from pathlib import Path

from noc.demo.children import Child, end
from noc.demo.door import Door
from noc.demo.fleet import HUB, POLICY, Ports, demo_fleet, draw_tokens, write_fleet, write_inventory
from noc.fleet.inventory import Life
from noc.fleet.model import Fleet, Node, Policy
from noc.lab.services.ntfy.server import Server

LOOPBACK = IPv4Address("127.0.0.1")


class Stage:
    """Everything that runs. Made by `open_stage`, which also ends it.

    Attributes:
        fleet: the fleet as the demo runs it.
        watch: HQ's watch server.
        services: one service a node, by name.
        door: the watch's local API.
    """

    def __init__(self, fleet: Fleet, directory: Path, receiver: Server, page_port: int, policy: Policy) -> None:
        """Describe all processes; nothing is started yet."""
        free = free_ports(len(fleet.nodes), LOOPBACK)
        ports = Ports(free_ports(1, HUB)[0], page_port or free_ports(1, LOOPBACK)[0], receiver.server_address[1])
        self.fleet, self.door = demo_fleet(fleet, ports, policy), Door(ports.page)
        self._directory, self._receiver, self._tokens = directory, receiver, draw_tokens(fleet)
        self.watch = _watch(directory, ports)
        self.services = {
            node.name: _service(node, self._push_url(node, ports), port, directory, self.fleet)
            for node, port in zip(self.fleet.nodes, free, strict=True)
        }

    @property
    def children(self) -> list[Child]:
        """Every process of the stage."""
        return [self.watch, *self.services.values()]

    def set_up(self) -> None:
        """Write the fleet directory. Nodes are provisioned: they may push, and nobody judges them yet."""
        write_fleet(self._directory, self.fleet)
        for node in self.fleet.nodes:
            (self._directory / node.name).mkdir(mode=0o700)
        write_inventory(self._directory, self._tokens, Life.PROVISIONED)

    def go_live(self) -> None:
        """Write all nodes as live; the watch judges them from its next reload on."""
        write_inventory(self._directory, self._tokens, Life.LIVE)

    def alerts(self) -> list[str]:
        """Titles of the alerts that arrived at the receiver, in order."""
        return [message["title"] for message in self._receiver.topics.since(self.fleet.ntfy.topic, "all")]

    def _push_url(self, node: Node, ports: Ports) -> str:
        return f"http://{HUB}:{ports.push}/api/push/{self._tokens[node.name]}"


@asynccontextmanager
async def open_stage(fleet: Fleet, page_port: int, policy: Policy = POLICY) -> AsyncIterator[Stage]:
    """A stage in a temporary directory of its own; at the end no process and no file of it is left.

    Args:
        fleet: the fleet whose names and cities are played.
        page_port: port of the page on 127.0.0.1, 0 for any free one.
        policy: intervals and patience; the demo's shortened ones where none is given.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="noc-demo-")))
        stage = Stage(fleet, directory, stack.enter_context(_receiver(directory)), page_port, policy)
        try:
            stage.set_up()
            yield stage
        finally:
            end(stage.children)
            await stage.door.close()


@contextmanager
def _receiver(directory: Path) -> Iterator[Server]:
    """A receiver of alerts in a thread; its token lies where the watch looks for it."""
    token = secrets.token_urlsafe(24)
    (directory / "ntfy_token").write_text(token)
    with Server((str(LOOPBACK), 0), token) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _watch(directory: Path, ports: Ports) -> Child:
    where = ("-C", str(directory), "--db", str(directory / "watch.db"))
    listeners = ("--push-listen", f"{HUB}:{ports.push}", "--local", f"{LOOPBACK}:{ports.page}")
    environment = {"CREDENTIALS_DIRECTORY": str(directory)}
    return Child("the watch", ("noc", "watch", "serve", *where, *listeners), environment, directory / "watch.log")


def _service(node: Node, push_url: str, port: int, directory: Path, fleet: Fleet) -> Child:
    environment = {
        "CLAVITOR_DB": str(directory / node.name / "clavitor.db"),
        "CLAVITOR_DOMAIN": fleet.hostname(node),
        "CLAVITOR_LISTEN": f"{LOOPBACK}:{port}",
        "CLAVITOR_PUSH_INTERVAL": str(fleet.policy.push_interval),
        "CLAVITOR_SOURCE": str(node.tunnel),
        "KUMA_PUSH_URL": push_url,
    }
    return Child(f"the service of {node.name}", ("clavitor", "serve"), environment, directory / f"{node.name}.log")


def free_ports(count: int, address: IPv4Address) -> list[int]:
    """Ports that nobody listens on at the moment, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((str(address), 0))
        return [each.getsockname()[1] for each in sockets]
