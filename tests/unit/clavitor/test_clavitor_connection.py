"""HTTP on the wire: good and bad requests against the real server."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from clavitor import connection, server
from clavitor.app import SECURITY, App, Route, client_address
from clavitor.counters import HourCounter
from clavitor.http import Request, Response
from clavitor.server import Server


async def echo(request: Request) -> Response:
    return Response.of({"length": len(request.body), "peer": request.peer})


async def fail(_: Request) -> Response:
    raise RuntimeError("a fault with a secret in it")


async def stream(_: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one,"
        yield b"two"

    return Response(200, pieces())


class Running:
    """A server in this loop."""

    def __init__(self) -> None:
        self.requests, self.errors = HourCounter(), HourCounter()
        routes = [
            Route("GET", "/echo", echo),
            Route("POST", "/echo", echo),
            Route("GET", "/fail", fail),
            Route("GET", "/stream", stream),
        ]
        self.app = App(routes, self.requests, self.errors)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(Server(self.listener, self.app.handle, held=False).run(self.stop))

    async def ask(self, raw: bytes) -> bytes:
        """Send raw bytes, then read until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(raw)
            return await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    running = Running()
    yield running
    running.stop.set()
    await running.task


CLOSE = b"Host: x\r\nConnection: close\r\n\r\n"


async def test_a_get_is_answered_with_every_security_header(running: Running) -> None:
    answer = await running.ask(b"GET /echo HTTP/1.1\r\n" + CLOSE)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert [name for name, _ in SECURITY if f"\r\n{name}: ".encode() not in answer] == []


async def test_a_head_has_the_headers_and_no_body(running: Running) -> None:
    answer = await running.ask(b"HEAD /echo HTTP/1.1\r\n" + CLOSE)
    assert b"content-length: " in answer
    assert answer.endswith(b"\r\n\r\n")


async def test_pipelined_requests_are_answered_in_turn(running: Running) -> None:
    answer = await running.ask(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n" * 2 + b"GET /echo HTTP/1.1\r\n" + CLOSE)
    assert answer.count(b"HTTP/1.1 200") == 3


async def test_a_chunked_body_is_read(running: Running) -> None:
    head = b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + CLOSE
    assert b'{"length":5,' in await running.ask(head + b"5\r\nhello\r\n0\r\n\r\n")


async def test_a_streamed_answer_arrives_whole(running: Running) -> None:
    answer = await running.ask(b"GET /stream HTTP/1.1\r\n" + CLOSE)
    assert b"4\r\none,\r\n3\r\ntwo\r\n0\r\n\r\n" in answer


async def test_a_client_that_asks_first_is_told_to_continue(running: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(b"POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n" + CLOSE)
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10) == b"HTTP/1.1 100 \r\n\r\n"
    writer.write(b"hello")
    assert b'{"length":5,' in await asyncio.wait_for(reader.read(), 10)
    writer.close()


@pytest.mark.parametrize("head", [b"Content-Length: 999999999\r\n", b"Transfer-Encoding: chunked\r\n"])
async def test_a_body_over_the_bound_is_refused_while_it_is_sent(running: Running, head: bytes) -> None:
    body = b"20000\r\n" + b"x" * 0x20000 + b"\r\n1\r\nx\r\n0\r\n\r\n"
    answer = await running.ask(b"POST /echo HTTP/1.1\r\n" + head + CLOSE + body)
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /echo HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /echo HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 80_000, b"431"),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
        (b"GET /nowhere HTTP/1.1\r\n" + CLOSE, b"404"),
        (b"PUT /echo HTTP/1.1\r\n" + CLOSE, b"405"),
    ],
)
async def test_a_bad_request_gets_its_status(running: Running, raw: bytes, status: bytes) -> None:
    assert (await running.ask(raw)).split(b" ")[1] == status


async def test_a_method_that_a_client_made_up_is_not_logged(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    await running.ask(b"S3CR3T /echo HTTP/1.1\r\n" + CLOSE)
    assert "S3CR3T" not in caplog.text


async def test_a_fault_is_answered_without_its_cause_and_counted(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await running.ask(b"GET /fail HTTP/1.1\r\n" + CLOSE)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in answer
    assert (running.requests.total(), running.errors.total()) == (1, 1)


async def test_a_request_that_takes_too_long_is_ended(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REQUEST", 0.05)
    assert (await running.ask(b"GET /echo HTTP/1.1\r\nHost:")).startswith(b"HTTP/1.1 408 ")


async def test_a_connection_without_a_request_is_closed(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE", 0.05)
    assert await running.ask(b"") == b""


async def test_more_connections_than_room_wait_for_their_turn(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 2)
    answers = await asyncio.gather(*(running.ask(b"GET /echo HTTP/1.1\r\n" + CLOSE) for _ in range(10)))
    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 200"] * 10


async def test_nothing_that_a_client_typed_reaches_the_log(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for path in (b"/echo?token=s3cr3t", b"/s3cr3t"):
        await running.ask(b"GET " + path + b" HTTP/1.1\r\nAuthorization: Bearer s3cr3t\r\n" + CLOSE)
    assert len(caplog.records) == 2
    assert "s3cr3t" not in caplog.text


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "10.0.0.1, 198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "nonsense", "127.0.0.1"),
        ("203.0.113.9", "198.51.100.7", "203.0.113.9"),
    ],
)
def test_only_the_local_proxy_is_believed(peer: str, forwarded: str, address: str) -> None:
    assert client_address(Request("GET", "/", "", {"x-forwarded-for": forwarded}, b"", peer)) == address
