"""Two processes and one lease: only one of them may act, whatever becomes of the other."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from noc.runs.admission.grant import explain, read_lease
from runs_kit import NOW

TTL_S = 1.0
LONG_S = 600.0

# Takes the lease, says so, keeps it, and answers one line for each that it is given, until it is told to release.
HOLDER = """
import asyncio, sys
from pathlib import Path
from noc.errors import NocError
from noc.runs.admission.holder import Holder
from noc.runs.admission.lease import Lease

async def main(runs, run, ttl, wait):
    path = Path(runs, "lease.json")
    holder = Holder.this_process(run.lower())
    try:
        lease = await Lease.acquire(
            path, Path(runs, "fence"), holder, what="deploy 1.4.2", run=run, ttl_s=float(ttl), wait_s=float(wait)
        )
    except NocError as error:
        print("refused", error.code, error.exit_code, error.why, flush=True)
        return
    print("fence", lease.fence, flush=True)
    async with lease.kept(lambda: None):
        while (await asyncio.to_thread(sys.stdin.readline)).strip() == "check":
            try:
                lease.check()
                print("mine", flush=True)
            except NocError as error:
                print("lost", error.code, error.why, flush=True)
    print("released", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


class Runner:
    """A process that wants the lease."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ask(self, question: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{question}\n")
        self.process.stdin.flush()
        return self.hear()

    def send(self, number: int) -> None:
        os.kill(self.process.pid, number)


Begin = Callable[..., Runner]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Starts processes over one directory, and ends them with the test."""
    begun: list[Runner] = []

    def start(run: str, ttl_s: float = LONG_S, wait_s: float = 0) -> Runner:
        argv = [sys.executable, "-c", HOLDER, str(tmp_path), run, str(ttl_s), str(wait_s)]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        begun.append(Runner(process))
        return begun[-1]

    yield start
    for runner in begun:
        runner.process.kill()
        runner.process.communicate(timeout=30)


def test_the_second_is_refused_in_one_sentence_while_the_first_holds_it(begin: Begin) -> None:
    first = begin("A")
    assert first.hear() == "fence 1"
    said = begin("B").hear()
    assert said.startswith("refused E503 7 a's run A (deploy 1.4.2, fence 1) holds the lease since ")
    assert first.ask("check") == "mine"


def test_the_second_gets_it_once_the_first_has_released_it(begin: Begin) -> None:
    first = begin("A")
    assert first.hear() == "fence 1"
    second = begin("B", wait_s=60)
    assert first.ask("release") == "released"
    assert second.hear() == "fence 2"


def test_one_that_was_stopped_beyond_its_expiry_is_taken_over_and_knows_when_it_wakes(begin: Begin) -> None:
    first = begin("A", ttl_s=TTL_S)
    assert first.hear() == "fence 1"
    first.send(signal.SIGSTOP)
    second = begin("B", wait_s=60)
    assert second.hear() == "fence 2"
    first.send(signal.SIGCONT)
    assert first.ask("check").startswith("lost E542 ")
    assert first.ask("release") == "released"
    assert second.ask("check") == "mine"


def test_one_that_was_killed_is_taken_over_at_once(begin: Begin, tmp_path: Path) -> None:
    first = begin("A")
    assert first.hear() == "fence 1"
    first.send(signal.SIGKILL)
    first.process.wait(30)
    assert "is gone; the next run takes over at once" in explain(read_lease(tmp_path / "lease.json"), NOW)
    assert begin("B").hear() == "fence 2"


def test_of_many_that_ask_at_once_one_gets_it(begin: Begin) -> None:
    said = [runner.hear().split()[0] for runner in [begin(name) for name in "ABCD"]]
    assert sorted(said) == ["fence", "refused", "refused", "refused"]
