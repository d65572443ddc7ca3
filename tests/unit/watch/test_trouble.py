"""A full disk, a file system that became read-only, a clock that jumps: the watch goes on judging and telling."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from noc.watch.clock import now
from noc.watch.errors import StoreTrouble
from noc.watch.service.watch import Watch
from noc.watch.store import unstored
from noc.watch.store.engine import Where
from noc.watch.store.records import Alive, Beat, Event, Incident, IncidentSaved
from noc.watch.store.unstored import Unstored
from rollup_kit import from_scratch, stored
from small_disk import Disk
from watch_kit import Pusher, Receiver, Server, receiving, until, write_fleet
from watching import watching

FAST = {"push_interval": 1.0, "sev1_after": 600.0, "recovery_steady": 1.0}
OPEN = Incident(1, "frankfurt", "death", "killed", 1_700_000_000_000)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a file system")
    disk = Disk(tmp_path)
    disk.mount()
    yield disk
    disk.unmount()


@contextmanager
def serving(tmp_path: Path, disk: Disk, receiver: Receiver) -> Iterator[Server]:
    """A server with its database on the disk; frankfurt and virginia are live."""
    fleet = write_fleet(tmp_path / "fleet", live=["frankfurt", "virginia"], ntfy=receiver.url, **FAST)
    server = Server(tmp_path, fleet)
    server.database = disk.folder / "watch.db"
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def pushing(server: Server, name: str) -> Iterator[list[int]]:
    """A node that pushes all the time; the statuses of the answers."""
    over, statuses = threading.Event(), list[int]()

    def push() -> None:
        number = 0
        while not over.wait(0.1):
            number += 1
            try:
                with Pusher(name, server.port) as pusher:
                    statuses.append(pusher.push(f"status=up&seq={number}&boot=b", body=b'{"ram_mb": 41}')[0])
            except OSError:
                statuses.append(0)

    thread = threading.Thread(target=push)
    thread.start()
    try:
        yield statuses
    finally:
        over.set()
        thread.join()


def about(receiver: Receiver, word: str) -> list[tuple[str, str]]:
    """Title and text of the messages that name something."""
    messages = [(document["title"], document["message"]) for _, document, _ in list(receiver.got)]
    return [message for message in messages if word in message[0]]


@pytest.mark.parametrize("harm", ["full", "read-only"])
def test_while_nothing_can_be_stored_pushes_are_503_and_silence_is_told_from_memory(
    tmp_path: Path, disk: Disk, harm: str
) -> None:
    with receiving() as receiver, serving(tmp_path, disk, receiver) as server, pushing(server, "virginia") as answers:
        assert server.push("frankfurt", "seq=1&boot=b")[0] == 200
        disk.fill() if harm == "full" else disk.turn_read_only()
        until(lambda: answers[-3:] == [503] * 3, what="pushes are refused")
        until(lambda: about(receiver, "frankfurt"), what="the silence is told")
        assert "Not stored" in about(receiver, "frankfurt")[0][1]
        until(lambda: about(receiver, "HQ"), within=30, what="the database's own trouble is told")
        assert "takes nothing" in about(receiver, "HQ")[0][1]
        assert about(receiver, "virginia") == []


def test_when_there_is_room_again_what_was_decided_is_stored_and_pushes_are_taken(tmp_path: Path, disk: Disk) -> None:
    with receiving() as receiver, serving(tmp_path, disk, receiver) as server, pushing(server, "virginia") as answers:
        assert server.push("frankfurt", "seq=1&boot=b")[0] == 200
        disk.fill()
        until(lambda: about(receiver, "frankfurt"), what="the silence is told")
        assert [each["node"] for each in server.incidents()] == []
        disk.free()
        until(lambda: answers[-3:] == [200] * 3, what="pushes are taken again")
        until(lambda: [each["node"] for each in server.incidents()] == ["frankfurt"], what="the incident is stored")
        assert len(about(receiver, "frankfurt")) == 1


def test_a_server_that_starts_on_a_full_disk_judges_and_tells(tmp_path: Path, disk: Disk) -> None:
    with receiving() as receiver, serving(tmp_path, disk, receiver) as server:
        assert server.push("frankfurt", "seq=1&boot=b")[0] == 200
        assert server.push("virginia", "seq=1&boot=b")[0] == 200
        server.kill()
        disk.fill()
        server.start()
        with pushing(server, "virginia") as answers:
            until(lambda: about(receiver, "frankfurt"), what="the silence is told")
            until(lambda: 503 in answers, what="pushes are refused")  # until then the log had room of its own


# The watch without a process around it.


@pytest.fixture
async def watch(tmp_path: Path, where: Where, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watch]:
    monkeypatch.setattr("noc.watch.service.watch.REBUILD_PAUSE_S", 0.05)
    async with watching(tmp_path, where=where) as watch:
        yield watch


async def until_async(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for is in a database or another thread
            await asyncio.sleep(0.01)


def rename(watch: Watch, table: str, name: str) -> None:
    with watch.store.engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))


async def test_a_push_that_was_lost_counts_when_it_comes_again(watch: Watch) -> None:
    beat = Beat("frankfurt", now().wall, seq=1, boot="b")
    rename(watch, "heartbeats", "away")
    with pytest.raises(StoreTrouble):
        await watch.take(beat, now())
    rename(watch, "away", "heartbeats")
    await until_async(lambda: not watch.broken)
    await watch.take(beat, now())
    assert watch.store.past().counted["frankfurt"] == [("b", 1)]


async def test_a_death_that_was_lost_is_stored_when_it_is_reported_again(watch: Watch, where: Where) -> None:
    death = Beat("frankfurt", now().wall, up=False, msg="killed-KILL", boot="b")
    rename(watch, "heartbeats", "away")
    with pytest.raises(StoreTrouble):
        await watch.take(death, now())
    rename(watch, "away", "heartbeats")
    await until_async(lambda: not watch.broken)
    await watch.take(death, now())
    assert {deaths for _, deaths, _ in stored(where).values()} == {1}
    assert [incident.cause for incident in watch.store.past().open] == ["death"]


async def test_what_was_kept_and_cannot_be_stored_is_given_up_and_the_state_read_anew(watch: Watch) -> None:
    rename(watch, "heartbeats", "away")
    with pytest.raises(StoreTrouble):
        await watch.take(Beat("frankfurt", now().wall), now())
    watch._submit([Event("boot", "frankfurt", 2**70)])  # no driver takes it
    rename(watch, "away", "heartbeats")
    before = watch.judge
    await until_async(lambda: not watch.broken and watch.judge is not before)
    await watch.take(Beat("frankfurt", now().wall), now())


@pytest.mark.parametrize("step_s", [3_600, -3_600])
async def test_a_step_of_the_clock_opens_nothing_and_every_push_is_counted_once(
    watch: Watch, where: Where, monkeypatch: pytest.MonkeyPatch, step_s: int
) -> None:
    real, offset, sent = time.time_ns, [0], list[Beat]()
    monkeypatch.setattr("noc.watch.clock.time.time_ns", lambda: real() + offset[0] * 1_000_000_000)
    for number in range(12):
        offset[0] = step_s if 4 <= number < 8 else 0
        for name in ("virginia", "frankfurt", "singapore"):
            moment = now()
            sent.append(Beat(name, moment.wall, seq=number, boot="b", telemetry={"ram_mb": number}))
            await watch.take(sent[-1], moment)
        await until_async(lambda: watch.judge.nodes["virginia"].heard + 0.1 < now().mono)
    assert watch.store.past().open == []
    assert stored(where) == from_scratch(sent)


async def test_an_incident_that_starts_under_a_stepped_clock_is_opened_once_and_ends(
    tmp_path: Path, where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time_ns

    def opened(watch: Watch) -> list[str]:
        return [each.node for each in watch.store.past().open if each.node == "frankfurt"]

    async with watching(tmp_path, where=where, push_interval=0.3) as watch:
        await watch.take(Beat("frankfurt", now().wall), now())
        monkeypatch.setattr("noc.watch.clock.time.time_ns", lambda: real() - 3_600 * 1_000_000_000)
        await until_async(lambda: opened(watch) == ["frankfurt"])
        monkeypatch.undo()
        await watch.take(Beat("frankfurt", now().wall), now())
        await until_async(lambda: opened(watch) == [])


# What is kept.


def test_of_an_incident_the_newest_state_is_kept_and_was_told_already() -> None:
    waiting = Unstored()
    waiting.add([IncidentSaved(OPEN, "opened"), Event("boot", "x", 1)])
    closed = Incident(1, "frankfurt", "death", "killed", OPEN.started, ended=OPEN.started + 5)
    waiting.add([IncidentSaved(closed, "closed")])
    assert waiting.take() == [IncidentSaved(closed), Event("boot", "x", 1)]
    assert len(waiting) == 0


def test_pushes_and_signs_of_life_are_not_kept() -> None:
    waiting = Unstored()
    waiting.add([Beat("virginia", 1), Alive(1)])
    assert len(waiting) == 0


def test_what_is_kept_is_bounded_and_incidents_outlast_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unstored, "MOST_RECORDS", 10)
    waiting = Unstored()
    waiting.add([IncidentSaved(OPEN)])
    waiting.add([Event("boot", "virginia", number) for number in range(50)])
    kept = waiting.take()
    assert (len(kept), kept[0], kept[-1]) == (10, IncidentSaved(OPEN), Event("boot", "virginia", 49))
