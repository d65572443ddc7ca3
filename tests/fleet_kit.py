"""A small fleet in the lab, driven by HQ's own commands: what its tests do to it, how they look at what came of it."""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from noc.lab.hq import Headquarters
from noc.lab.lab import Lab
from noc.lab.pilot import POLICY, Setting, Stage
from noc.lab.places import Places
from node_tree import make_release
from service_variants import build_variant

ROOT = Path(__file__).parents[1]
NODES = ("virginia", "london", "frankfurt", "singapore")
LIVE = ("virginia", "frankfurt")
TIMES: dict[str, float] = {
    **POLICY,
    "soak": 1,
    "canary_soak": 2,
    "health_deadline": 10,
    "confirm_deadline": 15,
    "lease_ttl": 30,
}
IN_HAND = {"activate", "prove", "soak", "confirm", "revert", "prove-old"}
FLEET_FILE = "/etc/noc/fleet.toml"
ANY_FAILURE = tuple(range(1, 9))
KNOCK = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor
def knock(port):
    try:
        socket.create_connection((sys.argv[1], int(port)), timeout=2).close()
    except OSError:
        return ""
    return port
with ThreadPoolExecutor(16) as pool:
    print(*filter(None, pool.map(knock, sys.argv[2:])))
"""
# On HQ: as soon as the newest journal gets a record of that step, state and node, its writer gets that signal.
AMBUSH = """
import json, os, pathlib, subprocess, sys, time
step, state, node, number = sys.argv[1:]
show = ["systemctl", "show", "--value", "--property=MainPID", "noc-runner"]
pid = int(subprocess.run(show, capture_output=True, check=True).stdout)
runs = pathlib.Path("/var/lib/noc/runs")
read = {path: path.stat().st_size for path in runs.glob("*/journal.jsonl")}
print("ready", flush=True)
end = time.monotonic() + 60
while time.monotonic() < end:
    for path in runs.glob("*/journal.jsonl"):
        before = read.get(path, 0)
        if path.stat().st_size == before:
            continue
        with path.open("rb") as file:
            file.seek(before)
            lines = file.read().split(b"\\n")
        read[path] = before + sum(len(line) + 1 for line in lines[:-1])
        for line in lines[:-1]:
            record = json.loads(line)
            if (record["step"], record["state"]) == (step, state) and node in ("", record["node"]):
                os.kill(pid, int(number))
                sys.exit()
    time.sleep(0.001)
sys.exit("no such record")
"""


@dataclass
class Fleet:
    """HQ and its nodes: the stage they were made on, and the first releases that HQ knows."""

    stage: Stage
    first: str
    second: str
    bad: Path
    builds: Iterator[int] = field(default_factory=lambda: itertools.count(100))

    @property
    def hq(self) -> Headquarters:
        return self.stage.hq

    @property
    def lab(self) -> Lab:
        return self.stage.lab

    def provision(self, *nodes: str, statuses: tuple[int, ...] = (0,), **given: str) -> dict[str, Any]:
        """`noc provision`, by default with the address and host key that the console shows."""
        hosts = []
        for node in nodes:
            address, key = given.get("ip", self.lab.address(node)), given.get("host_key", self.lab.host_key(node))
            hosts += ["--host", f"{node}={address},{key}".rstrip(",")]
        argv = ("provision", *nodes, *hosts, "--release", self.first)
        document: dict[str, Any] = self.hq.noc(*argv, timeout_s=300, statuses=statuses)
        return document

    def deploy(self, release: str, *nodes: str, status: int = 0) -> dict[str, dict[str, Any]]:
        """`noc deploy`; the rows by node."""
        document = self.hq.noc("deploy", *(nodes or LIVE), release, statuses=(status,))
        return {row["node"]: row for row in document["nodes"]}

    def bad_release(self, build: int, behaviour: str) -> str:
        """A release, rightly signed, of a service that misbehaves; its hash, known to HQ."""
        signer = self.stage.operator.directory / "identity" / "release_key"
        return self.hq.add_release(make_release(self.bad, build, behaviour, signer=signer))

    def release(self, on: Mapping[str, str] = {}, **more: Any) -> str:
        """A release of the real service with the next build number; its hash, known to HQ. See build_variant."""
        key = self.stage.operator.directory / "identity" / "release_key"
        return self.hq.add_release(build_variant(self.bad, next(self.builds), on, key=key, **more))

    def under_way(self, *words: str) -> "subprocess.Popen[str]":
        """A command of `noc` on HQ, under way."""
        return self.started(self.lab.console("zurich", "noc", *words, "--json"))

    def started(self, argv: list[str]) -> "subprocess.Popen[str]":
        """A command on this machine, under way."""
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def deploying(self, *words: str) -> "subprocess.Popen[str]":
        """`noc deploy` on HQ, under way."""
        return self.under_way("deploy", *words)

    def sees(self, command: "subprocess.Popen[str]", step: str) -> None:
        """Wait until a command tells of a step."""
        assert command.stderr is not None
        assert any(f"  {step}  " in line for line in command.stderr)

    def sees_after(self, command: "subprocess.Popen[str]", *steps: str) -> None:
        """Wait until a command tells of one step after the other."""
        for step in steps:
            self.sees(command, step)

    def events(self, after: int = 0) -> list[dict[str, Any]]:
        """What the watch has noted behind an event."""
        url = f"http://hq/api/v1/events?limit=1000&after={after}"
        document = self.hq.sh("curl", "-s", "--unix-socket", "/run/noc-watch/watch.sock", url)
        events: list[dict[str, Any]] = json.loads(document)["events"]
        return events

    def on(self, node: str, script: str) -> str:
        """Run a shell script on a node; what it wrote."""
        done = self.lab.exec(node, "sh", "-euc", script)
        assert done.returncode == 0, done.stderr
        return str(done.stdout.decode().strip())

    def facts(self, node: str) -> dict[str, Any]:
        """What a node's activator says of it."""
        document: dict[str, Any] = json.loads(self.on(node, "python3 /usr/local/lib/noc-node/activator.py facts"))
        return document

    def tunnel_address(self, node: str) -> str:
        return self.on(node, "ip -4 -o address show wg0").split()[3].partition("/")[0]

    def handshakes(self) -> dict[str, int]:
        """The hub's last handshakes, Unix seconds by public key."""
        rows = self.hq.sh("wg", "show", "wg0", "latest-handshakes").splitlines()
        return {key: int(at) for key, at in (row.split() for row in rows)}

    def open_ports(self, node: str, address: str, *ports: int) -> list[int]:
        """Which TCP ports take a connection from a node."""
        asked = f"{address} {' '.join(map(str, ports))}"
        done = self.lab.exec(node, "python3", "-c", KNOCK, *asked.split())
        assert done.returncode == 0, done.stderr
        return [int(port) for port in done.stdout.split()]

    def serves(self, node: str) -> dict[str, Any]:
        """What a node's public name answers to a stranger, over strict TLS."""
        trust = str(self.lab.trust_bundle)
        argv = ("curl", "-sS", "--fail", "--max-time", "10", "--cacert", trust)
        done = self.lab.stranger_exec(*argv, f"https://{node}.clavitor.com/health")
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def noc_as(
        self, login: str, *words: str, statuses: tuple[int, ...] = (0,), door: str = "/run/noc-runner/runner.sock"
    ) -> dict[str, Any]:
        """A command of `noc` on HQ as another person gives it, or to another runner; its document."""
        argv = ("runuser", "-u", login, "--", "env", f"NOC_RUNNER_SOCKET={door}", "noc", *words, "--json")
        done = self.lab.exec("zurich", *argv, timeout_s=200)
        assert done.returncode in statuses, (done.returncode, done.stderr.decode(), done.stdout.decode())
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def journal(self, run: str = "last") -> list[dict[str, Any]]:
        """A run's records."""
        events: list[dict[str, Any]] = self.hq.noc("run", "show", run)["events"]
        return events

    def hq_newest_run(self) -> str:
        """The run that was begun last, by its directory on HQ."""
        return max(path.parent.name for path in (self.lab.disk("zurich") / "var/lib/noc/runs").glob("*/journal.jsonl"))

    def verdicts(self, node: str, run: str) -> list[dict[str, Any]]:
        """What a node wrote of each order that it got in a run."""
        files = (self.lab.disk(node) / "var/lib/noc-node/verdicts").glob(f"{run}*.json")
        return [json.loads(path.read_text()) for path in sorted(files)]

    def state(self, node: str, release: str) -> str:
        """The state of the last order to a node that was to bring a release, "" where there was none."""
        orders = [said for said in self.verdicts(node, "") if said["new"] == release]
        return str(max(orders, key=lambda said: said["at"])["state"]) if orders else ""

    def pending(self, node: str) -> dict[str, Any]:
        """What a node has in hand, {} for nothing."""
        try:
            found = json.loads((self.lab.disk(node) / "var/lib/noc-node/pending.json").read_text())
        except FileNotFoundError:
            return {}
        return dict(found)

    def activations(self, node: str, run: str) -> list[str]:
        """How the orders ended that a node has carried out in a run; what never began changed nothing."""
        return [said["state"] for said in self.verdicts(node, run) if said["state"] != "refused"]

    def starts(self, node: str, since: float) -> int:
        """How often systemd has started the service on a node since a moment, Unix seconds."""
        script = f"journalctl -u clavitor.service --since=@{since:.3f} -o cat | grep -c '^Started ' || true"
        return int(self.on(node, script))

    def now(self, node: str) -> float:
        """The time on a node, Unix seconds."""
        return float(self.on(node, "date +%s.%N"))

    def runs_proven(self, node: str, release: str | None = None) -> bool:
        """Whether a node stands between no two versions: one that it has proven is in place, and is what it serves."""
        facts = self.facts(node)
        whole = facts["pending"] is None and facts["current"] in facts["proven"]
        if not whole or release not in (None, facts["current"]):
            return False
        seen = self.serves(node)
        return bool((seen["version"], seen["build"]) == (facts["version"], facts["builds"][facts["current"]]))

    @contextmanager
    def ambush(self, step: str, state: str = "ok", node: str = "", signal: int = 9) -> Iterator[Callable[[], None]]:
        """Send the runner a signal as soon as its journal gets a record; what is yielded waits for that."""
        argv = self.lab.console("zurich", "python3", "-c", AMBUSH, step, state, node, str(signal))

        def sprung() -> None:
            _, complaint = watcher.communicate(timeout=90)
            assert watcher.returncode == 0, complaint

        with self.started(argv) as watcher:
            try:
                assert watcher.stdout is not None
                assert watcher.stdout.readline() == "ready\n"
                yield sprung
            finally:
                watcher.kill()

    def runner_returns(self) -> None:
        """Wait until systemd has started the runner that was killed."""
        wait_for(lambda: self.lab.exec("zurich", "noc", "runs").returncode == 0)

    def killed_at(self, step: str, state: str = "ok", node: str = "", command: tuple[str, ...] = ()) -> None:
        """Kill the runner at a record that a command makes it write, and wait for its successor."""
        with self.ambush(step, state, node) as sprung:
            self.hq.noc(*(command or ("run", "resume", "last")), statuses=ANY_FAILURE)
            sprung()
        self.runner_returns()

    def dark_at(self, step: str, state: str, node: str, command: tuple[str, ...] = ()) -> None:
        """Take HQ's power at a record, as `killed_at` takes its runner's life, and switch it on again."""
        home = self.lab.disk("zurich") / "var/lib/noc/runs"
        with self.under_way(*(command or ("run", "resume", "last"))) as under_way:
            journal = max(home.glob("*/journal.jsonl"))
            told = f'"node":"{node}"', f'"state":"{state}","step":"{step}"'
            wait_for(lambda: any(all(word in line for word in told) for line in journal.read_text().splitlines()))
            self.lab.kill("zurich")
            under_way.communicate(timeout=60)
        self.lab.boot("zurich")
        self.runner_returns()

    @contextmanager
    def edited(self, old: str, new: str) -> Iterator[None]:
        """Another line in HQ's fleet file while it lasts, as an operator's editor would leave it."""
        before = self.hq.sh("cat", FLEET_FILE)
        assert old in before
        self.write_file(before.replace(old, new, 1))
        try:
            yield
        finally:
            self.write_file(before)

    @contextmanager
    def second_runner(self) -> Iterator[str]:
        """Another runner over the same state, with a door of its own."""
        place = (
            "s#^RuntimeDirectory=.*#RuntimeDirectory=noc-second\\nEnvironment=NOC_RUNNER_SOCKET=/run/noc-second/door#"
        )
        unit = "noc-second.service"
        made = f"sed '{place}' /etc/systemd/system/noc-runner.service >/run/systemd/system/{unit}"
        self.hq.sh("sh", "-euc", f"{made}; systemctl daemon-reload; systemctl start {unit}")
        try:
            yield "/run/noc-second/door"
        finally:
            self.hq.sh("sh", "-euc", f"systemctl stop {unit}; rm /run/systemd/system/{unit}; systemctl daemon-reload")

    def write_file(self, text: str) -> None:
        """Let HQ's fleet file say something else, as an operator's editor would leave it."""
        self.hq.sh("runuser", "-u", "noc-runner", "--", "tee", FLEET_FILE, stdin=text.encode())


def rows(command: "subprocess.Popen[str]") -> dict[str, dict[str, Any]]:
    """What a command that was under way says of each node at its end."""
    output, complaint = command.communicate(timeout=200)
    assert output, complaint
    return {row["node"]: row for row in json.loads(output)["nodes"]}


def in_hand(events: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Node, begin and end of the time in which each node was in hand: from its activation to its last step."""
    found: dict[str, tuple[str, str, str]] = {}
    for event in events:
        if event["node"] and event["step"] in IN_HAND:
            begin = found.get(event["node"], ("", event["at"], ""))[1]
            found[event["node"]] = (event["node"], begin, event["at"])
    return list(found.values())


def wait_for(condition: Callable[[], bool], deadline_s: float = 120, every_s: float = 0.05) -> None:
    """Wait until a condition holds; fail after a deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s} s"
        time.sleep(every_s)


@contextmanager
def small_fleet(work: Path, more: str = "") -> Iterator[Fleet]:
    """HQ installed from the distributed file and four machines; virginia and frankfurt live on 1.0.0.

    Args:
        work: a directory for what the fleet is made from.
        more: tables that the fleet file has beside the lab's own.
    """
    argv = [sys.executable, str(ROOT / "tools" / "dist.py"), "--out", str(work)]
    dist = Path(subprocess.run(argv, check=True, capture_output=True, text=True, timeout=900).stdout.strip())
    (work / "bad").mkdir()
    lab = Lab(Places(state=work / "lab", cache=Places.default().cache))
    lab.up(NODES, bare=["frankfurt"])
    try:
        stage = Stage(lab, Setting(nodes=NODES, dist=dist, work=work, policy=TIMES), lambda _: None)
        first, second = stage.prepare()
        key = stage.hq.sh("cat", "/etc/noc-trust/hub_ssh_key.pub").strip()
        for node in NODES:
            lab.authorize(node, key)
        fleet = Fleet(stage, first, second, work / "bad")
        if more:
            fleet.write_file(f"{stage.hq.sh('cat', FLEET_FILE)}\n{more}")
        fleet.provision(*LIVE)
        yield fleet
    finally:
        lab.down()
