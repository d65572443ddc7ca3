"""A dead node made anew on another machine, over machines behind the seam of Shell, Platform and Activator.

The backup, its key and the hub's counters are real.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

import runs_kit
from noc.backup.manifest import Manifest
from noc.backup.repository import NodeBackups
from noc.errors import NocError
from noc.fleet.inventory import Life, NodeRecord, load_inventory
from noc.fleet.model import Fleet
from noc.hosts.trust import generate_key
from noc.runs.backup.errors import NewerData, NotReplaced, NotUnsealed
from noc.runs.backup.replace import plan_replace, replace_node, survey_replace
from noc.runs.backup.unsealed import Unsealed
from noc.runs.paths import Paths
from noc.runs.plan.plan import Options, Plan
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.site.site import Site
from noc.runs.site.watchdoor import WatchDoor
from runs_kit import (
    FINGERPRINT,
    HUB_CA,
    NEW,
    NOW,
    OLD,
    FakeActivator,
    FakeWays,
    Machine,
    World,
    begin_run,
    make_site,
    steps_of,
    write_fleet,
)
from runs_kit import (
    manifest as release,
)
from unit.backup.backup_kit import NOW as BACKED_UP
from unit.backup.backup_kit import flip, give_key, identity_of, keep, make_database, pages, repository

NODE, ADDRESS = "virginia", IPv4Address("192.0.2.7")
OLD_KEY = "o" * 42 + "g="


class Activator(FakeActivator):
    """One that is sent data; what it was sent, and what it was then told to start with, stay with the machine."""

    async def receive(self, content: bytes, run: str, at: datetime) -> int:
        self.world.did(self.machine.name, f"receive {len(content)} bytes of {at:%H:%M}")
        return 3


class Ways(FakeWays):
    def activator(self, shell: Any) -> Any:
        return Activator(shell.world, shell.machine)


class Watch(WatchDoor):
    """The kit's watch, with one open incident of the node."""

    def __init__(self, socket: Path) -> None:
        super().__init__(socket)
        self.notes: list[tuple[int, str]] = []

    async def incidents(self, _limit: int) -> list[dict[str, Any]]:
        ended = {"id": 4, "node": NODE, "ended_at": "2026-03-01T11:00:00Z"}
        return [{"id": 5, "node": NODE, "ended_at": None}, ended, {"id": 6, "node": "london", "ended_at": None}]

    async def note(self, incident: int, text: str) -> None:
        self.notes.append((incident, text))


@pytest.fixture
def world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The new machine, as a provider hands it over."""
    world.machines[NODE] = Machine(NODE, current=None)
    monkeypatch.setattr(runs_kit, "HOST_PUBLIC", generate_key("node").public)
    return world


@pytest.fixture
async def hub(paths: Paths, world: World) -> AsyncIterator[None]:
    """HQ's host CA, a node that was live, and the hub's counters, as the inventory lets it know peers."""
    before = NodeRecord(
        life=Life.LIVE,
        address=IPv4Address("192.0.2.6"),
        wireguard_key=OLD_KEY,
        push_token_sha256="c" * 64,
        release=OLD,
        rotated={"push-token": NOW},
    )
    write_fleet(paths.fleet, **{NODE: before})
    key = paths.credentials / "host_ca"
    key.write_bytes(HUB_CA.private)
    key.chmod(0o600)

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for name, record in load_inventory(paths.fleet).nodes.items():
            up = "tunnel" in world.machines[name].installed
            if record.wireguard_key:
                writer.write(f"{record.wireguard_key}\t{time.time() if up else 0:.0f}\n".encode())
        writer.close()

    server = await asyncio.start_unix_server(answer, paths.tunnels_socket)
    yield
    server.close()


@pytest.fixture
def site(paths: Paths, fleet: Fleet, world: World, hub: None) -> Site:
    give_key(paths)
    made = make_site(paths, fleet, world)
    ways: Any = Ways(world, fleet)
    return replace(made, ways=ways, watch=Watch(paths.watch_socket))


@pytest.fixture
def backups(paths: Paths, site: Site) -> NodeBackups:
    return repository(paths.backups).node(NODE)


@pytest.fixture
def backup(backups: NodeBackups, tmp_path: Path) -> Manifest:
    return keep(backups, pages(make_database(tmp_path / "backup.db")))


@pytest.fixture
def unsealed(backups: NodeBackups, backup: Manifest) -> Unsealed:
    made, epoch = Unsealed(), backups.epoch_of(backup.epoch)
    made.hold(epoch, identity_of(epoch))
    return made


def outline(site: Site, address: IPv4Address = ADDRESS, host_key: str = FINGERPRINT) -> Plan:
    options = Options(address={NODE: address}, host_key={NODE: host_key})
    inventory = load_inventory(site.paths.fleet)
    return plan_replace(site.fleet, inventory, [NODE], NOW, releases=[release()], options=options)


async def replaced(site: Site, unsealed: Unsealed, **given: Any) -> tuple[Verdict, Run]:
    run = begin_run(site.paths, await survey_replace(site, outline(site, **given), unsealed))
    (verdict,) = await replace_node(run, again(site), unsealed)
    return verdict, run


def again(site: Site) -> Site:
    """The fleet as a run finds it: the inventory is read anew, the watch's notes stay."""
    fresh = make_site(site.paths, site.fleet, site.ways._world)  # type: ignore[attr-defined]
    return replace(fresh, ways=site.ways, watch=site.watch)


async def test_a_dead_node_is_live_on_another_machine(site: Site, unsealed: Unsealed, backup: Manifest) -> None:
    verdict, run = await replaced(site, unsealed)
    assert (verdict.verdict, verdict.good) == ("live", True), verdict
    assert verdict.now == f"live 1.1.0 (2), data of {backup.name}"
    steps = [step for step, state in steps_of(run, NODE) if state == "ok"]
    assert steps[:3] == ["open", "contact", "withdraw"]
    assert steps[-1] == "live"
    record = load_inventory(site.paths.fleet).record(NODE)
    assert (record.life, record.address, record.release) == (Life.LIVE, ADDRESS, NEW)


async def test_the_data_are_there_before_the_release_first_runs(site: Site, world: World, unsealed: Unsealed) -> None:
    await replaced(site, unsealed)
    done = [what for name, what in world.log if name == NODE]
    received = next(index for index, what in enumerate(done) if what.startswith("receive "))
    assert done.index("stage") < received < done.index("start")
    assert [(order.data, order.restore_data) for order in world.machines[NODE].orders] == [(3, True)]


async def test_the_old_machine_is_never_contacted(site: Site, world: World, unsealed: Unsealed) -> None:
    world.machines[NODE].installed.add("tunnel")  # it would answer there
    await replaced(site, unsealed)
    dials = [what for name, what in world.log if name == NODE and what.startswith("dial")]
    assert dials[0] == "dial public"


async def test_the_old_machine_holds_nothing_that_counts(site: Site, unsealed: Unsealed) -> None:
    await replaced(site, unsealed)
    record = load_inventory(site.paths.fleet).record(NODE)
    assert record.wireguard_key not in (None, OLD_KEY)
    assert record.push_token_sha256 not in (None, "c" * 64)
    assert (record.wireguard_key_before, record.push_token_sha256_before, record.rotated) == (None, None, {})
    assert OLD_KEY not in (site.paths.fleet / "wireguard" / "peers.conf").read_text()


async def test_the_watch_is_told_beside_the_open_incident(site: Site, unsealed: Unsealed) -> None:
    _, run = await replaced(site, unsealed)
    watch: Any = site.watch
    ((incident, text),) = watch.notes
    assert (incident, "virginia is made anew on 192.0.2.7" in text, run.id in text) == (5, True, True)


async def test_a_machine_that_shows_another_key_leaves_everything_as_it_was(
    site: Site, unsealed: Unsealed, world: World
) -> None:
    verdict, _ = await replaced(site, unsealed, host_key="SHA256:" + "B" * 43)
    assert verdict.verdict == "failed"
    record = load_inventory(site.paths.fleet).record(NODE)
    assert (record.life, record.wireguard_key, record.address) == (Life.LIVE, OLD_KEY, IPv4Address("192.0.2.6"))
    assert world.log == []


async def test_the_old_machine_under_hqs_own_authority_is_not_taken_for_the_new_one(
    site: Site, unsealed: Unsealed, world: World
) -> None:
    """The address that was typed is the old machine's, which is certified and alive."""
    world.machines[NODE].installed.add("host-certificate")
    verdict, _ = await replaced(site, unsealed, address=IPv4Address("192.0.2.6"))
    assert verdict.verdict == "failed"
    assert [what for _, what in world.log if what.startswith("dial")] == []


async def test_one_that_was_cut_goes_on_with_the_same_machine(site: Site, unsealed: Unsealed, world: World) -> None:
    world.machines[NODE].flaw = "dies in units"
    verdict, _ = await replaced(site, unsealed)
    assert (verdict.verdict, verdict.now.split()[0]) == ("failed", "launched")
    world.machines[NODE].flaw = ""
    key = load_inventory(site.paths.fleet).record(NODE).wireguard_key
    verdict, run = await replaced(site, unsealed)
    assert verdict.verdict == "live", verdict
    assert load_inventory(site.paths.fleet).record(NODE).wireguard_key == key
    (withdrawn,) = [event for event in run.events if (event.step, event.state) == ("withdraw", "ok")]
    assert withdrawn.detail["changed"] == []


async def test_a_backup_that_was_changed_is_met_before_any_machine_is_touched(
    site: Site, unsealed: Unsealed, backups: NodeBackups, world: World
) -> None:
    flip(next(backups.directory.glob("chunks/*/*/*.age")))
    with pytest.raises(NocError) as caught:
        await replaced(site, unsealed)
    assert (caught.value.code, world.log) == ("E461", [])


async def test_without_a_key_there_is_no_plan(site: Site, backup: Manifest) -> None:
    assert backup
    with pytest.raises(NotUnsealed):
        await survey_replace(site, outline(site), Unsealed())


async def test_a_key_that_expired_between_plan_and_run_touches_nothing(
    site: Site, unsealed: Unsealed, world: World
) -> None:
    plan = await survey_replace(site, outline(site), unsealed)
    unsealed.forget(NODE)
    (verdict,) = await replace_node(begin_run(site.paths, plan), site, unsealed)
    assert (verdict.verdict, "NOC-E753" in verdict.why, world.log) == ("failed", True, [])


async def test_data_of_a_newer_release_than_the_fleets_are_refused_with_what_mends_it(
    site: Site, backups: NodeBackups, unsealed: Unsealed, backup: Manifest
) -> None:
    newer = backup.model_copy(update={"release": NEW, "at": BACKED_UP + timedelta(hours=1), "sealed": {}, "mac": ""})
    backups.commit(newer)
    options = Options(address={NODE: ADDRESS}, host_key={NODE: FINGERPRINT})
    old = runs_kit.MANIFESTS[OLD]
    inventory = load_inventory(site.paths.fleet)
    plan = plan_replace(site.fleet, inventory, [NODE], NOW, releases=[old], options=options)
    with pytest.raises(NewerData) as caught:
        await survey_replace(site, plan, unsealed)
    assert caught.value.fix.startswith("noc deploy all 1.1.0")


async def test_the_plan_warns_where_the_watch_still_hears_the_node(
    site: Site, unsealed: Unsealed, world: World
) -> None:
    world.machines[NODE].current = OLD
    row = (await survey_replace(site, outline(site), unsealed)).row(NODE)
    assert row.notes[0].startswith("the watch hears it")
    assert "is lost" in row.loss


def test_a_node_that_was_never_live_is_provisioned_instead(site: Site) -> None:
    write_fleet(site.paths.fleet)
    with pytest.raises(NotReplaced) as caught:
        outline(site)
    assert caught.value.fix == "noc provision virginia"


@pytest.mark.parametrize(
    "options", [Options(), Options(address={NODE: ADDRESS}), Options(host_key={NODE: FINGERPRINT})]
)
def test_the_machine_has_to_be_named_with_its_key(site: Site, options: Options) -> None:
    inventory = load_inventory(site.paths.fleet)
    with pytest.raises(NotReplaced):
        plan_replace(site.fleet, inventory, [NODE], NOW, releases=[release()], options=options)
