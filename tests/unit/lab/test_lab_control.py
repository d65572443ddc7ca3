"""The supervisor's door, the lab's certificates, its package index and the running of programs."""

import asyncio
import hashlib
import ssl
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from noc.lab.authority import Authority
from noc.lab.commands import call, last_words, run
from noc.lab.control import ask, listen, process_behind
from noc.lab.errors import CommandFailed, LabDown, NoSuchMachine, RequestRefused
from noc.lab.repository import release_file


async def serve(request: dict[str, Any]) -> Any:
    if request["op"] == "fail":
        raise NoSuchMachine("no machine is called x", why="it is not there")
    return {"heard": request["op"]}


async def test_a_request_gets_its_answer_and_an_error_its_words(tmp_path: Path) -> None:
    async with await listen(tmp_path / "door", serve):
        assert await asyncio.to_thread(ask, tmp_path / "door", {"op": "hello"}) == {"heard": "hello"}
        with pytest.raises(RequestRefused, match="it is not there"):
            await asyncio.to_thread(ask, tmp_path / "door", {"op": "fail"})


async def test_a_request_without_an_operation_is_refused_and_the_door_stays_open(tmp_path: Path) -> None:
    async with await listen(tmp_path / "door", serve):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "door")
        writer.write(b"[]\n")
        assert b"makes no sense" in await reader.readline()
        writer.close()
        assert await asyncio.to_thread(ask, tmp_path / "door", {"op": "hello"})


async def test_the_process_behind_a_door_is_known(tmp_path: Path) -> None:
    import os

    async with await listen(tmp_path / "door", serve):
        assert await asyncio.to_thread(process_behind, tmp_path / "door") == os.getpid()
        assert await asyncio.to_thread(ask, tmp_path / "door", {"op": "hello"}), "the silent caller blocked the door"
    assert process_behind(tmp_path / "never") is None


def test_nobody_behind_the_door_means_no_lab(tmp_path: Path) -> None:
    with pytest.raises(LabDown, match="noc lab up"):
        ask(tmp_path / "door", {"op": "status"})


def test_an_answer_that_does_not_come_ends_at_the_deadline(tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "door"))
        silent.listen()
        with pytest.raises(RequestRefused, match="not answered"):
            ask(tmp_path / "door", {"op": "status"}, timeout_s=0.05)


def test_a_certificate_of_the_lab_verifies_against_its_root_and_no_other(tmp_path: Path) -> None:
    authority = Authority()
    certificate, key = authority.issue("acme.lab", IPv4Address("198.51.100.2"))
    (tmp_path / "pair.pem").write_bytes(certificate + key)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(tmp_path / "pair.pem")
    assert _handshake(served, authority.root_pem, "acme.lab") == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(served, Authority().root_pem, "acme.lab")
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(served, authority.root_pem, "other.lab")


def _handshake(served: ssl.SSLContext, root: bytes, name: str) -> str | None:
    """A handshake in memory between a client that trusts `root` and a server."""
    pipes = [ssl.MemoryBIO() for _ in range(2)]
    client = ssl.create_default_context(cadata=root.decode()).wrap_bio(pipes[0], pipes[1], server_hostname=name)
    server = served.wrap_bio(pipes[1], pipes[0], server_side=True)
    ends = [client, server]
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
                ends.remove(end)
            except ssl.SSLWantReadError:
                continue
    return client.version()


def test_the_release_file_names_each_index_with_its_hash() -> None:
    text = release_file({"Packages": b"abc"}, datetime(2026, 1, 2, tzinfo=UTC))
    assert f" {hashlib.sha256(b'abc').hexdigest()} 3 Packages\n" in text
    assert "Date: Fri, 02 Jan 2026 00:00:00 GMT\n" in text


async def test_a_program_s_last_words_are_the_cause() -> None:
    with pytest.raises(CommandFailed, match="the cause"):
        await run("sh", "-c", "echo first >&2; echo the cause >&2; exit 3")
    with pytest.raises(CommandFailed, match="the cause"):
        call("sh", "-c", "echo the cause; exit 3")


async def test_a_program_that_does_not_end_is_killed_at_its_deadline() -> None:
    with pytest.raises(CommandFailed, match=r"0\.05 s"):
        await run("sleep", "60", timeout_s=0.05)
    with pytest.raises(CommandFailed, match=r"0\.05 s"):
        call("sleep", "60", timeout_s=0.05)


async def test_input_reaches_the_program() -> None:
    assert await run("cat", stdin="text") == "text"


def test_silence_is_said_to_be_silence() -> None:
    assert last_words(" \n\n") == "it said nothing"
