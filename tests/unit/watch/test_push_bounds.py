"""What the push listener bears: too many pushes, too many connections, slow and silent peers, a writer that is full."""

import asyncio
import hashlib
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.pushing import Push
from noc.watch.clock import Moment
from noc.watch.config import Config
from noc.watch.push import bounds, connection, limits, listener
from noc.watch.push.connection import Exchange
from noc.watch.push.gate import MOST_STRANGERS, Gate, TooOften
from noc.watch.push.limits import Limit
from noc.watch.push.listener import PushListener
from noc.watch.server.addresses import Tcp
from noc.watch.server.listeners import open_tcp
from watch_kit import HUB, Pusher, Server, address, free_port, token, write_fleet

RULE = Push(per_second=2, at_once=5)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config.read(write_fleet(tmp_path / "fleet"))


# The rule by itself.


def test_as_many_as_the_bucket_holds_may_come_at_once() -> None:
    limit = Limit()
    assert [limit.take("a", 0.0, RULE) == 0 for _ in range(7)] == [True] * 5 + [False] * 2


def test_a_bucket_fills_at_its_pace() -> None:
    limit = Limit()
    for _ in range(5):
        limit.take("a", 0.0, RULE)
    assert limit.take("a", 0.0, RULE) == pytest.approx(0.5)
    assert limit.take("a", 0.5, RULE) == 0
    assert limit.take("a", 0.5, RULE) == pytest.approx(0.5)


def test_each_key_has_a_bucket_of_its_own() -> None:
    limit = Limit()
    for _ in range(6):
        limit.take("a", 0.0, RULE)
    assert limit.take("b", 0.0, RULE) == 0


def test_buckets_that_are_full_take_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_KEYS", 10)
    limit = Limit()
    for number in range(1_000):
        limit.take(number, number * 1.0, RULE)
    assert len(limit) <= 10


@given(st.lists(st.floats(0, 3), max_size=60), st.floats(0.1, 50), st.integers(1, 20))
def test_no_more_passes_than_the_bucket_held_and_got(gaps: list[float], pace: float, size: int) -> None:
    rule, limit, now, passed = Push(per_second=pace, at_once=size), Limit(), 0.0, 0
    for gap in gaps:
        now += gap
        passed += limit.take("a", now, rule) == 0
        assert passed <= size + now * pace + 1e-6


@given(st.lists(st.floats(0, 2), max_size=40), st.floats(0.1, 50), st.integers(1, 20))
def test_who_waits_as_long_as_told_passes(gaps: list[float], pace: float, size: int) -> None:
    rule, limit, now = Push(per_second=pace, at_once=size), Limit(), 0.0
    for gap in gaps:
        now += gap
        if wait := limit.take("a", now, rule):
            now += wait + 1e-6
            assert limit.take("a", now, rule) == 0


def test_a_pusher_every_30_s_that_tries_ten_times_each_never_meets_the_limit_that_holds_by_default() -> None:
    limit, rule = Limit(), Push()
    assert all(limit.take("a", slot * 30 + attempt * 0.2, rule) == 0 for slot in range(100) for attempt in range(10))


# The gate.


def work(act: Callable[[], Any]) -> list[str]:
    """Every function that is called while something is done, C's included, in order."""
    called: list[str] = []

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            called.append(frame.f_code.co_qualname)
        elif event == "c_call":
            called.append(argument.__qualname__)

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return called


def test_an_unknown_token_and_one_from_another_address_take_the_same_work(config: Config) -> None:
    gate, moment = Gate(lambda: config), Moment(1.0, 1_000)
    gate.admit("warm", "127.84.0.99", moment)
    here, guess, stolen = address("singapore"), "x" * len(token("virginia")), token("virginia")
    unknown = work(lambda: gate.admit(guess, here, moment))
    foreign = work(lambda: gate.admit(stolen, here, moment))
    assert unknown == foreign
    assert "openssl_sha256" in unknown


def test_only_tokens_of_nodes_are_reported_and_each_once(config: Config) -> None:
    gate, moment, seen = Gate(lambda: config), Moment(1.0, 1_000), []
    for _ in range(3):
        gate.admit("nobody's", address("singapore"), moment)
        gate.admit(token("virginia"), address("singapore"), moment)
    gate.report(lambda owner, at: seen.append((owner, at)))
    gate.report(lambda owner, at: seen.append((owner, at)))
    assert seen == [("virginia", address("singapore"))]


def test_the_list_of_strangers_is_bounded(config: Config) -> None:
    gate, seen = Gate(lambda: config), []
    for number in range(MOST_STRANGERS * 2):
        gate.admit(token("virginia"), f"127.85.{number // 250}.{number % 250}", Moment(1.0, 1_000))
    gate.report(lambda owner, at: seen.append(at))
    assert len(seen) == MOST_STRANGERS


def test_a_reload_counts_at_once(config: Config, tmp_path: Path) -> None:
    now = [config]
    gate, moment = Gate(lambda: now[0]), Moment(1.0, 1_000)
    assert gate.admit(token("virginia"), address("virginia"), moment) == "virginia"
    now[0] = Config.read(write_fleet(tmp_path / "other", live=["frankfurt"]))
    assert gate.admit(token("virginia"), address("virginia"), moment) is None


def test_guessing_tokens_is_limited_for_the_address(config: Config) -> None:
    gate, moment = Gate(lambda: config), Moment(1.0, 1_000)
    for number in range(config.fleet.push.at_once):
        assert gate.admit(f"guess {number}", "127.84.0.99", moment) is None
    with pytest.raises(TooOften):
        gate.admit("one more", "127.84.0.99", moment)
    assert gate.admit(token("virginia"), address("virginia"), moment) == "virginia"


def test_too_many_pushes_are_answered_429_with_the_time_to_wait(tmp_path: Path) -> None:
    fleet = write_fleet(tmp_path / "fleet")
    with (fleet / "fleet.toml").open("a") as file:
        file.write("[push]\nper_second = 0.05\nat_once = 3\n")
    with Server(tmp_path, fleet) as server, Pusher("virginia", server.port) as pusher:
        assert [pusher.push()[0] for _ in range(3)] == [200] * 3
        status, body, headers = pusher.push()
        assert (status, json.loads(body)) == (429, {"ok": False, "msg": "Too many pushes."})
        assert 1 <= int(headers["retry-after"]) <= 20
        assert server.push("frankfurt")[0] == 200


# Connections, on real sockets, with an application that answers when it is told to.


class Answers:
    """Holds every exchange until the test answers it."""

    def __init__(self) -> None:
        self.taken: list[Exchange] = []
        self.at_once = False

    def take(self, exchange: Exchange) -> None:
        self.taken.append(exchange)
        if self.at_once:
            exchange.answer(200, b"{}")

    def late(self, exchange: Exchange) -> None:
        exchange.answer(503, b"{}")


@asynccontextmanager
async def listening(answers: Answers) -> AsyncIterator[tuple[PushListener, int]]:
    pushes, port = PushListener(answers), free_port(HUB)
    await pushes.start(open_tcp(Tcp(HUB, port)))
    try:
        yield pushes, port
    finally:
        await pushes.stop()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    monkeypatch.setattr(listener, "SWEEP_S", 0.02)
    monkeypatch.setattr(listener, "STOP_WITHIN_S", 0.2)
    for name in ("HEAD_DEADLINE_S", "BODY_DEADLINE_S", "ANSWER_DEADLINE_S", "KEEP_ALIVE_S", "LINGER_S"):
        monkeypatch.setattr(connection, name, 30.0)
    return Answers()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the state of another object
            await asyncio.sleep(0.01)


GET = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_head_that_comes_byte_by_byte_is_hung_up_on(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_DEADLINE_S", 0.3)
    async with listening(answers) as (_, port):
        reader, writer = await asyncio.open_connection(HUB, port)
        started = time.monotonic()
        head = iter(GET * 10)
        while not (reader.at_eof() or reader.exception() or writer.is_closing()):
            writer.write(bytes([next(head)]))
            await asyncio.sleep(0.05)
        assert time.monotonic() - started < 5
        assert answers.taken == []
        writer.close()


async def test_a_peer_that_says_nothing_is_hung_up_on(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_DEADLINE_S", 0.1)
    async with listening(answers) as (_, port):
        reader, writer = await asyncio.open_connection(HUB, port)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_a_body_that_is_too_slow_is_taken_as_far_as_it_came(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BODY_DEADLINE_S", 0.1)
    answers.at_once = True
    async with listening(answers) as (_, port):
        reader, writer = await asyncio.open_connection(HUB, port)
        writer.write(b"POST /x HTTP/1.1\r\nContent-Length: 10\r\n\r\n{")
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 200")
        assert [(each.body, each.whole, each.last) for each in answers.taken] == [(b"{", False, True)]
        writer.close()


async def test_an_answer_that_does_not_come_is_503(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER_DEADLINE_S", 0.1)
    async with listening(answers) as (_, port):
        reader, writer = await asyncio.open_connection(HUB, port)
        writer.write(GET)
        assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 503")
        answers.taken[0].answer(200, b"{}")
        writer.write(GET)
        await until(lambda: len(answers.taken) == 2)
        answers.taken[1].answer(200, b'"second"')
        assert b'"second"' in await asyncio.wait_for(reader.readuntil(b'"second"'), 5)
        writer.close()


async def test_an_idle_connection_is_let_go_after_its_time(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "KEEP_ALIVE_S", 0.1)
    answers.at_once = True
    async with listening(answers) as (_, port):
        reader, writer = await asyncio.open_connection(HUB, port)
        writer.write(GET)
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_peer_that_sends_more_than_it_should_can_still_read_its_answer(answers: Answers) -> None:
    answers.at_once = True
    async with listening(answers) as (_, port):
        reader, writer = await asyncio.open_connection(HUB, port)
        writer.write(b"POST /x HTTP/1.1\r\nContent-Length: 500000\r\n\r\n" + b"x" * 500_000)
        await writer.drain()
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_one_that_never_stops_sending_is_hung_up_on(answers: Answers) -> None:
    answers.at_once = True
    async with listening(answers) as (_, port):
        _, writer = await asyncio.open_connection(HUB, port)
        writer.write(b"POST /x HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 50_000_000)
        with pytest.raises(ConnectionError):
            await writer.drain()
        writer.close()


async def test_a_peer_that_is_gone_before_its_answer_harms_nobody(answers: Answers) -> None:
    async with listening(answers) as (pushes, port):
        _, writer = await asyncio.open_connection(HUB, port)
        writer.write(GET)
        await until(lambda: answers.taken)
        writer.transport.abort()
        await until(lambda: all(each._leaving for each in pushes._connections))
        answers.taken[0].answer(200, b"{}")
        await until(lambda: not pushes._connections)


async def test_one_address_may_hold_so_many_connections_and_others_are_still_heard(answers: Answers) -> None:
    answers.at_once = True
    async with listening(answers) as (pushes, port):
        crowd = [
            await asyncio.open_connection(HUB, port, local_addr=("127.84.0.99", 0))
            for _ in range(bounds.MOST_OF_ONE_ADDRESS + 5)
        ]
        await until(lambda: len(pushes._connections) == bounds.MOST_OF_ONE_ADDRESS)
        reader, writer = await asyncio.open_connection(HUB, port, local_addr=("127.84.0.98", 0))
        writer.write(GET)
        assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 200")
        for _, each in (*crowd, (reader, writer)):
            each.close()


async def test_a_failure_of_ours_is_500_and_names_no_target(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(answers, "take", lambda _: 1 / 0)
    async with listening(answers) as (_, port):
        reader, writer = await asyncio.open_connection(HUB, port)
        writer.write(b"GET /api/push/secret-token HTTP/1.1\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 500")
        writer.close()
    assert "ZeroDivisionError" in caplog.text
    assert "secret" not in caplog.text


async def test_a_listener_that_stops_answers_what_was_asked(answers: Answers) -> None:
    async with listening(answers) as (_, port):
        reader, writer = await asyncio.open_connection(HUB, port)
        writer.write(GET)
        await until(lambda: answers.taken)
        asyncio.get_running_loop().call_later(0.05, answers.taken[0].answer, 200, b"{}")
    assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 200")
    writer.close()


# The whole server.


def test_beyond_saturation_pushes_are_answered_503_with_the_time_to_wait(tmp_path: Path) -> None:
    program = (
        "import time; from noc.watch.store import writer; writer.MOST_WAITING = 4\n"
        "from noc.watch.store.database import Store; write = Store.write\n"
        "def slow(self, records): time.sleep(0.3); write(self, records)\n"
        "Store.write = slow\n"
        "from noc.cli.main import run; run()"
    )
    with Server(tmp_path, write_fleet(tmp_path / "fleet"), program=program) as server:
        head = f"GET /api/push/{token('virginia')} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        peers = [
            socket.create_connection((HUB, server.port), 10, source_address=(address("virginia"), 0)) for _ in range(30)
        ]
        for peer in peers:
            peer.sendall(head)
        got = [peer.recv(1_000) for peer in peers]
        for peer in peers:
            peer.close()
        statuses = {each[9:12] for each in got}
        assert statuses == {b"200", b"503"}
        assert all(b"retry-after: 2" in each for each in got if each[9:12] == b"503")
        stored = server.ask("/api/v1/nodes/virginia/heartbeats?limit=100")[1]["heartbeats"]
        assert len(stored) == sum(each[9:12] == b"200" for each in got)


def test_a_slow_loris_takes_no_place_from_a_pusher(tmp_path: Path) -> None:
    program = (
        "from noc.watch.push import connection; connection.HEAD_DEADLINE_S = 0.5; from noc.cli.main import run; run()"
    )
    with Server(tmp_path, write_fleet(tmp_path / "fleet"), program=program) as server:
        slow = [
            socket.create_connection((HUB, server.port), 10, source_address=(address("virginia"), 0)) for _ in range(60)
        ]
        for each in slow:
            each.sendall(b"GET /api/push/x HTTP/1.1\r\nX: ")
        assert server.push("virginia")[0] == 200
        for each in slow:
            with closing(each):
                assert each.recv(10) == b""


def test_tokens_lie_in_memory_as_hashes_alone(config: Config) -> None:
    assert hashlib.sha256(token("virginia").encode()).hexdigest() in config.by_token
    assert token("virginia") not in repr(config)
