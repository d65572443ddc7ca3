"""A node's file tree with a real service on it: releases signed by a real key, started by small_init."""

import hashlib
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from noc.hosts.node import activator
from noc.hosts.programs import node_programs

INIT = Path(__file__).with_name("small_init.py")
DEADLINE_S = 20
DETACHED = ["setsid", "-f", "sh", "-c", 'exec "$0" "$@" >/dev/null 2>&1']

PAYLOAD = """
import json, os, signal, socket, sys, threading, time, uuid
BEHAVIOUR = {behaviour!r}
if BEHAVIOUR == "crash":
    print("cannot start: \\x1b[31mno reason\\x1b[0m", flush=True)
    sys.exit(3)
if BEHAVIOUR.startswith("crash-after-"):
    threading.Timer(float(BEHAVIOUR[12:]), lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
boot, began = str(uuid.uuid4()), time.monotonic()
if BEHAVIOUR == "silent":
    time.sleep(600)
if BEHAVIOUR == "slow-again":
    started = sys.argv[0] + ".started"
    if os.path.exists(started):
        time.sleep(2)
    open(started, "w").close()
if BEHAVIOUR == "dies-nameless":
    threading.Timer(0.5, lambda: os.kill(os.getpid(), 40)).start()
listener = socket.socket(fileno=int(sys.argv[2]) if sys.argv[2:] else 3)
while True:
    connection, _ = listener.accept()
    connection.recv(4096)
    sick = BEHAVIOUR == "sick" or (BEHAVIOUR == "falls-ill" and time.monotonic() - began > 0.5)
    body = json.dumps({{"status": "ok", "version": {version!r}, "build": {build!r}, "boot_id": boot, "db": "ok"}})
    if BEHAVIOUR == "trickles":
        connection.sendall(b"HTTP/1.1 200 OK\\r\\n")
        for _ in range(150):
            connection.sendall(b"x: y\\r\\n")
            time.sleep(0.1)
    line = "500 Internal Server Error" if sick else "200 OK"
    connection.sendall(f"HTTP/1.1 {{line}}\\r\\nConnection: close\\r\\n\\r\\n{{body}}".encode())
    connection.close()
"""


def make_key(directory: Path, name: str) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", directory / name], check=True)
    return directory / name


def make_release(
    releases: Path, build: int, behaviour: str = "ok", *, signer: Path, size: int = 0, **changes: Any
) -> Path:
    """A signed release in `releases/<sha256>`, of at least `size` bytes; changes override its manifest's fields."""
    version = f"1.{build}.0"
    says = ("1.0.0", 1) if behaviour == "old-version" else (version, build)
    content = PAYLOAD.format(behaviour=behaviour, version=says[0], build=says[1]).encode()
    content += b"#" * (size - len(content))
    sha = hashlib.sha256(content).hexdigest()
    directory = releases / sha
    directory.mkdir(exist_ok=True)
    (directory / "clavitor.pyz").write_bytes(content)
    now = datetime.now(UTC)
    manifest = {
        "product": "clavitor",
        "version": version,
        "build": build,
        "sha256": sha,
        "size": len(content),
        "created": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "expires": (now + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    (directory / "manifest.json").write_text(json.dumps(manifest | changes))
    sign_release(directory, signer)
    return directory


def sign_release(directory: Path, key: Path, namespace: str = "noc-release") -> None:
    (directory / "manifest.json.sig").unlink(missing_ok=True)
    argv = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(key), str(directory / "manifest.json")]
    subprocess.run(argv, check=True, capture_output=True)


@dataclass
class Tree:
    """One node under a temporary root."""

    base: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root = self.base / "root"
        for name in ("opt/clavitor/releases", "etc/noc-node", "var/lib/noc-node", "var/lib/clavitor"):
            (self.root / name).mkdir(parents=True)
        self.key, self.stranger = make_key(self.base, "signer"), make_key(self.base, "stranger")
        self.trust(self.key)
        for path, text in node_programs(str(self.base / "programs")).items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text)
        self.port = self._boot_manager()
        self.write_layout()

    def trust(self, key: Path) -> None:
        public = key.with_name(key.name + ".pub").read_text()
        (self.root / "etc/noc-node/signers").write_text(f"release@example.com {public}")

    def _boot_manager(self) -> int:
        port_file = self.base / "port"
        argv = [sys.executable, str(INIT), "serve", str(self.root), str(port_file)]
        self.processes.append(subprocess.Popen(argv))
        wait_until(lambda: port_file.exists() and port_file.read_text() and (self.root / "control").exists())
        return int(port_file.read_text())

    def write_layout(self, **changes: Any) -> None:
        layout = {
            "root": str(self.root),
            "port": self.port,
            "restart": [sys.executable, str(INIT), "restart", str(self.root)],
            "stop": [sys.executable, str(INIT), "stop", str(self.root)],
            "show": [sys.executable, str(INIT), "show", str(self.root)],
            "logs": ["tail", "-n", "20", str(self.root / "log")],
            "stopping": ["echo", "running"],
            "launch": DETACHED,
            "launch_recovery": DETACHED,
            "reserve": 1024,
        }
        (self.base / "layout.json").write_text(json.dumps(layout | changes))

    def close(self) -> None:
        if pid := self.acting():
            with suppress(ProcessLookupError):
                os.kill(pid, 9)
        for process in self.processes:
            process.terminate()
            process.wait(10)

    def release(self, build: int, behaviour: str = "ok", *, signer: Path | None = None, **changes: Any) -> str:
        """Put a signed release on the node; returns its hash."""
        releases = self.root / "opt/clavitor/releases"
        return make_release(releases, build, behaviour, signer=signer or self.key, **changes).name

    def sign(self, sha: str, key: Path, namespace: str = "noc-release") -> None:
        sign_release(self.root / "opt/clavitor/releases" / sha, key, namespace)

    def ask(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """One verb, without a process for it; its status and its document."""
        return activator.answer(["--layout", str(self.base / "layout.json"), *arguments])

    def call(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """One verb of the activator as it is installed."""
        program = [sys.executable, str(self.base / "programs/activator.py"), "--layout", str(self.base / "layout.json")]
        done = subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def order(
        self,
        verb: str,
        sha: str | None,
        run: str,
        *more: str,
        fence: int = 1,
        confirm: float = 20,
        health: float = 10,
    ) -> dict[str, Any]:
        """`arm` or `start`; what the activator says to it."""
        options = ["--run", run, "--fence", str(fence)]
        options += ["--confirm-within", str(confirm), "--health-within", str(health)]
        return self.call(verb, *([sha] if sha else []), *options, *more)[1]

    def start(self, sha: str | None, run: str, *more: str, **options: Any) -> dict[str, Any]:
        return self.order("start", sha, run, *more, **options)

    def arm(self, sha: str | None, run: str, *more: str, **options: Any) -> dict[str, Any]:
        return self.order("arm", sha, run, *more, **options)

    def kill_acting(self) -> None:
        """End the process that carries out an order, as an out-of-memory killer would."""
        os.kill(self.acting() or 0, 9)
        wait_until(lambda: self.acting() is None)

    def reach(self, run: str, *states: str) -> dict[str, Any]:
        """The verdict, once it is in one of the states; fails with it where another end comes first."""
        deadline, known = time.monotonic() + DEADLINE_S, "staged"
        while time.monotonic() < deadline:
            verdict = self.ask("status", run, "--wait", "10", "--not", known)[1]
            known = verdict["state"]
            if known in states:
                return verdict
            assert known in {"staged", "armed", "activating", "activated"}, verdict
        raise AssertionError(f"{run} is still {known}")

    def prove(self, sha: str | None, run: str, *more: str, **options: Any) -> dict[str, Any]:
        """Activate and confirm."""
        assert self.start(sha, run, *more, **options)["ok"]
        self.reach(run, "activated")
        return self.ask("confirm", run)[1]

    @property
    def current(self) -> str | None:
        link = self.root / "opt/clavitor/current"
        return link.readlink().name if link.is_symlink() else None

    def acting(self) -> int | None:
        """The process id of the act that runs, found by who holds its lock."""
        lock = self.root / "var/lib/noc-node/lock"
        if not lock.exists():
            return None
        inode = f":{lock.stat().st_ino} "
        holders = [line.split()[4] for line in Path("/proc/locks").read_text().splitlines() if inode in line]
        return int(holders[0]) if holders else None


def wait_until(condition: Any, within_s: float = DEADLINE_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
