"""The certificate of a domain for which several nodes answer: HQ renews it, at a real Pebble, and puts it on each."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from cloudflare_name_server import name_server
from cloudflare_stand_in import stand_in
from here_shell import proxy_storage
from noc.cloud.acme.certificate import Certificate
from noc.hosts.certificates import put_certificate, read_certificate
from noc.lab.authority import Authority
from noc.runs.naming.keeping import keep_copies, keeping_certificates
from noc.runs.naming.sharing import share_certificate
from noc.runs.paths import Paths
from noc.runs.record.audit import Audit
from noc.runs.site.escrow import escrow
from noc.runs.site.site import Site
from real_pebble import real_pebble
from routed_kit import DOMAIN, Routed, routed_fleet
from runs_kit import NAMES, World


@pytest.fixture
def fleet(paths: Paths, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Routed]:
    """Three nodes to which the domain is led; HQ has a copy of its certificate, and they have none yet."""
    proxy_storage(tmp_path, monkeypatch)
    with stand_in() as account, name_server(account) as server:
        made = routed_fleet(paths, world, account, server)
        made.routing('method = "latency"')
        made.proven("frankfurt")
        yield made


@pytest.fixture
def audit(paths: Paths) -> Iterator[Audit]:
    made = Audit(paths.audit)
    yield made
    made.close()


def told(audit: Audit) -> list[str]:
    return [each.what for each in audit.entries() if each.kind == "intent"]


def copy(site: Site) -> Certificate:
    found = escrow(site).copy(DOMAIN, site.fleet.acme.authority)
    assert found is not None
    return found


async def on(site: Site, node: str) -> Certificate | None:
    """What a node has for the domain."""
    shell = await site.link(site.fleet.node(node)).shell()
    pair = await read_certificate(shell, site.fleet.acme.authority, DOMAIN)
    return Certificate.read(*pair) if pair else None


def lasting(left: timedelta) -> Certificate:
    chain, key = Authority().issue(DOMAIN, IPv4Address("127.0.0.1"), ends=left)
    return Certificate.read(chain.decode(), key.decode())


async def test_every_node_that_is_led_to_has_the_same_certificate_and_gets_it_once(fleet: Routed, audit: Audit) -> None:
    site = fleet.site()
    assert await share_certificate(site, audit) == list(NAMES)
    assert {await on(site, node) for node in NAMES} == {copy(site)}
    assert (await share_certificate(site, audit), len(told(audit))) == ([], 3)


async def test_one_that_a_node_has_renewed_is_shared_with_the_others(fleet: Routed, audit: Audit) -> None:
    site, newer = fleet.site(), lasting(timedelta(days=89))
    shell = await site.link(site.fleet.node("virginia")).shell()
    await put_certificate(shell, site.fleet.acme.authority, DOMAIN, (newer.chain, newer.key))
    await keep_copies(site)
    assert await share_certificate(site, audit) == ["frankfurt", "singapore"]
    assert {await on(site, node) for node in NAMES} == {newer}


async def test_a_node_that_is_away_keeps_nobody_from_it(fleet: Routed, audit: Audit) -> None:
    fleet.world.machines["virginia"].flaw = "unreachable"
    assert await share_certificate(fleet.site(), audit) == ["frankfurt", "singapore"]


async def test_a_domain_that_leads_to_one_node_is_that_nodes_to_certify(fleet: Routed, audit: Audit) -> None:
    fleet.routing('method = "single"')
    assert (await share_certificate(fleet.site(), audit), told(audit)) == ([], [])


async def test_hq_renews_it_before_a_node_would(
    fleet: Routed, audit: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noc.runs.naming.sharing.RENEWED_AT", 1.0)
    (tmp_path / "pebble").mkdir()
    with real_pebble(tmp_path / "pebble", fleet.server) as pebble:
        file = fleet.paths.fleet / "fleet.toml"
        file.write_text(f'{file.read_text()}[acme]\ndirectory = "{pebble.directory}"\n')
        site = replace(fleet.site(), acme_root=pebble.ca_root)
        assert await share_certificate(site, audit) == list(NAMES)
        assert {await on(site, node) for node in NAMES} == {copy(site)}
        assert copy(site).names == {DOMAIN}
    assert told(audit)[0] == f"renew the certificate of {DOMAIN}"
    assert [row for zone in fleet.account.rows.values() for row in zone.values() if row["type"] == "TXT"] == []


async def test_an_hq_that_has_lost_the_fleet_gives_nothing_to_nodes(fleet: Routed, audit: Audit) -> None:
    class Ended(Exception):
        """The turn is over."""

    async def not_ours() -> None:
        raise Ended

    with pytest.raises(Ended):
        await keeping_certificates(fleet.site, audit, not_ours, first_s=0)
    assert [await on(fleet.site(), node) for node in NAMES] == [None] * 3
