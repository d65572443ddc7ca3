"""A lab fleet to measure on: HQ installed, every node live, and hands on every disk for what is not measured."""

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, TypeVar

from noc.fleet.load import load
from noc.lab.hq import Headquarters
from noc.lab.lab import Lab
from noc.lab.operator import Operator
from rolling import limit, meter
from rolling.payload import Payload, Payloads

_T = TypeVar("_T")
SOAK_S = 0.001
"""As short as the model allows: what a soak costs is chosen by the operator, and the same for every tool."""
POLICY = {"soak": SOAK_S, "canary_soak": SOAK_S}
AT_ONCE = 8
ANSWER_S = 20
RELEASES = Path("opt/clavitor/releases")
DIRECT = "100"
"""The routing table of the way around the tunnel."""


class Failed(Exception):
    """A run did not do what it was measured for, so its time means nothing."""


@dataclass(frozen=True)
class Sample:
    """One measured run of a command on HQ.

    Attributes:
        seconds: from its start to its end.
        cpu_s: user and system time of its processes.
        peak_mb: the most that they held at once, shared pages counted in parts.
        status: its exit status.
        words: the end of what it printed.
    """

    seconds: float
    cpu_s: float
    peak_mb: float
    status: int
    words: str


class House:
    """A lab that is up, and what its parts are called.

    Args:
        lab: not yet up.
        nodes: names of the nodes; they are kept in the fleet's order.
        work: directory for identities and payloads.
        tell: where a line of progress goes.
        policy: what the fleet file says of rollouts and pushes.
    """

    def __init__(
        self,
        lab: Lab,
        nodes: Sequence[str],
        work: Path,
        tell: Callable[[str], None],
        *,
        policy: Mapping[str, float] = POLICY,
    ) -> None:
        self._policy = dict(policy)
        self.lab, self.nodes, self.tell = lab, tuple(nodes), tell
        self.hq = Headquarters(lab)
        self.work = work
        self.operator = Operator(work / "operator")
        self.payloads = Payloads(self.operator)
        self.tunnels: dict[str, IPv4Address] = {}
        self.hostnames: dict[str, str] = {}
        self.base: Payload

    def found(self, dist: Path, *, bare: Sequence[str] = ()) -> None:
        """Boot everything and install HQ; no node is provisioned yet."""
        self.lab.up(self.nodes, bare=bare)
        self.operator.init()
        fleet = self.lab.fleet_directory(self.work / "fleet", self.nodes, self._policy)
        rehearsed = load(fleet)
        self.nodes = tuple(node.name for node in rehearsed.nodes)
        self.tunnels = {node.name: node.tunnel for node in rehearsed.nodes}
        self.hostnames = {node.name: rehearsed.hostname(node) for node in rehearsed.nodes}
        self.hq.install(dist, fleet, self.operator.trust, self.lab.ntfy_token)
        self.write(self.hq.name, "root/meter.py", Path(meter.__file__).read_bytes())
        for node in self.nodes:
            self.write(node, "root/limit.py", Path(limit.__file__).read_bytes())
        self.tell(f"HQ and {len(self.nodes)} nodes are up, HQ is installed")

    def provision(self) -> Sample:
        """Provision every node at once to its first release."""
        self.base = self.payloads.make()
        self.hq.add_release(self.base.directory)
        key = self.hq.sh("cat", "/etc/noc-trust/hub_ssh_key.pub").strip()
        hosts = []
        for node in self.nodes:
            self.lab.authorize(node, key)
            hosts += ["--host", f"{node}={self.lab.address(node)},{self.lab.host_key(node)}"]
        command = ("provision", *self.nodes, *hosts, "--release", self.base.version)
        sample = self.noc(*command, within_s=60 + 30 * len(self.nodes))
        self.tell(f"{len(self.nodes)} nodes provisioned to live in {sample.seconds:.1f} s")
        return sample

    def noc(self, *args: str, within_s: float = 600, statuses: tuple[int, ...] = (0,)) -> Sample:
        """Measure a `noc … --json` on HQ together with the runner that it leaves the work to. Raises Failed."""
        sample = self.measure("/usr/local/bin/noc", *args, "--json", unit="noc-runner.service", within_s=within_s)
        if sample.status not in statuses:
            raise Failed(f"noc {' '.join(args[:3])} … ended with {sample.status}: {sample.words[-1500:]}")
        return sample

    def measure(self, *argv: str, unit: str = "", within_s: float = 900) -> Sample:
        """Run a command on HQ and say what it cost."""
        metered = ["python3", "/root/meter.py", *(["--unit", unit] if unit else []), "--within", f"{within_s:g}"]
        said = json.loads(self.hq.sh(*metered, "--", *argv, timeout_s=within_s + 30))
        return Sample(**said)

    def last_run(self) -> list[dict[str, Any]]:
        """The records of the last run."""
        events: list[dict[str, Any]] = self.hq.noc("run", "show", "last")["events"]
        return events

    def sent_bytes(self) -> int:
        """What HQ has sent into the tunnels so far."""
        return sum(int(line.split()[2]) for line in self.hq.sh("wg", "show", "wg0", "transfer").splitlines())

    def write(self, machine: str, path: str, content: bytes) -> None:
        """Put a file on a machine's disk, past its network."""
        target = self.lab.disk(machine) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def everywhere(self, do: Callable[[str], _T]) -> dict[str, _T]:
        """Do something for every node, a few at once, in the fleet's order."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(self.nodes, pool.map(do, self.nodes), strict=True))

    def on(self, node: str, *argv: str) -> str:
        """Run a command at a node's console. Raises Failed."""
        done = self.lab.exec(node, *argv)
        if done.returncode:
            raise Failed(f"{node}: {' '.join(argv[:3])} … ended with {done.returncode}: {done.stderr.decode()[-500:]}")
        return done.stdout.decode()

    def place(self, payload: Payload) -> None:
        """Put a release on every node's disk, running nowhere yet."""
        self.everywhere(partial(self._place, payload=payload))

    def _place(self, node: str, payload: Payload) -> None:
        shutil.copytree(payload.directory, self.lab.disk(node) / RELEASES / payload.sha256, dirs_exist_ok=True)

    def limits(self) -> list[float]:
        """Seconds from restart to healthy with a new release, measured on each node, one after the other."""
        payload = self.payloads.make()
        self.place(payload)
        change = ("python3", "/root/limit.py", payload.sha256, payload.version)
        seconds = [float(self.on(node, *change)) for node in self.nodes]
        self.back()
        return seconds

    def lacking(self, payload: Payload) -> list[str]:
        """The nodes that do not answer as this release."""
        shown = self.everywhere(self._version)
        return [node for node, version in shown.items() if version != payload.version]

    def _version(self, node: str) -> str:
        ask = ("curl", "--silent", "--max-time", "5", "http://127.0.0.1:8080/health")
        with contextlib.suppress(ValueError):
            return str(json.loads(self.lab.exec(node, *ask).stdout)["version"])
        return ""

    def back(self) -> None:
        """Bring every node back to the release that noc last confirmed, and forget all others. Raises Failed."""
        self.everywhere(self._back)
        end = time.monotonic() + ANSWER_S
        while lacking := self.lacking(self.base):
            if time.monotonic() > end:
                raise Failed(f"not back on {self.base.version}: {', '.join(lacking)}")
            time.sleep(0.1)

    def _back(self, node: str) -> None:
        releases = self.lab.disk(node) / RELEASES
        current = releases.parent / "current"
        if current.readlink().name != self.base.sha256:
            self.on(node, "ln", "-sfn", f"releases/{self.base.sha256}", "/opt/clavitor/current")
            self.on(node, "systemctl", "restart", "clavitor.service")
        for other in releases.iterdir():
            if other.name != self.base.sha256:
                shutil.rmtree(other)

    @contextlib.contextmanager
    def around_tunnel(self) -> Iterator[None]:
        """While it lasts, SSH from HQ to the nodes' tunnel addresses goes straight over the public network."""
        rule = ("rule", "{}", "to", "10.84.0.0/24", "ipproto", "6", "dport", "22", "lookup", DIRECT)
        for node, tunnel in self.tunnels.items():
            self.hq.sh("ip", "route", "replace", f"{tunnel}/32", "via", self.lab.address(node), "table", DIRECT)
        open_ssh = ("nft", "insert", "rule", "inet", "noc", "input", "tcp", "dport", "22", "accept")
        self.everywhere(lambda node: self.on(node, *open_ssh))
        self.hq.sh("ip", *(word.format("add") for word in rule))
        try:
            yield
        finally:
            self.hq.sh("ip", *(word.format("delete") for word in rule))

    @contextlib.contextmanager
    def far(self, ms: float, rate_mb_s: float) -> Iterator[None]:
        """While it lasts, every node is so far away, on a line so narrow."""
        for node in self.nodes:
            self.lab.slow(node, ms, rate_mb_s)
        try:
            yield
        finally:
            for node in self.nodes:
                self.lab.slow(node, 0)
