"""The demo from its first process to its last: the story, and that nothing is left."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

TELLING_S = 100


@contextmanager
def demo(directory: Path, *args: str) -> Iterator[subprocess.Popen[str]]:
    """A running `noc demo`, its temporary directory below `directory`."""
    command = [sys.executable, "-m", "noc", "demo", *args]
    environment = {**os.environ, "TMPDIR": str(directory), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(30)


def told(process: subprocess.Popen[str], wanted: str) -> str:
    """Read the story up to the line that holds a text, and return that line."""
    assert process.stderr is not None
    for line in process.stderr:
        if wanted in line:
            return line
    raise AssertionError(f"the story ended without: {wanted}")


def children_of(directory: Path) -> list[int]:
    """Process ids of every process that has a file of the directory on its command line or in its environment."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and int(process.name) != os.getpid():
            try:
                known = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            except OSError:
                continue
            if f"{directory}/noc-demo-".encode() in known:
                found.append(int(process.name))
    return found


def wait_until(condition: Callable[[], bool], deadline_s: float) -> bool:
    deadline = time.monotonic() + deadline_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_the_story_is_told_to_its_end_and_nothing_is_left(tmp_path: Path) -> None:
    with demo(tmp_path, "--for", "1", "--json") as process:
        stdout, _ = process.communicate(timeout=TELLING_S)

    document = json.loads(stdout)
    assert process.returncode == 0
    assert document["completed"] is True
    assert [step["name"] for step in document["steps"]] == [
        "start",
        "shortened",
        "watch-up",
        "all-up",
        "killed",
        "incident-opened",
        "alert",
        "incident-escalated",
        "alert",
        "restarted",
        "incident-closed",
        "alert",
        "over",
    ]
    assert children_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_ends_everything_with_130(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as process:
        told(process, "kill -9 of its service")
        assert len(children_of(tmp_path)) == 20
        process.send_signal(number)
        assert process.wait(30) == 130
    assert children_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_the_demos_own_death_takes_every_process_with_it(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        told(process, "nodes are live and up")
        process.kill()
    assert wait_until(lambda: children_of(tmp_path) == [], 10)


def test_a_process_that_ends_by_itself_ends_the_demo_with_its_last_words(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        told(process, "nodes are live and up")
        (watch,) = [pid for pid in children_of(tmp_path) if b"watch" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(watch, signal.SIGKILL)
        assert "the watch ended with status -9" in told(process, "NOC-E901")
        assert process.wait(30) == 1
    assert children_of(tmp_path) == []


def test_every_service_pushes_telemetry_of_its_own(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        page = re.search(r"http://127\.0\.0\.1:\d+/", told(process, "the watch is up"))
        told(process, "nodes are live and up")
        assert page is not None
        with urlopen(f"{page[0]}api/v1/nodes", timeout=10) as answer:
            beats = [node["last_heartbeat"] for node in json.load(answer)["nodes"]]
    assert len({beat["boot"] for beat in beats}) == 20
    assert all(len(beat["telemetry"]) == 11 for beat in beats)


def test_an_unknown_node_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with demo(tmp_path, "--node", "atlantis") as process:
        assert process.wait(30) == 4
    assert list(tmp_path.iterdir()) == []
