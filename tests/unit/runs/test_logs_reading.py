"""Journals read over OpenSSH's server on loopback. A stand-in takes journalctl's place: here is no journal of ours."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loopback_sshd import LoopbackSshd, LoopbackWays
from noc.fleet.model import Fleet
from noc.runs.diagnosis import logs as reading
from noc.runs.diagnosis.logs import logs
from noc.runs.diagnosis.wish import Wish
from noc.runs.paths import Paths
from noc.runs.site.site import Site
from runs_kit import World, make_site

Stand = Callable[[str], None]

# Given the cursor to go on behind; says line after line of a file, and then the end of it or nothing more.
TELL = """
import sys, time
for number, line in enumerate(open({file!r}), 1):
    if not {after!r} or number > int({after!r}):
        print(line, end="", flush=True)
time.sleep({linger})
"""
FLOOD = """
import os
count, note = 0, os.open({file!r}, os.O_WRONLY | os.O_CREAT)
while True:
    count += 1
    print('{{"__REALTIME_TIMESTAMP": "%d", "__CURSOR": "c", "MESSAGE": "%s"}}' % (count, "x" * 900), flush=True)
    os.pwrite(note, b"%d" % count, 0)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LoopbackSshd]:
    (tmp_path / "sshd").mkdir()
    made = LoopbackSshd(tmp_path / "sshd")
    yield made
    made.close()


@pytest.fixture
def site(paths: Paths, fleet: Fleet, world: World, server: LoopbackSshd) -> Site:
    return replace(make_site(paths, fleet, world), ways=LoopbackWays(server))  # type: ignore[arg-type]


@pytest.fixture
def told(tmp_path: Path) -> Path:
    return tmp_path / "told"


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, told: Path) -> Stand:
    """Let a program of Python's take journalctl's place; `{file}` and `{after}` in it are ours."""

    def use(program: str) -> None:
        def argv(_: Wish, after: str = "") -> tuple[str, ...]:
            return sys.executable, "-c", program.format(file=str(told), after=after, linger=600 * _.follow)

        monkeypatch.setattr(reading, "journalctl", argv)

    monkeypatch.setattr(reading, "RETRY_S", 0.1)
    return use


def line(number: int) -> str:
    fields = {"__REALTIME_TIMESTAMP": str(number), "__CURSOR": str(number), "MESSAGE": f"said {number}"}
    return json.dumps(fields) + "\n"


def write(told: Path, *texts: str) -> None:
    told.write_text("".join(texts))


def said_so_far(told: Path) -> int:
    return int(told.read_text() or 0)


async def until(answers: AsyncIterator[dict[str, Any]], wanted: str) -> list[dict[str, Any]]:
    """Answers up to the first that holds a word."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        async for answer in answers:
            found.append(answer)
            if wanted in json.dumps(answer):
                return found
    raise AssertionError(found)


async def test_what_makes_no_sense_is_passed_over(site: Site, told: Path, stand_in: Stand) -> None:
    write(told, line(1), "nonsense\n[]\n{}\n", "x" * 200_000 + "\n", line(6))
    stand_in(TELL)
    answers = [answer async for answer in logs(site, site.fleet.select(["frankfurt"]), Wish())]
    assert [answer["entry"]["message"] for answer in answers] == ["said 1", "said 6"]


async def test_one_that_is_followed_goes_on_behind_what_it_told_once_the_way_is_back(
    site: Site, server: LoopbackSshd, told: Path, stand_in: Stand
) -> None:
    write(told, line(1), line(2))
    stand_in(TELL)
    async with aclosing(logs(site, site.fleet.select(["frankfurt"]), Wish(follow=True))) as answers:
        before = await until(answers, "said 2")
        write(told, line(1), line(2), line(3))
        server.drop_everybody()
        after = await until(answers, "said 3")
    told_of = [next(iter(answer)) for answer in after]
    assert [answer["entry"]["message"] for answer in before] == ["said 1", "said 2"]
    assert told_of == ["silent", "back", "entry"]


async def test_a_journal_that_cannot_be_read_says_why_and_is_not_asked_again(site: Site, stand_in: Stand) -> None:
    stand_in("import sys; sys.exit('Compiled without pattern matching support')")
    answers = [answer async for answer in logs(site, site.fleet.select(["frankfurt"]), Wish(follow=True))]
    (silent,) = answers
    assert "without pattern matching" in silent["silent"]["why"]


async def test_a_node_that_says_more_than_is_taken_has_to_wait(site: Site, told: Path, stand_in: Stand) -> None:
    stand_in(FLOOD)
    async with aclosing(logs(site, site.fleet.select(["frankfurt"]), Wish())) as answers:
        await until(answers, "entry")
        async with asyncio.timeout(60):
            before = -1
            while (count := said_so_far(told)) != before:
                before = count
                await asyncio.sleep(0.5)
    assert count < 20_000, "it went on without anybody who listens"


async def test_two_nodes_are_one_journal(site: Site, told: Path, stand_in: Stand) -> None:
    write(told, line(1), line(5), line(9))
    stand_in(TELL)
    nodes = site.fleet.select(["virginia", "frankfurt"])
    found = [answer["entry"] async for answer in logs(site, nodes, Wish())]
    assert [entry["at_us"] for entry in found] == [1, 1, 5, 5, 9, 9]
    assert {entry["node"] for entry in found} == {"virginia", "frankfurt"}
