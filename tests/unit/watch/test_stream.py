"""Open pages: what they are told, and that one which does not read keeps nobody else waiting."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from noc.watch.clock import now
from noc.watch.pages.stream import MOST_OF_ONE_CALLER, MOST_READERS, MOST_WAITING, Stream
from noc.watch.pages.views import Rendered, changes
from noc.watch.server.peers import uid_of
from watch_kit import Server, write_fleet

NOBODY = 65534


class Numbers:
    """A page whose one part counts how often it was rendered."""

    document, table = "", ""

    def __init__(self) -> None:
        self.times = 0

    async def render(self) -> Rendered:
        self.times += 1
        return Rendered(now(), "numbers", {"count": str(self.times)})


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noc.watch.pages.stream.LOOK_EVERY_S", 0.01)


@pytest.fixture
async def stream() -> AsyncIterator[Stream]:
    stream = Stream(str)
    yield stream
    stream.stop()


async def count(messages: AsyncGenerator[str, None]) -> int:
    document: dict[str, Any] = json.loads((await anext(messages)).removeprefix("data: "))
    return int(document["parts"]["count"])


async def test_a_reader_gets_everything_first_and_then_what_changed(stream: Stream) -> None:
    async with aclosing(stream.follow("james", "/", Numbers())) as messages:
        assert [await count(messages) for _ in range(3)] == [1, 2, 3]


async def test_one_view_is_rendered_once_for_all_who_look_at_it(stream: Stream) -> None:
    view = Numbers()
    readers = [stream.follow(f"person {number}", "/", view) for number in range(20)]
    assert [await count(each) for each in readers] == list(range(1, 21))
    assert {await count(each) for each in readers} == {21}


async def test_who_does_not_read_is_dropped_and_the_others_go_on(stream: Stream) -> None:
    view = Numbers()
    stalled = [stream.follow(f"stalled {number}", "/", view) for number in range(10)]
    for each in stalled:
        await anext(each)
    async with aclosing(stream.follow("james", "/", view)) as messages:
        for _ in range(MOST_WAITING + 5):
            await count(messages)
        assert stream.readers == 1
    for each in stalled:
        with pytest.raises(StopAsyncIteration):
            await anext(each)


async def test_one_callers_ninth_page_takes_the_place_of_the_first(stream: Stream) -> None:
    view = Numbers()
    pages = [stream.follow("james", "/", view) for _ in range(MOST_OF_ONE_CALLER + 1)]
    for each in pages:
        await anext(each)
    with pytest.raises(StopAsyncIteration):
        await anext(pages[0])
    assert await count(pages[1]) > 0
    assert stream.readers == MOST_OF_ONE_CALLER


async def test_64_pages_that_nobody_reads_keep_nobody_out(stream: Stream) -> None:
    view = Numbers()
    stalled = [stream.follow(f"person {number}", "/", view) for number in range(MOST_READERS)]
    for each in stalled:
        await anext(each)
    async with aclosing(stream.follow("james", "/", view)) as messages:
        assert await count(messages) > 0
        assert await count(messages) > 0


async def test_a_page_that_is_closed_is_forgotten(stream: Stream) -> None:
    messages = stream.follow("james", "/", Numbers())
    await anext(messages)
    await messages.aclose()
    assert stream.readers == 0


async def test_a_view_that_fails_leaves_the_others_alive(stream: Stream, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Numbers):
        async def render(self) -> Rendered:
            if self.times:
                raise RuntimeError("broken")
            return await super().render()

    broken, well = stream.follow("a", "/broken", Broken()), stream.follow("b", "/", Numbers())
    await anext(broken)
    assert await count(well) < await count(well)
    await asyncio.sleep(0)
    assert "/broken could not be rendered" in caplog.text


def test_ages_that_grow_are_no_change() -> None:
    before = Rendered(now(), "", {"part": '<time data-age="5">3 s</time>'})
    after = Rendered(now(), "", {"part": '<time data-age="5">4 s</time>'})
    assert changes(before, after, "") == ({}, {})


def test_rows_in_another_order_are_a_new_table() -> None:
    before = Rendered(now(), "", {"table": "ab"}, {"a": "1", "b": "2"})
    after = Rendered(now(), "", {"table": "ba"}, {"b": "2", "a": "1"})
    assert changes(before, after, "table") == ({"table": "ba"}, {})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path, write_fleet(tmp_path / "fleet")) as server:
        yield server


def test_sixty_four_connections_that_never_read_leave_the_server_answering(server: Server) -> None:
    stalled = []
    for _ in range(64):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(str(server.socket))
        connection.sendall(b"GET /events?of=/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        stalled.append(connection)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as reader:
            reader.connect(str(server.socket))
            reader.settimeout(20)
            reader.sendall(b"GET /events?of=/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            server.push("virginia", "status=up&seq=1&boot=b1&v=7.7.7")
            heard = b""
            while b"7.7.7" not in heard:
                heard += reader.recv(65_536)
        assert server.ask("/health")[0] == 200
    finally:
        for connection in stalled:
            connection.close()


def test_a_unix_sockets_peer_is_known_by_its_uid() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert uid_of(ours) == os.geteuid()


def test_a_loopback_peer_is_known_by_the_owner_of_its_socket() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()) as client,
    ):
        accepted, _ = listening.accept()
        with accepted:
            if os.geteuid() == 0:
                os.fchown(client.fileno(), NOBODY, -1)
            assert uid_of(accepted) == os.fstat(client.fileno()).st_uid
