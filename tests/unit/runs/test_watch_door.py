"""The watch's local API as runs use it, over a real socket: what an answer means, and what none means."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from noc.runs.errors import WatchAbsent
from noc.runs.site import unixhttp
from noc.runs.site.watchdoor import WatchDoor

Serve = Callable[[bytes], Awaitable["asyncio.Future[bytes]"]]


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "watch.sock"


@pytest.fixture
async def serve(socket: Path) -> AsyncIterator[Serve]:
    """A server that takes one question, says what it was given, and hangs up."""
    servers: list[asyncio.Server] = []

    async def begin(answer: bytes) -> "asyncio.Future[bytes]":
        asked: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.set_result(await reader.read(65536))
            writer.write(answer)
            writer.close()

        servers.append(await asyncio.start_unix_server(handle, socket))
        return asked

    yield begin
    for server in servers:
        server.close()


def http(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


async def test_the_last_heartbeat_of_a_node_is_asked_for_alone(serve: Serve, socket: Path) -> None:
    asked = await serve(http(b'{"heartbeats": [{"at": "2026-01-01T00:00:00Z", "boot": "b"}]}'))
    heard = await WatchDoor(socket).last("virginia")
    assert heard is not None
    assert heard.boot == "b"
    assert (await asked).startswith(b"GET /api/v1/nodes/virginia/heartbeats?limit=1 HTTP/1.1\r\n")


async def test_an_answer_in_chunks_is_read_to_its_end(serve: Serve, socket: Path) -> None:
    parts = b'4\r\n{"no\r\n' + b'9\r\ndes": []}\r\n' + b"0\r\n\r\n"
    await serve(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + parts)
    assert await WatchDoor(socket).nodes() == {}


async def test_what_is_told_goes_as_json(serve: Serve, socket: Path) -> None:
    asked = await serve(http(b""))
    await WatchDoor(socket).show_run("r", {"word": "näher"})
    said = await asked
    assert said.startswith(b"PUT /api/v1/runs/r HTTP/1.1\r\n")
    assert said.endswith(b'{"word": "n\\u00e4her"}')


async def test_a_refusal_is_told_with_its_words(serve: Serve, socket: Path) -> None:
    await serve(http(b"no such node", "404 Not Found"))
    with pytest.raises(WatchAbsent, match="404 to DELETE /api/v1/nodes/x/deployment: no such node"):
        await WatchDoor(socket).close_deployment("x")


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"]
)
async def test_what_is_no_whole_answer_is_none(serve: Serve, socket: Path, answer: bytes) -> None:
    await serve(answer)
    with pytest.raises(WatchAbsent):
        await WatchDoor(socket).nodes()


async def test_an_answer_without_an_end_does_not_fill_our_memory(
    serve: Serve, socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unixhttp, "MAX_ANSWER", 1000)
    await serve(http(b"x" * 10_000))
    with pytest.raises(WatchAbsent, match="more than 1000 bytes"):
        await WatchDoor(socket).nodes()


async def test_where_nobody_listens_there_is_no_watch(socket: Path) -> None:
    with pytest.raises(WatchAbsent):
        await WatchDoor(socket).nodes()
    assert await WatchDoor(socket).last("virginia") is None


async def test_a_silent_watch_is_given_up(socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noc.runs.site.watchdoor._TIMEOUT_S", 0.1)

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        finally:
            writer.close()

    server = await asyncio.start_unix_server(hear, socket)
    with pytest.raises(WatchAbsent, match=r"no answer within 0\.1 s"):
        await WatchDoor(socket).nodes()
    server.close()
