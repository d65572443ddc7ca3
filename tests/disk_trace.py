"""What a disk would hold after a power failure, at every moment of a real server's life.

strace records, in order, every write, sync and answer of the server. From that the files are built as they could be
after the power failed: what was synced is there for certain; what was written since may be there in whole, in part,
or not at all.
"""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

UNEVEN = """
SELECT r.node, r.grain, r.heard, h.heard, r.rams, h.rams FROM
  (SELECT node, grain, sum(beats + deaths) AS heard, total(json_extract(fields, '$.ram_mb[3]')) AS rams FROM rollups
   GROUP BY node, grain) AS r
  FULL JOIN
  (SELECT node, count(*) AS heard, total(json_extract(telemetry, '$.ram_mb') IS NOT NULL) AS rams FROM heartbeats
   GROUP BY node) AS h ON r.node = h.node
  WHERE r.heard IS NOT h.heard OR r.rams IS NOT h.rams
"""
"""Nodes of which a grain of rollups has counted other pushes, or other telemetry, than are stored."""

CALLS = "pwrite64,write,writev,sendmsg,sendto,fsync,fdatasync,ftruncate,openat,unlink,rename"
STRACE = ("strace", "-f", "-yy", "-xx", "-s", "70000", "--seccomp-bpf", "-e", f"trace={CALLS}", "-o")

_CALL = re.compile(r"(\d+) +(\w+)\((.*)")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>")
_FD = re.compile(r"\d+<((?:[^<>]|->)*)>")
_PATH = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_WRITE = re.compile(r'"((?:\\x[0-9a-f]{2})*)", \d+, (\d+)')
_ANSWER = re.compile(r'<TCP:\[[^>]*->([0-9.]+):\d+\]>.*"((?:\\x[0-9a-f]{2})*)"')


def text(escaped: str) -> bytes:
    """The bytes behind strace's `\\x..` notation."""
    return bytes.fromhex(escaped.replace("\\x", ""))


@dataclass(frozen=True)
class Step:
    """One thing that happened: `write`, `truncate`, `sync`, `create`, `unlink`, or an `answer` to a push."""

    what: str
    name: str
    offset: int = 0
    data: bytes = b""


def read_trace(path: Path, directory: Path) -> list[Step]:
    """The steps that concern the database, in order; a call that strace shows in two halves counts at its end for a
    sync, and at its start for everything else."""
    steps: list[Step] = []
    halves: dict[tuple[str, str], Step] = {}
    for line in path.read_text(errors="replace").splitlines():
        if resumed := _RESUMED.match(line):
            if step := halves.pop((resumed[1], resumed[2]), None):
                steps.append(step)
        elif (call := _CALL.match(line)) and (step := _step(call[2], call[3], directory)):
            if step.what == "sync" and "<unfinished" in line:
                halves[call[1], call[2]] = step
            else:
                steps.append(step)
    return steps


def _step(call: str, arguments: str, directory: Path) -> Step | None:
    if call in {"openat", "unlink"}:
        return _name_step(call, arguments, directory)
    if answer := _ANSWER.search(arguments):
        return Step("answer", answer[1], data=text(answer[2]))
    fd = _FD.match(arguments)
    return _file_step(call, arguments, text(fd[1]).decode(), directory) if fd and fd[1].startswith("\\x") else None


def _name_step(call: str, arguments: str, directory: Path) -> Step | None:
    opened = _PATH.search(arguments)
    if opened is None or (call == "openat" and "O_CREAT" not in arguments):
        return None
    return _named("create" if call == "openat" else "unlink", text(opened[1]).decode(), directory)


def _file_step(call: str, arguments: str, path: str, directory: Path) -> Step | None:
    if call in {"fsync", "fdatasync"}:
        return _named("sync", path, directory)
    if call == "ftruncate" and (size := re.search(r">, (\d+)", arguments)):
        return _named("truncate", path, directory, int(size[1]))
    if call == "pwrite64" and (written := _WRITE.search(arguments)):
        return _named("write", path, directory, int(written[2]), text(written[1]))
    return None


def _named(what: str, path: str, directory: Path, offset: int = 0, data: bytes = b"") -> Step | None:
    if path == str(directory):
        return Step(what, ".")
    name = path.removeprefix(f"{directory}/")
    return Step(what, name, offset, data) if name.startswith("watch.db") and not name.endswith("-shm") else None


@dataclass
class Disk:
    """What a disk holds for certain, and what is only on its way there.

    A file's name is certain once its directory was synced after the file was made; its content as of its last sync.
    """

    certain: dict[str, bytes] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    pending: dict[str, list[Step]] = field(default_factory=dict)

    def take(self, step: Step) -> None:
        """Let one step happen."""
        if step.what == "create":
            self.made.add(step.name)
        elif step.what == "unlink":
            for where in (self.certain, self.pending):
                where.pop(step.name, None)
            self.made.discard(step.name)
            self.names.discard(step.name)
        elif step.what == "sync" and step.name == ".":
            self.names |= self.made
        elif step.what == "sync":
            self.certain[step.name] = apply(self.certain.get(step.name, b""), self.pending.pop(step.name, []))
        elif step.what in {"write", "truncate"}:
            self.pending.setdefault(step.name, []).append(step)

    def image(self, choose: "Choice") -> dict[str, bytes]:
        """The files after a power failure in which `choose` decided what of the unsynced writes arrived."""
        return {
            name: apply(self.certain.get(name, b""), choose(self.pending.get(name, [])))
            for name in self.names
            if name in self.certain or self.pending.get(name)
        }


class Choice:
    """What of the unsynced writes arrived: the first `whole`, then `part` bytes of the next; or only the last."""

    def __init__(self, whole: int | None, part: int = 0, *, only_last: bool = False) -> None:
        self.whole, self.part, self.only_last = whole, part, only_last

    def __call__(self, pending: Sequence[Step]) -> list[Step]:
        """The writes that arrived."""
        if self.only_last:
            return list(pending[-1:])
        if self.whole is None:
            return list(pending)
        arrived = list(pending[: self.whole])
        if self.part and self.whole < len(pending):
            torn = pending[self.whole]
            arrived.append(Step(torn.what, torn.name, torn.offset, torn.data[: self.part]))
        return arrived


NOTHING, EVERYTHING, ONLY_LAST = Choice(0), Choice(None), Choice(0, only_last=True)


def apply(content: bytes, steps: Sequence[Step]) -> bytes:
    """A file's content after some writes and truncations."""
    file = bytearray(content)
    for step in steps:
        if step.what == "truncate":
            file[step.offset :] = bytes(max(0, step.offset - len(file)))
        else:
            file.extend(bytes(max(0, step.offset - len(file))))
            file[step.offset : step.offset + len(step.data)] = step.data
    return bytes(file)


@dataclass(frozen=True)
class Found:
    """What a database holds: each push as (node, number), and each alert that waits or went out."""

    pushes: frozenset[tuple[str, int]]
    alerts: frozenset[tuple[str, str]]


def open_image(image: dict[str, bytes], folder: Path) -> Found:
    """Put an image on a real disk, let SQLite recover it, check its integrity, and read it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in image.items():
        (folder / name).write_bytes(content)
    if not image.get("watch.db") and not image.get("watch.db-wal"):
        return Found(frozenset(), frozenset())
    connection = sqlite3.connect(folder / "watch.db")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
            return Found(frozenset(), frozenset())
        pushes = connection.execute("SELECT node, seq FROM heartbeats WHERE seq IS NOT NULL").fetchall()
        uneven = connection.execute(UNEVEN).fetchall()
        assert uneven == [], "rollups count other pushes than those that are there"
        alerts = connection.execute(
            "SELECT incidents.node, outbox.kind FROM incidents JOIN outbox ON outbox.incident = incidents.id"
        ).fetchall()
    finally:
        connection.close()
    return Found(frozenset(pushes), frozenset(alerts))


def traced(trace: Path, synchronous: str) -> tuple[str, ...]:
    """The command that runs `noc` under strace, with SQLite as careful as `synchronous` says.

    The log is taken into the database after few pages, so that a short life sees it happen several times.
    """
    settings = {"synchronous": synchronous, "wal_autocheckpoint": "50"}
    patch = f"from noc.watch.store import engine; engine.PRAGMAS |= {settings}"
    program = f"{patch}\nfrom noc.cli.main import run; run()"
    return (*STRACE, str(trace), sys.executable, "-c", program)


def end_traced(process: "subprocess.Popen[bytes]") -> None:
    """Kill the traced program, which is strace's one child, and wait for strace to write its last line."""
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)
    process.wait(20)
