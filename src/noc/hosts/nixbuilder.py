"""NixOS systems made away from their nodes: on HQ or another machine, one at a time, within a memory bound."""

import asyncio
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from noc.hosts import nixbuild
from noc.hosts.errors import BuildFailed, ClosureMissing, LockMissing
from noc.hosts.nixbuild import Remote

CLOSURES = Path("/var/lib/noc/closures")
EVALUATE_S, BUILD_S, MOVE_S = 300.0, 3600.0, 1800.0
_WORDS = 600
# One evaluation at a time, whoever asks for it: two would take twice the memory.
_ONE_AT_A_TIME = asyncio.Lock()


@dataclass(frozen=True)
class Ran:
    """What a command left: status (-n for signal n), output, last words, and the most memory it held, in bytes."""

    status: int
    output: str
    words: str
    peak_bytes: int


@dataclass(frozen=True)
class Built:
    """A node's system.

    Attributes:
        closure: its path in HQ's store.
        inputs: names what it was made from, see `nixbuild.inputs`.
        evaluate_s, build_s: seconds that it took.
        peak_bytes: memory that the evaluation held at the most; on another builder that of the connection.
    """

    closure: str
    inputs: str
    evaluate_s: float = 0
    build_s: float = 0
    peak_bytes: int = 0


class Systems:
    """The systems of a fleet's NixOS nodes in HQ's store: `<node>` links to the one that is wanted.

    `<node>.json` says what that was made from; `<node>.running` and `<node>.before` keep what the node runs, and ran
    before, from being collected.
    """

    def __init__(self, builder: str, memory_mb: int, key: Path, closures: Path = CLOSURES) -> None:
        """Make systems.

        Args:
            builder: `hq`, `ci` or `ssh://…`, as `noc.fleet.building.Nixos` has it.
            memory_mb: what an evaluation may take of the address space.
            key: private key file with which another builder is entered.
            closures: the directory of links.
        """
        self._ci, self._memory_mb, self._closures = builder == "ci", memory_mb, closures
        remote = builder.removeprefix("ssh://")
        self._remote = Remote(remote, key) if remote != builder else None

    def closure(self, directory: Path, node: str) -> str:
        """The path of a node's system, as it was made from exactly what lies in a flake's directory.

        Raises:
            ClosureMissing: it was not made, or from something else.
            LockMissing: the directory pins no nixpkgs.
        """
        if self._ci:
            return linked(self._closures, node)
        wanted, known = self._inputs(directory, node), self._known(node)
        if known is None or known.inputs != wanted:
            why = "what it is made from has changed since" if known else f"{self._closures / node} is missing"
            fix = f"noc deploy {node} --config --plan builds it"
            raise ClosureMissing(f"no NixOS system was built for {node}", why=why, fix=fix)
        return known.closure

    async def make(self, directory: Path, node: str) -> Built:
        """Make a node's system from a flake's directory; one that was made from the same before is taken as it is.

        Raises:
            LockMissing: the directory pins no nixpkgs.
            BuildFailed: it cannot be evaluated, built, or brought here.
            ClosureMissing: systems are brought, and this one was not.
        """
        if self._ci:
            return Built(linked(self._closures, node), "")
        wanted = self._inputs(directory, node)
        async with _ONE_AT_A_TIME:
            known = self._known(node)
            if known is not None and known.inputs == wanted:
                return known
            built = await (self._elsewhere if self._remote else self._here)(directory, node, wanted)
            self._keep(node, built)
        return built

    async def proven(self, node: str) -> None:
        """A node has confirmed the system that is wanted of it: that and the one before are kept from now on.

        Raises:
            BuildFailed: Nix would not keep them.
        """
        link, running, before = (self._closures / f"{node}{suffix}" for suffix in ("", ".running", ".before"))
        wanted = linked(self._closures, node)
        if running.is_symlink() and os.fspath(running.readlink()) != wanted:
            await _done(node, "keep", nixbuild.realise(os.fspath(running.readlink()), before), MOVE_S)
        if not running.is_symlink() or os.fspath(running.readlink()) != wanted:
            await _done(node, "keep", nixbuild.realise(wanted, running), MOVE_S)
        assert link.is_symlink()

    async def collect(self) -> None:
        """Give up what no link keeps. Raises BuildFailed."""
        async with _ONE_AT_A_TIME:
            await _done("HQ", "collect", nixbuild.collect(), BUILD_S)

    def _inputs(self, directory: Path, node: str) -> str:
        if not (directory / nixbuild.LOCK).is_file():
            what = "the fleet directory pins no nixpkgs"
            why = f"{directory / nixbuild.LOCK} is missing; it is made on the real HQ, once"
            raise LockMissing(what, why=why, fix=nixbuild.make_lock(directory))
        try:
            return nixbuild.inputs(directory, node)
        except OSError as error:
            what, why = f"no NixOS system can be built for {node}", f"{error.filename} is missing"
            raise ClosureMissing(what, why=why, fix="noc render, once HQ has its keys: noc hub install") from None

    def _known(self, node: str) -> Built | None:
        try:
            built = Built(**json.loads((self._closures / f"{node}.json").read_text()))
            return built if linked(self._closures, node) == built.closure else None
        except (OSError, ValueError, TypeError, ClosureMissing):
            return None

    def _keep(self, node: str, built: Built) -> None:
        beside = self._closures / f".{node}.json.new"
        beside.write_text(json.dumps(asdict(built)) + "\n")
        beside.replace(self._closures / f"{node}.json")

    async def _here(self, directory: Path, node: str, wanted: str) -> Built:
        self._closures.mkdir(parents=True, exist_ok=True)
        begun = time.monotonic()
        asked = await _done(node, "evaluate", nixbuild.evaluate(str(directory), node, self._memory_mb), EVALUATE_S)
        between = time.monotonic()
        await _done(node, "build", nixbuild.realise(asked.output.strip(), self._closures / node), BUILD_S)
        seconds = round(between - begun, 3), round(time.monotonic() - between, 3)
        return Built(linked(self._closures, node), wanted, *seconds, asked.peak_bytes)

    async def _elsewhere(self, directory: Path, node: str, wanted: str) -> Built:
        assert self._remote is not None
        self._closures.mkdir(parents=True, exist_ok=True)
        begun = time.monotonic()
        await _done(node, "send", ("bash", "-euc", nixbuild.send(directory, self._remote)), MOVE_S)
        evaluate = nixbuild.evaluate(f"./{nixbuild.BUILDER_DIRECTORY}", node, self._memory_mb)
        asked = await _done(node, "evaluate", self._remote.there(evaluate), EVALUATE_S)
        between = time.monotonic()
        out = await _done(node, "build", self._remote.there(nixbuild.realise(asked.output.strip())), BUILD_S)
        fetch, variables = nixbuild.fetch(out.output.strip(), self._remote)
        await _done(node, "fetch", fetch, MOVE_S, variables=variables)
        await _done(node, "keep", nixbuild.realise(out.output.strip(), self._closures / node), MOVE_S)
        seconds = round(between - begun, 3), round(time.monotonic() - between, 3)
        return Built(linked(self._closures, node), wanted, *seconds, asked.peak_bytes)


async def new_lock(directory: Path) -> None:
    """Lock a flake's inputs anew. Raises BuildFailed where what they name cannot be asked, or Nix is not here."""
    async with _ONE_AT_A_TIME:
        await _done("nixpkgs", "lock", nixbuild.update_lock(), EVALUATE_S, directory=directory)


def linked(closures: Path, node: str) -> str:
    """Where the link of a node's system leads. Raises ClosureMissing where there is none, or it leads nowhere."""
    link = closures / node
    try:
        return os.fspath(link.resolve(strict=True))
    except OSError:
        fix = f"noc deploy {node} --config --plan builds it; where systems are brought, see docs/nixos.md"
        raise ClosureMissing(f"no NixOS system was built for {node}", why=f"{link} is missing", fix=fix) from None


async def _done(
    node: str,
    verb: str,
    argv: Sequence[str],
    within_s: float,
    *,
    variables: Mapping[str, str] = {},
    directory: Path | None = None,
) -> Ran:
    """Run one command to its good end. Raises BuildFailed with its last words."""
    try:
        ran = await asyncio.to_thread(run_measured, argv, within_s, variables, directory)
    except FileNotFoundError as error:
        what = f"{verb} of {node} failed"
        raise BuildFailed(what, why=f"{error.filename} is not here", fix="noc hub install --nix") from None
    if ran.status:
        held = f", having held {ran.peak_bytes >> 20} MiB" if verb == "evaluate" else ""
        why = f"{_ended(ran.status, within_s)}{held}: {ran.words}"
        raise BuildFailed(f"{verb} of {node} failed", why=why, fix="docs/nixos.md, when a build fails")
    return ran


def _ended(status: int, within_s: float) -> str:
    if status == -signal.SIGKILL:
        return f"killed: out of memory, or not done within {within_s:g} s"
    return f"signal {-status}" if status < 0 else f"status {status}"


def run_measured(
    argv: Sequence[str], within_s: float, variables: Mapping[str, str] = {}, directory: Path | None = None
) -> Ran:
    """Run a command, end it where it takes too long, and say what it held in memory at the most (wait4(2)).

    Args:
        argv: the command.
        within_s: seconds until it and all that it started are killed.
        variables: added to the environment.
        directory: to work in, None for ours.

    Raises:
        FileNotFoundError: the program is not here.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            env=os.environ | variables, cwd=directory, start_new_session=True,
        )  # fmt: skip
        late = threading.Timer(within_s, os.killpg, (process.pid, signal.SIGKILL))
        late.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            late.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        words = err.read().decode(errors="replace").strip()[-_WORDS:]
        told = "".join(char if char.isprintable() else " " for char in words)
        return Ran(process.returncode, out.read().decode(errors="replace"), told, usage.ru_maxrss * 1024)
