"""The fleet's names as a run, with a real Knot on loopback behind it."""

from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from cloudflare_stand_in import GOOD, stand_in
from noc.cloud.errors import DnsRefused, ForeignRecord, NoDnsToken
from noc.fleet.inventory import Inventory, Life, NodeRecord, load_inventory, save_inventory
from noc.fleet.load import load
from noc.runs.admission.risk import risk
from noc.runs.errors import CredentialExposed
from noc.runs.naming.errors import NameMissing, ZoneMoved
from noc.runs.naming.names import apply_names, check_named
from noc.runs.naming.survey import survey_names
from noc.runs.paths import Paths
from noc.runs.plan.plan import Plan
from noc.runs.plan.planners import plan_dns
from noc.runs.record.run import Run
from noc.runs.site.site import Site
from real_knot import NameServer, real_knot
from runs_kit import NOW, World, begin_run, make_site

ADDRESSES = {"virginia": "192.0.2.11", "frankfurt": "192.0.2.12"}
HUB = {"noc.clavitor.test", "soc.clavitor.test"}


@pytest.fixture
def knot(tmp_path: Path, paths: Paths) -> Iterator[NameServer]:
    """The fleet's zone, HQ's key for it, and two nodes with an address."""
    (tmp_path / "knot").mkdir()
    with real_knot(tmp_path / "knot", ["mail A 192.0.2.80"], zone="clavitor.test") as server:
        file = paths.fleet / "fleet.toml"
        table = f'[dns]\nprovider = "rfc2136"\nserver = "{server.server}"\nttl = 5\n'
        file.write_text(file.read_text() + table)
        (paths.credentials / "dns_tsig").write_text(server.key + "\n")
        (paths.credentials / "dns_tsig").chmod(0o600)
        learn(
            paths, **{name: NodeRecord(life=Life.LAUNCHED, address=IPv4Address(at)) for name, at in ADDRESSES.items()}
        )
        yield server


def learn(paths: Paths, **nodes: NodeRecord) -> None:
    known = load_inventory(paths.fleet)
    save_inventory(paths.fleet, known.model_copy(update={"nodes": {**known.nodes, **nodes}}))


def site(paths: Paths, world: World) -> Site:
    return make_site(paths, load(paths.fleet), world)


async def planned(paths: Paths, world: World) -> Plan:
    here = site(paths, world)
    return (await survey_names(here, plan_dns(here.fleet, NOW))).sealed()


async def applied(paths: Paths, world: World) -> Run:
    run = begin_run(paths, await planned(paths, world))
    verdicts = await apply_names(run, site(paths, world))
    assert all(verdict.good for verdict in verdicts)
    return run


async def test_nodes_and_hq_get_their_names_and_then_nothing_is_left_to_do(
    paths: Paths, world: World, knot: NameServer
) -> None:
    await applied(paths, world)
    assert knot.ask("frankfurt.clavitor.test") == {"192.0.2.12"}
    assert {name: knot.ask(name) for name in HUB} == {name: {"192.0.2.1"} for name in HUB}
    assert (await planned(paths, world)).has_work is False


async def test_the_plan_says_every_change_and_whose_it_is(paths: Paths, world: World, knot: NameServer) -> None:
    made = await planned(paths, world)
    assert len(made.records) == len(HUB) + len(ADDRESSES)
    assert made.row("frankfurt").differences == ("create A frankfurt.clavitor.test 192.0.2.12 for 5 s",)
    assert made.row("singapore").state == "unchanged"


async def test_every_record_is_in_the_journal_before_and_after(paths: Paths, world: World, knot: NameServer) -> None:
    run = await applied(paths, world)
    told = [(event.state.value, event.detail["say"]) for event in run.events if event.step == "record"]
    assert told == [(state, words) for state in ("started", "ok") for words in run.plan.records]


async def test_new_names_are_a_low_risk_and_changed_ones_a_medium_one(
    paths: Paths, world: World, knot: NameServer
) -> None:
    inventory = Inventory()
    assert risk(await planned(paths, world), inventory) == "low"
    await applied(paths, world)
    learn(paths, frankfurt=NodeRecord(life=Life.LIVE, address=IPv4Address("192.0.2.99")))
    assert risk(await planned(paths, world), inventory) == "medium"


async def test_a_retired_node_loses_its_name(paths: Paths, world: World, knot: NameServer) -> None:
    await applied(paths, world)
    learn(paths, frankfurt=NodeRecord(life=Life.RETIRED, address=IPv4Address("192.0.2.12")))
    await applied(paths, world)
    assert (knot.ask("frankfurt.clavitor.test"), knot.ask("mail.clavitor.test")) == (set(), {"192.0.2.80"})


async def test_a_node_whose_name_others_use_blocks_the_plan_and_is_named(
    paths: Paths, world: World, tmp_path: Path, knot: NameServer
) -> None:
    text = (paths.fleet / "fleet.toml").read_text()
    (paths.fleet / "fleet.toml").write_text(text.replace('subdomain = "frankfurt"', 'subdomain = "mail"'))
    made = await planned(paths, world)
    assert [row.node for row in made.blocked] == ["frankfurt"]
    assert "mail.clavitor.test" in made.row("frankfurt").problems[0]


async def test_a_name_of_hq_that_others_use_is_told(paths: Paths, world: World, knot: NameServer) -> None:
    text = (paths.fleet / "fleet.toml").read_text()
    (paths.fleet / "fleet.toml").write_text(text.replace("[tunnel]", 'names = ["mail"]\n[tunnel]', 1))
    with pytest.raises(ForeignRecord, match=r"mail\.clavitor\.test"):
        await planned(paths, world)


async def test_a_zone_that_moved_since_the_plan_is_left_as_it_is(paths: Paths, world: World, knot: NameServer) -> None:
    run = begin_run(paths, await planned(paths, world))
    await applied(paths, world)
    with pytest.raises(ZoneMoved):
        await apply_names(run, site(paths, world))


async def test_without_a_credential_the_fix_is_told(paths: Paths, world: World, knot: NameServer) -> None:
    (paths.credentials / "dns_tsig").unlink()
    with pytest.raises(NoDnsToken) as caught:
        await planned(paths, world)
    assert "noc hub secret set dns_tsig" in caught.value.fix


async def test_a_credential_that_others_could_read_is_not_used(paths: Paths, world: World, knot: NameServer) -> None:
    (paths.credentials / "dns_tsig").chmod(0o644)
    with pytest.raises(CredentialExposed):
        await planned(paths, world)


async def test_a_key_that_the_zone_does_not_know_changes_nothing(paths: Paths, world: World, knot: NameServer) -> None:
    run = begin_run(paths, await planned(paths, world))
    (paths.credentials / "dns_tsig").write_text("stranger hmac-sha256 AAAA")
    with pytest.raises(DnsRefused):
        await apply_names(run, site(paths, world))
    assert knot.ask("frankfurt.clavitor.test") == set()


async def test_a_node_s_name_comes_before_its_certificate(paths: Paths, world: World, knot: NameServer) -> None:
    here = site(paths, world)
    with pytest.raises(NameMissing) as caught:
        await check_named(here, here.fleet.node("frankfurt"))
    assert "noc dns apply" in caught.value.fix
    await applied(paths, world)
    await check_named(here, here.fleet.node("frankfurt"))


async def test_a_name_that_leads_elsewhere_is_none(paths: Paths, world: World, knot: NameServer) -> None:
    await applied(paths, world)
    learn(paths, frankfurt=NodeRecord(life=Life.LAUNCHED, address=IPv4Address("192.0.2.99")))
    here = site(paths, world)
    with pytest.raises(NameMissing):
        await check_named(here, here.fleet.node("frankfurt"))


async def test_where_a_person_keeps_the_names_nobody_asks(paths: Paths, world: World, knot: NameServer) -> None:
    (paths.credentials / "dns_tsig").unlink()
    here = site(paths, world)
    await check_named(here, here.fleet.node("frankfurt"))


async def test_at_cloudflare_the_same_plan_is_made_by_its_token(paths: Paths, world: World) -> None:
    with stand_in() as account:
        account.zones = {"clavitor.test": "a" * 32}
        file = paths.fleet / "fleet.toml"
        file.write_text(file.read_text() + f'[dns]\napi = "{account.url}"\n')
        (paths.credentials / "dns_token").write_text(f"{GOOD}\n")
        (paths.credentials / "dns_token").chmod(0o600)
        assert [words.split()[2] for words in (await planned(paths, world)).records] == sorted(HUB)
