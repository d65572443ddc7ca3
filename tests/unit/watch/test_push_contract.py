"""The wire as a table: what is asked, what is answered, and whether a heartbeat is stored; against a real server.

Rows follow Uptime Kuma's router as it was observed; where the answer is another one than Kuma's, the row says so.
"""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from noc.watch.push.telemetry import MAX_BODY
from noc.watch.push.wire import MAX_MSG
from watch_kit import HUB, NAMES, Pusher, Server, address, token, write_fleet

OK = {"ok": True}
UNKNOWN = {"ok": False, "msg": "Monitor not found or not active."}
BAD_PING = {"ok": False, "msg": "Invalid ping value. Must be between 0 and 100000000000 ms."}
PUSH = "/api/push/{token}"
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Row:
    """One line of the contract. `stored` is what the newest heartbeat holds; None where none may have come."""

    why: str
    query: str = ""
    method: str = "GET"
    path: str = PUSH
    body: bytes = b""
    status: int = 200
    answer: Any = None
    stored: dict[str, Any] | None = None


def up(**more: Any) -> dict[str, Any]:
    return {"status": "up", "msg": "OK", "ping": None} | more


TABLE = (
    *(Row(f"{method} stores", method=method, answer=OK, stored=up()) for method in ("GET", "POST", "PUT", "DELETE")),
    Row("PATCH stores", method="PATCH", answer=OK, stored=up()),
    Row("the documented URL, with an empty ping", "status=up&msg=OK&ping=", answer=OK, stored=up()),
    Row("no status is up", "msg=x", answer=OK, stored=up(msg="x")),
    Row("an empty status is up", "status=", answer=OK, stored=up()),
    Row("any other status is down", "status=weird", answer=OK, stored=up(status="down")),
    Row("deviates: UP is up, Kuma takes it for down", "status=UP", answer=OK, stored=up()),
    Row("deviates: of a repeated status the last one counts", "status=down&status=up", answer=OK, stored=up()),
    Row("deviates: of a repeated msg the last one counts", "msg=a&msg=b", answer=OK, stored=up(msg="b")),
    Row("an empty msg is OK", "msg=", answer=OK, stored=up()),
    Row("a msg is unescaped", "msg=a%20b+c%26d", answer=OK, stored=up(msg="a b c&d")),
    Row("deviates: a long msg is cut", "msg=" + "x" * 5_000, answer=OK, stored=up(msg="x" * (MAX_MSG - 4) + " […]")),
    Row("a ping in milliseconds", "ping=12.5", answer=OK, stored=up(ping=12.5)),
    Row("a ping is read as far as it is a number", "ping=7ms", answer=OK, stored=up(ping=7)),
    Row("a ping that is no number is none", "ping=abc", answer=OK, stored=up()),
    Row("a ping of 0 is none", "ping=0", answer=OK, stored=up()),
    Row("a ping below 0", "ping=-1", status=404, answer=BAD_PING),
    Row("a ping beyond the largest", "ping=100000000001", status=404, answer=BAD_PING),
    Row("an unknown token", path="/api/push/unknown", status=404, answer=UNKNOWN),
    Row("a token in another case", path="/api/push/TOKEN-of-virginia", status=404, answer=UNKNOWN),
    Row("no token", path="/api/push/", status=404, answer=UNKNOWN),
    Row(
        "deviates: 404 for the bare path, where Kuma answers 200 and stores nothing",
        path="/api/push",
        status=404,
        answer=UNKNOWN,
    ),
    Row(
        "deviates: a slash behind the token is none, where Kuma answers 200 and stores nothing",
        path=PUSH + "/",
        answer=OK,
        stored=up(),
    ),
    Row(
        "deviates: 404 for more behind the token, where Kuma answers 200", path=PUSH + "/x", status=404, answer=UNKNOWN
    ),
    Row("deviates: 404 for anything else, where Kuma has its pages", path="/dashboard", status=404, answer=UNKNOWN),
    Row("a target with a host in it", path="http://watch" + PUSH, answer=OK, stored=up()),
    Row("a token that is escaped", path="/api/push/%74oken-of-virginia-" + "x" * 20, answer=OK, stored=up()),
    Row("deviates: HEAD stores nothing", method="HEAD", answer=None),
    Row(
        "deviates: OPTIONS stores nothing, and answers a browser's question", method="OPTIONS", status=204, answer=None
    ),
    Row(
        "adds: process, number, release",
        "seq=1&boot=b1&v=1.2.3&t=1700000000.5",
        answer=OK,
        stored=up(seq=1, boot="b1", version="1.2.3", sent_at="2023-11-14T22:13:20.500Z"),
    ),
    Row(
        "adds: telemetry",
        method="POST",
        body=b'{"ram_mb": 41.5, "queue": 3}',
        answer=OK,
        stored=up(telemetry={"ram_mb": 41.5, "queue": 3}),
    ),
    Row(
        "deviates: a body that is no JSON counts and is told, where Kuma answers 400 and stores nothing",
        method="POST",
        body=b"{",
        answer={"ok": True, "warn": "the body is not JSON"},
        stored=up(telemetry=None, warn="the body is not JSON"),
    ),
    Row(
        "deviates: a body that is too large counts and is told, where Kuma answers 413 from 100 kB on",
        method="POST",
        body=b" " * (MAX_BODY + 1),
        answer={"ok": True, "warn": f"the body is too slow, or over {MAX_BODY} bytes"},
        stored=up(telemetry=None),
    ),
    Row(
        "more than 64 parameters",
        "&".join(f"a{number}=1" for number in range(65)),
        status=404,
        answer={"ok": False, "msg": "Too many parameters."},
    ),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("wire")
    with Server(folder, write_fleet(folder / "fleet")) as server:
        yield server


def newest(server: Server) -> dict[str, Any] | None:
    beats = server.ask("/api/v1/nodes/virginia/heartbeats?limit=1")[1]["heartbeats"]
    return beats[0] if beats else None


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.why)
def test_the_wire(server: Server, row: Row) -> None:
    before = newest(server)
    path = row.path.replace("{token}", token("virginia"))
    status, body, headers = server.push("virginia", row.query, method=row.method, path=path, body=row.body)
    assert (status, json.loads(body) if body else None) == (row.status, row.answer)
    if status != 204:
        assert headers["content-type"] == "application/json; charset=utf-8"
        assert row.method == "HEAD" or int(headers["content-length"]) == len(body)
    after = newest(server)
    if row.stored is None:
        assert after == before
    else:
        assert after is not None
        assert after != before
        assert {name: after[name] for name in row.stored} == row.stored


def test_an_answer_to_head_names_the_length_that_get_would_have(server: Server) -> None:
    assert server.push("virginia", method="HEAD")[2]["content-length"] == "11"


def test_a_browser_may_ask_and_push(server: Server) -> None:
    headers = server.push("virginia", method="OPTIONS")[2]
    assert headers["access-control-allow-origin"] == "*"
    assert "POST" in headers["access-control-allow-methods"]


def test_a_retry_is_answered_as_the_first_try_and_stored_once(server: Server) -> None:
    answers = {server.push("virginia", "seq=41&boot=again")[:2] for _ in range(3)}
    beats = server.ask("/api/v1/nodes/virginia/heartbeats?limit=50")[1]["heartbeats"]
    assert answers == {(200, b'{"ok":true}')}
    assert sum(beat["boot"] == "again" for beat in beats) == 1


def test_a_connection_is_used_again(server: Server) -> None:
    with Pusher("virginia", server.port) as pusher:
        pusher.push()
        first = pusher.port
        pusher.push()
        assert pusher.port == first


def exchange(server: Server, data: bytes, *, name: str = "virginia") -> bytes:
    """Send bytes from a node's address, and read until the server hangs up."""
    with closing(socket.create_connection((HUB, server.port), timeout=20, source_address=(address(name), 0))) as peer:
        peer.sendall(data)
        got = b""
        while part := peer.recv(65_536):
            got += part
        return got


def request(query: str = "", *, method: str = "GET", headers: str = "", version: str = "1.1") -> bytes:
    return f"{method} /api/push/{token('virginia')}?{query} HTTP/{version}\r\nHost: x\r\n{headers}\r\n".encode()


def test_requests_that_were_sent_at_once_are_answered_in_their_order(server: Server) -> None:
    first, refused, last = request(), request("ping=-1"), request("", headers="Connection: close\r\n")
    got = exchange(server, first + refused + first + last)
    assert re.findall(rb"HTTP/1.1 (\d+)", got) == [b"200", b"404", b"200", b"200"]


def test_a_peer_that_sends_far_more_at_once_than_pushers_do_is_hung_up_on(server: Server) -> None:
    assert exchange(server, request() * 500).count(b"HTTP/1.1 200") < 500
    assert server.push("virginia")[0] == 200


def test_a_peer_of_http_1_0_is_answered_and_let_go(server: Server) -> None:
    got = exchange(server, request(version="1.0"))
    assert got.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in got


def test_a_wish_for_another_protocol_is_answered_in_this_one(server: Server) -> None:
    got = exchange(server, request(headers="Connection: Upgrade\r\nUpgrade: h2c\r\n"))
    assert got.startswith(b"HTTP/1.1 200")


def test_a_body_is_waited_for_by_who_asks_first(server: Server) -> None:
    head = request(method="POST", headers="Expect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n")
    with closing(socket.create_connection((HUB, server.port), 20, source_address=(address("virginia"), 0))) as peer:
        peer.sendall(head)
        assert peer.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(b"{}")
        assert peer.recv(1_000).startswith(b"HTTP/1.1 200")


def test_a_body_in_chunks_is_read(server: Server) -> None:
    head = request("msg=chunks", method="POST", headers="Transfer-Encoding: chunked\r\nConnection: close\r\n")
    assert exchange(server, head + b'6\r\n{"ram_\r\n8\r\nmb":7777\r\n1\r\n}\r\n0\r\n\r\n').startswith(b"HTTP/1.1 200")
    after = newest(server)
    assert after is not None
    assert (after["msg"], after["telemetry"]) == ("chunks", {"ram_mb": 7777})


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"GET /api/push/x HTTP/9.9\r\n\r\n",
        request(method="POST", headers="Content-Length: 2\r\nTransfer-Encoding: chunked\r\n") + b"{}",
        request(method="POST", headers="Content-Length: 2\r\nContent-Length: 3\r\n") + b"{}x",
        request(method="POST", headers="Content-Length: -1\r\n"),
    ],
)
def test_what_is_not_http_is_answered_400_and_stored_nowhere(server: Server, data: bytes) -> None:
    before = newest(server)
    got = exchange(server, data)
    assert got.startswith(b"HTTP/1.1 400")
    assert newest(server) == before


def test_every_name_of_the_fleet_has_a_token_of_its_own(server: Server) -> None:
    assert {server.push(name)[0] for name in NAMES} == {200}
