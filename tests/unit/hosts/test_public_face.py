"""The public face of a node over real TLS on loopback, with an authority of the test's own."""

import gzip
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from https_kit import HEALTH, Face, certificate
from noc.hosts.web import Web


@pytest.fixture
async def face() -> AsyncIterator[Face]:
    made = Face()
    yield made
    made.close()


async def test_a_name_with_a_trusted_certificate_is_read(face: Face, tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, "localhost")
    health = await Web(pem, port=await face.open(pem, key)).health("localhost")
    assert (health.status, health.version, health.build, health.boot_id) == (200, "1.1.0", 2, "b")
    assert health.certificate_ends is not None
    assert 88 < (health.certificate_ends - datetime.now(UTC)).total_seconds() / 86400 <= 90


@pytest.mark.parametrize("wrong", ["another authority", "another name", "expired"])
async def test_a_certificate_that_does_not_hold_is_no_answer(face: Face, tmp_path: Path, wrong: str) -> None:
    name, days = ("elsewhere", 90) if wrong == "another name" else ("localhost", -1 if wrong == "expired" else 90)
    pem, key = certificate(tmp_path, name, days=days)
    (tmp_path / "other").mkdir()
    root = certificate(tmp_path / "other", "localhost")[0] if wrong == "another authority" else pem
    health = await Web(root, port=await face.open(pem, key)).health("localhost")
    assert (health.status, health.certificate_ends, health.stage) == (None, None, "certificate")
    assert "certificate" in health.trouble.lower()


async def test_nothing_that_listens_is_an_answer_and_not_an_exception(tmp_path: Path) -> None:
    pem, _ = certificate(tmp_path, "localhost")
    health = await Web(pem, port=1).health("localhost")
    assert (health.trouble, health.stage) == ("Connection refused", "connect")


async def test_a_name_that_nobody_has_is_told_from_a_port_where_nobody_is(tmp_path: Path) -> None:
    pem, _ = certificate(tmp_path, "localhost")
    health = await Web(pem, port=1).health("nobody.invalid")
    assert (bool(health.trouble), health.stage) == (True, "name")


async def test_a_server_that_breaks_off_its_answer_got_as_far_as_the_answer(face: Face, tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, "localhost")
    face.extra = "Content-Length: 1000000\r\nX-"
    health = await Web(pem, port=await face.open(pem, key)).health("localhost")
    assert (health.status, health.stage) == (None, "answer")


async def test_a_name_can_be_asked_at_an_address_and_its_certificate_must_still_hold(
    face: Face, tmp_path: Path
) -> None:
    pem, key = certificate(tmp_path, "vault.invalid")
    web, loopback = Web(pem, port=await face.open(pem, key)), IPv4Address("127.0.0.1")
    there = await web.health("vault.invalid", loopback)
    other = await web.health("elsewhere.invalid", loopback)
    assert (there.status, there.stage) == (200, "")
    assert (other.status, other.stage) == (None, "certificate")


async def test_a_silent_server_is_given_up(face: Face, tmp_path: Path) -> None:
    face.silent = True
    pem, key = certificate(tmp_path, "localhost")
    health = await Web(pem, port=await face.open(pem, key), within_s=0.3).health("localhost")
    assert (health.trouble, health.stage) == ("no answer within 0.3 s", "answer")


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"version": 7, "build": "2"}', b"x" * 200_000, b""])
async def test_a_body_that_makes_no_sense_names_no_version(face: Face, tmp_path: Path, body: bytes) -> None:
    face.body = body
    pem, key = certificate(tmp_path, "localhost")
    health = await Web(pem, port=await face.open(pem, key)).health("localhost")
    assert (health.status, health.version, health.build) == (200, None, None)


async def test_a_packed_answer_is_not_unpacked(face: Face, tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, "localhost")
    face.extra, face.body = "Content-Encoding: gzip\r\n", gzip.compress(json.dumps(HEALTH).encode() + b" " * (1 << 26))
    health = await Web(pem, port=await face.open(pem, key)).health("localhost")
    assert (health.status, health.version) == (200, None)
