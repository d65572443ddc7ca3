"""A zone on a name server of its own, against a real Knot on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from noc.cloud.dns.nameserver import NameServerZone
from noc.cloud.dns.plan import Change, Found, plan
from noc.cloud.dns.records import Record
from noc.cloud.errors import DnsRefused, DnsUnreachable, ForeignRecord, NoDnsToken
from noc.lab.dns import tsig_key
from real_knot import NameServer, free_port, real_knot

A = Record("a.example.com", "A", "192.0.2.1", 60)
A6 = Record("a.example.com", "AAAA", "2001:db8::1", 60)
B = Record("b.example.com", "A", "192.0.2.2", 60)
FOREIGN = ("www A 192.0.2.80", "mail CNAME www", "www TXT hello")


@pytest.fixture
def knot(tmp_path: Path) -> Iterator[NameServer]:
    with real_knot(tmp_path, FOREIGN) as server:
        yield server


def zone(knot: NameServer, key: str = "", fleet: str = "clavitor") -> NameServerZone:
    return NameServerZone("example.com", fleet, knot.server, key or knot.key)


async def applied(knot: NameServer, *wanted: Record) -> int:
    """Bring the zone to these records; how many changes that took."""
    made = plan(await zone(knot).records(), wanted)
    await zone(knot).apply(made.changes)
    return len(made.changes)


async def test_what_was_applied_is_answered_and_nothing_is_left_to_do(knot: NameServer) -> None:
    assert await applied(knot, A, A6, B) == 3
    assert (knot.ask(A.name), knot.ask(A.name, "AAAA"), knot.ask(B.name)) == ({"192.0.2.1"}, {A6.content}, {B.content})
    assert await applied(knot, A, A6, B) == 0


async def test_a_record_is_changed_in_its_place(knot: NameServer) -> None:
    await applied(knot, A)
    assert await applied(knot, Record(A.name, "A", "192.0.2.9", 30)) == 1
    assert knot.ask(A.name) == {"192.0.2.9"}


async def test_the_domain_itself_is_a_name_like_any_other(knot: NameServer) -> None:
    await applied(knot, Record("example.com", "A", "192.0.2.1", 60))
    assert await applied(knot, Record("example.com", "A", "192.0.2.1", 60)) == 0


async def test_what_goes_takes_its_mark_along(knot: NameServer) -> None:
    await applied(knot, A)
    await applied(knot)
    assert (knot.ask(A.name), knot.ask(f"_noc.{A.name}", "TXT")) == (set(), set())


async def test_one_of_two_records_of_a_name_goes_and_the_other_stays_ours(knot: NameServer) -> None:
    await applied(knot, A, A6)
    await applied(knot, A)
    assert (knot.ask(A.name), knot.ask(A.name, "AAAA")) == ({A.content}, set())
    assert await applied(knot, A) == 0


async def test_records_of_others_are_left_alone(knot: NameServer) -> None:
    await applied(knot, A)
    await applied(knot)
    assert knot.ask("www.example.com") == {"192.0.2.80"}
    assert knot.ask("www.example.com", "TXT") == {'"hello"'}
    assert "www.example.com." in knot.ask("mail.example.com", "CNAME")


@pytest.mark.parametrize("name", ["www.example.com", "mail.example.com"])
async def test_a_name_that_others_use_is_refused_before_anything_is_sent(knot: NameServer, name: str) -> None:
    with pytest.raises(ForeignRecord, match=name):
        await applied(knot, Record(name, "A", "192.0.2.1", 60))


async def test_another_fleet_s_records_are_foreign(knot: NameServer) -> None:
    await applied(knot, A)
    assert [each.ours for each in await zone(knot, fleet="other").records() if each.record.name == A.name] == [False]


@pytest.mark.parametrize(
    "late",
    [
        Change("delete", Found(Record("gone.example.com", "A", "192.0.2.1", 60), "", ours=True), None),
        Change("create", None, Record("www.example.com", "A", "192.0.2.1", 60)),
        Change("create", None, Record("mail.example.com", "A", "192.0.2.1", 60)),
    ],
)
async def test_a_zone_that_has_moved_since_refuses_all_of_a_batch(knot: NameServer, late: Change) -> None:
    with pytest.raises(DnsRefused) as caught:
        await zone(knot).apply([Change("create", None, A), late])
    assert ("again" in caught.value.fix, knot.ask(A.name)) == (True, set())
    assert knot.ask("www.example.com") == {"192.0.2.80"}


@pytest.mark.parametrize("key", ["stranger hmac-sha256 AAAA", "", "noc hmac-sha256 AAAA"])
async def test_a_key_that_the_server_does_not_accept_is_told(knot: NameServer, key: str) -> None:
    other = zone(knot, key or tsig_key())
    for attempt in (other.records(), other.apply([Change("create", None, A)])):
        with pytest.raises(DnsRefused) as caught:
            await attempt
        assert "key" in caught.value.fix
    assert knot.ask(A.name) == set()


async def test_a_zone_that_the_server_has_not_is_told(knot: NameServer) -> None:
    with pytest.raises(DnsRefused):
        await NameServerZone("example.org", "clavitor", knot.server, knot.key).records()


async def test_a_server_that_is_not_there_is_told() -> None:
    nobody = NameServerZone("example.com", "clavitor", f"127.0.0.1:{free_port()}", tsig_key())
    with pytest.raises(DnsUnreachable):
        await nobody.records()
    with pytest.raises(DnsUnreachable):
        await nobody.apply([Change("create", None, A)])


@pytest.mark.parametrize("text", ["", "noc", "noc hmac-sha256 not/base64!", "noc rot13 AAAA"])
def test_a_key_that_cannot_be_read_is_told_without_its_secret(text: str) -> None:
    with pytest.raises(NoDnsToken) as caught:
        NameServerZone("example.com", "clavitor", "127.0.0.1:53", text)
    assert text.split()[-1:] == [] or "base64" not in str(caught.value)
