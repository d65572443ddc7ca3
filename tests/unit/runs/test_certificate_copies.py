"""Nodes' certificates and their copies on HQ: what is taken, what is put back, and what a plan may cost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from pyrage import x25519

from here_shell import Here, proxy_storage
from noc.cloud.acme.certificate import Certificate
from noc.fleet.inventory import Life, NodeRecord, load_inventory, save_inventory
from noc.fleet.load import load
from noc.hosts.certificates import put_certificate, read_certificate
from noc.hosts.errors import Unreachable
from noc.lab.authority import Authority
from noc.runs.naming.certificates import put_back, take_copies
from noc.runs.naming.errors import AllowanceSpent
from noc.runs.naming.issuing import check_allowance
from noc.runs.naming.keeping import keep_copies
from noc.runs.paths import Paths
from noc.runs.site.escrow import escrow
from noc.runs.site.site import Site
from runs_kit import World, make_site

NAME = "frankfurt.clavitor.test"
SHELL: Any = Here()


@dataclass
class OneNode:
    """A way to frankfurt alone, which is this machine."""

    async def dial(self, name: str, address: str, trust: Any, *, timeout_s: float, segment: int | None = None) -> Any:
        if name != "frankfurt":
            raise Unreachable(f"{name} cannot be reached")
        return Here()

    def only(self, key: Path) -> "OneNode":
        raise AssertionError(key)

    def platform(self, node: Any) -> Any:
        raise AssertionError(node)

    def activator(self, shell: Any) -> Any:
        raise AssertionError(shell)


@pytest.fixture
def site(paths: Paths, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A fleet whose HQ has its key, and a node that keeps its certificates in a directory of the test."""
    proxy_storage(tmp_path, monkeypatch)
    key = paths.credentials / "escrow_key"
    key.write_text(f"{x25519.Identity.generate()}\n")
    key.chmod(0o600)
    return replace(make_site(paths, load(paths.fleet), world), ways=OneNode())


def made(name: str = NAME, *, left: timedelta = timedelta(days=30)) -> Certificate:
    chain, key = Authority().issue(name, IPv4Address("127.0.0.1"), ends=left)
    return Certificate.read(chain.decode(), key.decode())


async def given(site: Site, certificate: Certificate, name: str = NAME) -> None:
    """Let the node have a certificate."""
    await put_certificate(SHELL, site.fleet.acme.authority, name, (certificate.chain, certificate.key))


async def has(site: Site) -> Certificate | None:
    """What the node has."""
    pair = await read_certificate(SHELL, site.fleet.acme.authority, NAME)
    return Certificate.read(*pair) if pair else None


async def copied(site: Site) -> list[str]:
    return await take_copies(site, site.fleet.node("frankfurt"), SHELL)


async def put(site: Site) -> list[str]:
    return await put_back(site, site.fleet.node("frankfurt"), SHELL)


async def test_a_copy_is_put_back_on_a_node_that_was_made_anew(site: Site) -> None:
    certificate = made()
    escrow(site).keep(NAME, certificate, site.fleet.acme.authority)
    assert len(await put(site)) == 1
    assert await has(site) == certificate
    assert await put(site) == []


async def test_a_certificate_that_lasts_longer_than_the_copy_stays(site: Site) -> None:
    newer = made(left=timedelta(days=31))
    escrow(site).keep(NAME, made(), site.fleet.acme.authority)
    await given(site, newer)
    await put(site)
    assert await has(site) == newer


async def test_a_copy_that_is_about_to_be_renewed_is_left_where_it_is(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Certificate, "worth_keeping", lambda *_: False)
    escrow(site).keep(NAME, made(), site.fleet.acme.authority)
    assert (await put(site), await has(site)) == ([], None)


async def test_a_renewed_certificate_is_copied_once(site: Site) -> None:
    await given(site, made())
    await copied(site)
    renewed = made()
    await given(site, renewed)
    assert await copied(site) == [f"copy of the certificate of {NAME}"]
    assert escrow(site).copy(NAME, site.fleet.acme.authority) == renewed
    assert await copied(site) == []


async def test_the_domain_s_certificate_is_copied_from_the_node_that_answers_for_it(site: Site) -> None:
    await given(site, made("clavitor.test"), "clavitor.test")
    assert await copied(site) == []
    site.book.learn_apex(answers_apex=("frankfurt",))
    assert await copied(site) == ["copy of the certificate of clavitor.test"]


async def test_every_live_node_is_looked_at_and_one_that_is_away_keeps_nobody(site: Site) -> None:
    await given(site, made())
    assert list(await keep_copies(site)) == ["frankfurt"]


async def test_an_hq_without_its_key_copies_nothing_and_puts_nothing(site: Site) -> None:
    await given(site, made())
    (site.paths.credentials / "escrow_key").unlink()
    assert (await copied(site), await put(site), await keep_copies(site)) == ([], [], {})


def planned(paths: Paths, names: Sequence[str]) -> None:
    known = load_inventory(paths.fleet)
    fresh = {name: NodeRecord(life=Life.PLANNED) for name in names}
    save_inventory(paths.fleet, known.model_copy(update={"nodes": {**known.nodes, **fresh}}))


def spend(site: Site, count: int) -> None:
    """Certificates of the domain that HQ has seen today."""
    for number in range(count):
        name = f"n{number}.clavitor.test"
        escrow(site).keep(name, made(name), site.fleet.acme.authority)


def test_a_plan_beyond_the_week_s_allowance_is_refused_with_its_numbers(site: Site, paths: Paths, world: World) -> None:
    planned(paths, ("virginia", "frankfurt"))
    spend(site, 49)
    here = make_site(paths, site.fleet, world)
    check_allowance(here, ["frankfurt"])
    with pytest.raises(AllowanceSpent) as caught:
        check_allowance(here, ["virginia", "frankfurt"])
    assert "2 certificates are needed, 1 are left" in caught.value.why


def test_a_node_that_is_live_or_gets_its_copy_back_costs_nothing(site: Site, paths: Paths, world: World) -> None:
    planned(paths, ("frankfurt",))
    spend(site, 49)
    escrow(site).keep(NAME, made(), site.fleet.acme.authority)
    check_allowance(make_site(paths, site.fleet, world), ["virginia", "frankfurt", "singapore"])
