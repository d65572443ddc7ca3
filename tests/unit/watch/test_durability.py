"""An acknowledged push survives: SIGKILL under load, and a power failure at any moment of a recorded life."""

import os
import random
import shutil
import subprocess
import threading
from collections import defaultdict
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from sqlite3 import DatabaseError

import pytest

from disk_trace import (
    EVERYTHING,
    NOTHING,
    ONLY_LAST,
    Choice,
    Disk,
    Found,
    Step,
    end_traced,
    open_image,
    read_trace,
    traced,
)
from watch_kit import NAMES, Pusher, Server, address, write_fleet

PUSHES = 25


@dataclass(frozen=True)
class Life:
    """The recorded life of one server: every step of its disk, and its answers."""

    steps: list[Step]
    files: list[str]


def record(directory: Path, synchronous: str) -> Life:
    """Run a server under strace; each node pushes, and the last two die at the end. Then SIGKILL."""
    if not shutil.which("strace"):
        (pytest.fail if os.geteuid() == 0 else pytest.skip)("needs strace: sh tools/packages.sh test")
    directory.mkdir()
    fleet = write_fleet(directory / "fleet")
    trace = directory / "trace"
    server = Server(directory, fleet, command=traced(trace, synchronous))
    server.start()
    try:
        nodes = [threading.Thread(target=push_and_die, args=(name, server.port)) for name in NAMES]
        for node in nodes:
            node.start()
        for node in nodes:
            node.join()
    finally:
        assert isinstance(server.process, subprocess.Popen)
        end_traced(server.process)
    return Life(read_trace(trace, directory), [path.name for path in directory.glob("watch.db*")])


def push_and_die(name: str, port: int) -> None:
    """Push with numbers 1, 2, 3 …; the last push reports a death, with a number of its own."""
    pusher = Pusher(name, port)
    for number in range(1, PUSHES + 1):
        last = number == PUSHES and name != NAMES[0]
        words = "status=down&msg=killed-KILL" if last else "status=up&msg=OK"
        assert pusher.push(f"{words}&seq={number}&boot=b1", body=b'{"ram_mb": 41.5}')[0] == 200
    pusher.close()


class Promises:
    """What the server has promised by its answers so far."""

    def __init__(self) -> None:
        self._names = {address(name): name for name in NAMES}
        self._answers: dict[str, int] = defaultdict(int)

    def take(self, step: Step) -> None:
        """Count an answer of 200: the k-th of a node acknowledges its push number k."""
        if step.what == "answer" and step.data.startswith(b"HTTP/1.1 200") and step.name in self._names:
            self._answers[self._names[step.name]] += 1

    def lost(self, found: Found) -> list[str]:
        """What was promised and is not there."""
        pushes = [(name, number) for name, count in self._answers.items() for number in range(1, count + 1)]
        missing = [f"{name} {number}" for name, number in pushes if (name, number) not in found.pushes]
        dead = [name for name, count in self._answers.items() if count == PUSHES and name != NAMES[0]]
        return missing + [f"the alert of {name}" for name in dead if (name, "opened") not in found.alerts]

    @property
    def count(self) -> int:
        """How many pushes were acknowledged."""
        return sum(self._answers.values())


def lost_with_certain_content_only(life: Life, folder: Path) -> list[str]:
    """Everything that was promised at some moment, and that a power failure at that moment would have taken."""
    disk, promises, lost = Disk(), Promises(), []
    found = Found(frozenset(), frozenset())
    stale = True
    for step in life.steps:
        disk.take(step)
        promises.take(step)
        stale = stale or step.what in {"sync", "create", "unlink"}
        if step.what == "answer":
            try:
                found, stale = (open_image(disk.image(NOTHING), folder), False) if stale else (found, False)
            except DatabaseError as error:
                return [f"the whole database: {error}"]
            lost += promises.lost(found)
    assert promises.count == len(NAMES) * PUSHES
    assert any(step.what == "write" and step.name == "watch.db" and step.offset > 0 for step in life.steps), (
        "no checkpoint"
    )
    return lost


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """A server's life as it is in production."""
    return record(tmp_path_factory.mktemp("power") / "full", "FULL")


def test_a_power_failure_at_any_answer_loses_nothing_that_was_acknowledged(life: Life, tmp_path: Path) -> None:
    assert lost_with_certain_content_only(life, tmp_path / "image") == []


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_the_same_check_finds_what_a_less_careful_setting_loses(synchronous: str, tmp_path: Path) -> None:
    careless = record(tmp_path / "careless", synchronous)
    assert lost_with_certain_content_only(careless, tmp_path / "image") != []


def test_a_cut_at_every_write_and_inside_of_it_loses_nothing_that_was_acknowledged(life: Life, tmp_path: Path) -> None:
    disk, promises, chance = Disk(), Promises(), random.Random(84)
    for step in life.steps:
        disk.take(step)
        promises.take(step)
        if step.what != "write":
            continue
        torn = Choice(len(disk.pending[step.name]) - 1, chance.randrange(1, len(step.data) + 1))
        for cut in (EVERYTHING, chance.choice([torn, ONLY_LAST])):
            assert promises.lost(open_image(disk.image(cut), tmp_path / "image")) == []


def test_sigkill_under_load_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    server = Server(tmp_path, write_fleet(tmp_path / "fleet"))
    acknowledged: set[tuple[str, int]] = set()
    chance = random.Random(84)
    for life_number in range(2):
        server.start()
        nodes = [
            threading.Thread(target=push_until_killed, args=(name, server.port, life_number, acknowledged))
            for name in NAMES
        ]
        for node in nodes:
            node.start()
        threading.Event().wait(chance.uniform(0.1, 0.5))
        server.kill()
        for node in nodes:
            node.join()
    server.start()
    try:
        stored = {
            (name, beat["seq"])
            for name in NAMES
            for beat in server.ask(f"/api/v1/nodes/{name}/heartbeats?limit=1000")[1]["heartbeats"]
        }
        deaths = {incident["node"] for incident in server.incidents()}
    finally:
        server.stop()
    assert len(acknowledged) > 3
    assert acknowledged <= stored
    assert open_image({path.name: path.read_bytes() for path in tmp_path.glob("watch.db*")}, tmp_path / "copy").pushes
    assert {name for name, number in acknowledged if number % 10_000 == 0} <= deaths


def push_until_killed(name: str, port: int, life_number: int, acknowledged: set[tuple[str, int]]) -> None:
    """Push until the server is gone; the first push of each life reports a death."""
    pusher = Pusher(name, port)
    for number in range(life_number * 10_000, life_number * 10_000 + 300):
        words = "status=up" if number % 10_000 else "status=down&msg=killed-KILL"
        try:
            if pusher.push(f"{words}&seq={number}&boot=b{life_number}", body=b'{"ram_mb": 41}')[0] == 200:
                acknowledged.add((name, number))
        except (OSError, HTTPException):
            break
    pusher.close()
