"""The hub's counters: read, bounded, judged."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.mesh.errors import TunnelsSilent, TunnelsUnreadable
from noc.mesh.keys import generate
from noc.mesh.status import MAX_BYTES, LinkState, PeerStatus, link_state, parse_tunnels, read_tunnels

A, B = generate()[1], generate()[1]
ANSWER = f"{A}\t1700000000\n{B}\t0\n{A}\t203.0.113.7:51820\n{B}\t(none)\n{A}\t1234\t5678\n{B}\t0\t148\n"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answering(path: Path, handler: Handler) -> AsyncIterator[Path]:
    calls: list[asyncio.Task[None]] = []

    async def call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handler(reader, writer)
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    server = await asyncio.start_unix_server(lambda r, w: calls.append(asyncio.create_task(call(r, w))), path)
    try:
        yield path
    finally:
        server.close()
        await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), timeout=10)


def with_text(text: bytes) -> Handler:
    async def handler(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)

    return handler


def test_the_three_outputs_are_joined_by_key() -> None:
    assert parse_tunnels(ANSWER) == {
        A: PeerStatus(1700000000, "203.0.113.7:51820", 1234, 5678),
        B: PeerStatus(None, None, 0, 148),
    }


def test_an_endpoint_may_be_of_version_six() -> None:
    assert parse_tunnels(f"{A}\t[2001:db8::1]:51820\n")[A].endpoint == "[2001:db8::1]:51820"


def test_no_peers_are_no_error() -> None:
    assert parse_tunnels("") == {}


@pytest.mark.parametrize("text", ["Unable to access interface", f"{A}\tx\n", f"{A}\t1\t2\t3\n", f"{A}\t-1\t2\n"])
def test_another_shape_is_refused(text: str) -> None:
    with pytest.raises(TunnelsUnreadable, match="line 1"):
        parse_tunnels(text)


@pytest.mark.parametrize(
    ("age", "state"), [(0, LinkState.UP), (179.9, LinkState.UP), (180, LinkState.STALE), (1e6, LinkState.STALE)]
)
def test_a_link_is_up_while_its_handshake_is_young(age: float, state: LinkState) -> None:
    assert link_state(PeerStatus(handshake_at=1_700_000_000), 1_700_000_000 + age) is state


@given(st.none() | st.just(PeerStatus(received=9)), st.floats(0, 4e9))
def test_a_link_without_a_handshake_was_never_up(status: PeerStatus | None, now: float) -> None:
    assert link_state(status, now) is LinkState.NEVER


async def test_the_socket_is_read_to_its_end(tmp_path: Path) -> None:
    async with answering(tmp_path / "sock", with_text(ANSWER.encode())) as path:
        assert await read_tunnels(path) == parse_tunnels(ANSWER)


async def test_a_missing_socket_is_named_with_its_fix(tmp_path: Path) -> None:
    with pytest.raises(TunnelsUnreadable, match=r"noc-tunnels\.socket"):
        await read_tunnels(tmp_path / "none")


async def test_an_answer_without_an_end_is_refused(tmp_path: Path) -> None:
    async with answering(tmp_path / "sock", with_text(b"x" * (MAX_BYTES + 1))) as path:
        with pytest.raises(TunnelsUnreadable, match="more than"):
            await read_tunnels(path)


async def test_a_silent_socket_ends_at_the_deadline(tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with answering(tmp_path / "sock", silent) as path:
        with pytest.raises(TunnelsSilent):
            await read_tunnels(path, deadline_s=0.05)
