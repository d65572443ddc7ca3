"""What a zone's own name servers answer, by a real Knot on loopback that is found as any zone's servers are."""

from collections.abc import Iterator
from pathlib import Path

import dns.asyncresolver
import pytest

from noc.cloud.dns import authority
from noc.cloud.dns.authority import Authority
from noc.cloud.dns.plan import Change, Found
from noc.cloud.dns.records import Record
from noc.cloud.errors import DnsUnreachable
from real_knot import NameServer, free_port, real_knot

ZONE = "example.com"
A = Record("a.example.com", "A", "192.0.2.1", 300)
PROXIED = Record("a.example.com", "A", "203.0.113.9", 1, proxied=True)


@pytest.fixture
def knot(tmp_path: Path) -> Iterator[NameServer]:
    with real_knot(tmp_path, ["a A 192.0.2.1", "text TXT proof"]) as server:
        yield server


@pytest.fixture
def resolver(knot: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's resolver is Knot, and name servers answer on its port."""
    made = dns.asyncresolver.Resolver(configure=False)
    made.nameservers, made.port = ["127.0.0.1"], knot.port
    monkeypatch.setattr(dns.asyncresolver, "default_resolver", made)
    monkeypatch.setattr(authority, "PORT", knot.port)


def made(record: Record) -> Change:
    return Change("create", None, record)


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (made(A), True),
        (made(Record("a.example.com", "A", "192.0.2.2", 300)), False),
        (made(Record("b.example.com", "A", "192.0.2.1", 300)), False),
        (made(PROXIED), True),
        (Change("delete", Found(A, "", ours=True), None), False),
        (Change("delete", Found(Record("b.example.com", "A", "192.0.2.1", 300), "", ours=True), None), True),
    ],
)
async def test_a_change_is_shown_once_the_servers_answer_so(knot: NameServer, change: Change, shown: bool) -> None:
    assert await Authority(ZONE, [knot.server]).shows(change, 0) is shown


async def test_a_text_is_shown_beside_others(knot: NameServer) -> None:
    servers = Authority(ZONE, [knot.server])
    assert (await servers.shows_text("text.example.com", "proof", 0), await servers.shows_text(ZONE, "proof", 0)) == (
        True,
        False,
    )


async def test_servers_that_are_not_of_one_mind_show_nothing(knot: NameServer, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with real_knot(tmp_path / "other", ["a A 192.0.2.2"]) as other:
        assert await Authority(ZONE, [knot.server, other.server]).ask(A.name, "A") == frozenset()


@pytest.mark.usefixtures("resolver")
async def test_the_servers_are_those_that_the_zone_names() -> None:
    assert await Authority(ZONE).ask(A.name, "A") == {"192.0.2.1"}


@pytest.mark.usefixtures("resolver")
async def test_a_zone_whose_servers_nobody_knows_is_told() -> None:
    with pytest.raises(DnsUnreachable, match=r"example\.org"):
        await Authority("example.org").ask("a.example.org", "A")


async def test_a_server_that_does_not_answer_is_told_and_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authority, "TIMEOUT_S", 0.2)
    nobody = Authority(ZONE, [f"127.0.0.1:{free_port()}"])
    with pytest.raises(DnsUnreachable):
        await nobody.ask(A.name, "A")
    assert await nobody.shows(made(A), 0) is False


@pytest.mark.parametrize(
    ("addresses", "led"), [({"192.0.2.1"}, True), ({"192.0.2.1", "192.0.2.9"}, True), ({"192.0.2.9"}, False)]
)
async def test_a_name_leads_to_some_of_several_addresses_and_to_no_other(
    knot: NameServer, addresses: set[str], led: bool
) -> None:
    assert await Authority(ZONE, [knot.server]).leads(A.name, addresses, 0) is led


async def test_servers_need_not_agree_on_the_best_address(knot: NameServer, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with real_knot(tmp_path / "other", ["a A 192.0.2.2"]) as other:
        both = Authority(ZONE, [knot.server, other.server])
        assert await both.leads(A.name, {"192.0.2.1", "192.0.2.2"}, 0)
        assert not await both.leads(A.name, {"192.0.2.1"}, 0)


async def test_a_name_that_is_not_there_leads_nowhere(knot: NameServer) -> None:
    assert not await Authority(ZONE, [knot.server]).leads("b.example.com", {"192.0.2.1"}, 0)
