"""Certificates by ACME: a real Pebble issues them, by proofs in a real Knot, and a real Caddy serves them."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from noc.cloud.acme.certificate import Certificate
from noc.cloud.acme.order import Account, new_account_key, obtain
from noc.cloud.dns.authority import Authority
from noc.cloud.dns.nameserver import NameServerZone
from noc.cloud.errors import AuthorityUnreachable, CertificateRefused, CertificateUnreadable
from noc.lab.authority import Authority as LabAuthority
from real_knot import NameServer, free_port, real_knot
from real_pebble import Pebble, real_pebble

NAME = "example.com"
Publish = Callable[[str, str], AbstractAsyncContextManager[None]]


@pytest.fixture
def knot(tmp_path: Path) -> Iterator[NameServer]:
    (tmp_path / "knot").mkdir()
    with real_knot(tmp_path / "knot") as server:
        yield server


@pytest.fixture
def pebble(tmp_path: Path, knot: NameServer) -> Iterator[Pebble]:
    with real_pebble(tmp_path, knot) as made:
        yield made


@pytest.fixture
def publish(knot: NameServer) -> Publish:
    zone, servers = NameServerZone(NAME, "clavitor", knot.server, knot.key), Authority(NAME, [knot.server])

    @asynccontextmanager
    async def published(name: str, value: str) -> AsyncIterator[None]:
        async with zone.text(name, value):
            assert await servers.shows_text(name, value, 5)
            yield

    return published


def account(pebble: Pebble, **more: str) -> Account:
    return Account(pebble.directory, new_account_key(), "noc@example.com", ca_root=pebble.ca_root, **more)


@pytest.fixture
async def issued(pebble: Pebble, publish: Publish) -> Certificate:
    return await obtain(account(pebble), [NAME, f"soc.{NAME}"], publish)


async def test_a_certificate_is_issued_for_all_names_and_is_whole(issued: Certificate, pebble: Pebble) -> None:
    assert issued.names == {NAME, f"soc.{NAME}"}
    assert issued.worth_keeping(issued.begins)
    assert issued.chain.count("BEGIN CERTIFICATE") > 1


async def test_the_proofs_are_gone_once_it_is_issued(issued: Certificate, knot: NameServer) -> None:
    assert knot.ask(f"_acme-challenge.{NAME}", "TXT") == set()


async def test_an_account_is_found_again_by_its_key(pebble: Pebble, publish: Publish) -> None:
    known = account(pebble)
    first, second = [await obtain(known, [NAME], publish) for _ in range(2)]
    assert first.fingerprint != second.fingerprint


async def test_without_its_proof_the_authority_s_own_words_are_told(pebble: Pebble) -> None:
    @asynccontextmanager
    async def nowhere(name: str, value: str) -> AsyncIterator[None]:
        yield

    with pytest.raises(CertificateRefused) as caught:
        await obtain(account(pebble), [NAME], nowhere)
    assert "TXT" in caught.value.why


async def test_a_name_that_nobody_certifies_is_told(pebble: Pebble, publish: Publish) -> None:
    with pytest.raises(CertificateRefused, match=r"answered 40\d"):
        await obtain(account(pebble), ["no name at all"], publish)


async def test_an_authority_whose_own_certificate_does_not_hold_is_not_asked(
    pebble: Pebble, publish: Publish, tmp_path: Path
) -> None:
    (tmp_path / "other.pem").write_bytes(LabAuthority().root_pem)
    stranger = Account(pebble.directory, new_account_key(), ca_root=tmp_path / "other.pem")
    with pytest.raises(AuthorityUnreachable):
        await obtain(stranger, [NAME], publish)


async def test_an_authority_that_is_not_there_is_told(publish: Publish) -> None:
    nobody = Account(f"https://localhost:{free_port()}/dir", new_account_key())
    with pytest.raises(AuthorityUnreachable):
        await obtain(nobody, [NAME], publish)


def test_a_certificate_is_worth_keeping_until_a_third_of_its_life_is_left(pair: Certificate) -> None:
    whole = pair.ends - pair.begins
    assert pair.worth_keeping(pair.ends - whole / 3 - timedelta(minutes=1))
    assert not pair.worth_keeping(pair.ends - whole / 3 + timedelta(minutes=1))
    assert not pair.worth_keeping(pair.begins - timedelta(minutes=1))


@pytest.fixture
def pair() -> Certificate:
    from ipaddress import IPv4Address

    chain, key = LabAuthority().issue(NAME, IPv4Address("127.0.0.1"))
    return Certificate.read(chain.decode(), key.decode())


def test_a_key_of_another_certificate_is_refused_and_not_repeated(pair: Certificate) -> None:
    other = new_account_key()
    with pytest.raises(CertificateUnreadable) as caught:
        Certificate.read(pair.chain, other)
    assert other.splitlines()[1] not in str(caught.value.as_dict())


@pytest.mark.parametrize("text", ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_refused(pair: Certificate, text: str) -> None:
    with pytest.raises(CertificateUnreadable):
        Certificate.read(text, pair.key)
