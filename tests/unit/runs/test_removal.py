"""Nodes that leave: what is refused, what goes in which order, and that a run that was cut is gone on with."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from launch_kit import NOW, Room, room
from noc.errors import NocError, Usage
from noc.fleet.inventory import Inventory, Life, NodeRecord, load_inventory, save_inventory
from noc.fleet.model import Fleet
from noc.fleet.routing import Routing
from noc.hosts.errors import CommandFailed
from noc.hosts.shell import Result
from noc.runs.admission.errors import LeaseLost
from noc.runs.paths import Paths
from noc.runs.plan.plan import Options, Plan
from noc.runs.record.events import Verdict
from noc.runs.removal.clearing import CLEAR
from noc.runs.removal.errors import StillApex
from noc.runs.removal.plans import plan_remove
from noc.runs.removal.remove import NodeRemoval, remove
from noc.runs.removal.survey import survey_remove
from noc.runs.site.book import Book
from noc.runs.site.site import Site
from noc.runs.tenants.registry import Registry, Tenant
from runs_kit import FakeShell, FakeWays, World, begin_run, make_site

LEAVES = {"at_once": True, "without_backup": True}
KEY = "u" * 42 + "g="
SERVES = {"life": Life.LIVE, "release": "a" * 64, "wireguard_key": KEY, "push_token_sha256": "b" * 64}


def planned(fleet: Fleet, inventory: Inventory, node: str, **options: bool) -> Plan:
    return plan_remove(fleet, inventory, [node], NOW, Options.model_validate(LEAVES | options))


class TestRefused:
    """What is refused before anything is asked."""

    @pytest.mark.parametrize("answers", [{"apex": "virginia"}, {"answers_apex": ("virginia",)}])
    def test_the_node_that_the_domain_leads_to_stays_until_another_answers(
        self, fleet: Fleet, answers: dict[str, Any]
    ) -> None:
        with pytest.raises(StillApex) as raised:
            planned(fleet, Inventory(**answers), "virginia")
        assert "noc dns apex OTHER" in raised.value.fix

    def test_a_machine_that_is_gone_answers_for_nothing_any_more(self, fleet: Fleet) -> None:
        assert planned(
            fleet, Inventory(apex="frankfurt", answers_apex=("frankfurt", "virginia")), "virginia", gone=True
        )

    @pytest.mark.parametrize("led", [{"apex": "virginia"}, {"routed": ("virginia",)}])
    def test_nobody_is_led_to_a_machine_that_is_gone_before_it_leaves(self, fleet: Fleet, led: dict[str, Any]) -> None:
        with pytest.raises(StillApex):
            planned(fleet, Inventory(answers_apex=("virginia",), **led), "virginia", gone=True)

    def test_one_of_several_that_the_domain_leads_to_is_first_left_out(self, fleet: Fleet) -> None:
        led = fleet.model_copy(update={"routing": Routing(method="latency")})
        with pytest.raises(StillApex) as raised:
            planned(led, Inventory(answers_apex=("virginia",)), "virginia")
        assert "leave virginia out of the nodes that [routing] names" in raised.value.fix

    def test_all_at_once_is_never_meant(self, fleet: Fleet) -> None:
        with pytest.raises(Usage):
            planned(fleet, Inventory(), "all")

    async def test_a_live_node_whose_name_hq_does_not_keep_cannot_be_drained(
        self, paths: Paths, fleet: Fleet, world: World
    ) -> None:
        (row,) = (await surveyed(paths, fleet, world, at_once=False)).rows
        assert "HQ does not keep its name" in row.problems[0]

    async def test_a_node_that_does_not_answer_is_in_the_way_unless_it_is_gone(
        self, paths: Paths, fleet: Fleet, world: World
    ) -> None:
        Book(paths.fleet).learn("virginia", **SERVES)
        world.machines["virginia"].flaw = "unreachable"
        (row,) = (await surveyed(paths, fleet, world)).rows
        assert (row.state, "--gone" in row.problems[0]) == ("blocked", True)
        (row,) = (await surveyed(paths, fleet, world, gone=True)).rows
        assert (row.state, row.differences) == ("change", ("what HQ knows of it",))

    async def test_a_node_on_which_tenants_live_stays_unless_it_is_gone(
        self, paths: Paths, fleet: Fleet, world: World
    ) -> None:
        Registry(paths.tenants).place("a" * 32, lambda _: Tenant("a" * 32, "virginia", "", 1, "mia"))
        (row,) = (await surveyed(paths, fleet, world)).rows
        assert (row.state, "the home of 1 tenant(s)" in row.problems[0]) == ("blocked", True)
        (row,) = (await surveyed(paths, fleet, world, gone=True)).rows
        assert row.problems == ()

    async def test_data_are_not_given_up_unless_that_is_said(self, paths: Paths, fleet: Fleet, world: World) -> None:
        Book(paths.fleet).learn("virginia", **SERVES)
        (row,) = (await surveyed(paths, fleet, world, without_backup=False)).rows
        assert any("--without-backup" in problem for problem in row.problems)
        (row,) = (await surveyed(paths, fleet, world)).rows
        assert (row.state, row.loss) == ("change", "virginia: no last backup is taken")


async def surveyed(paths: Paths, fleet: Fleet, world: World, **options: bool) -> Plan:
    site = make_site(paths, fleet, world)
    return await survey_remove(site, planned(fleet, site.book.inventory, "virginia", **options))


class Elsewhere(FakeShell):
    """A machine that is no cloud's; `flaw` says whether it does what it is told."""

    async def run(self, *argv: str, stdin: bytes | None = None, timeout_s: float = 30, check: bool = True) -> Result:
        self.world.did(self.machine.name, "clear" if CLEAR in argv else argv[0])
        if self.machine.flaw == "refuses to clear":
            raise CommandFailed("sh ended with 1", result=Result(argv, 1, "", "clavitor.service still runs"))
        return Result(argv, 0, "", "")


class Ways(FakeWays):
    async def dial(self, name: str, address: str, trust: Any, **more: Any) -> Any:
        shell = await super().dial(name, address, trust, **more)
        return Elsewhere(shell.world, shell.machine, shell.address)


class TestElsewhere:
    """A node whose machine is no cloud's."""

    @pytest.fixture
    def site(self, paths: Paths, fleet: Fleet, world: World) -> Site:
        made = make_site(paths, fleet, world)
        made.book.learn("virginia", **SERVES)
        return Site(**{name: getattr(made, name) for name in made.__dataclass_fields__} | {"ways": Ways(world, fleet)})

    async def removed(self, paths: Paths, site: Site, **options: bool) -> Verdict:
        plan = planned(site.fleet, site.book.inventory, "virginia", **options)
        (verdict,) = await remove(begin_run(paths, plan), site)
        return verdict

    async def test_its_machine_forgets_all_of_it_and_the_tunnel_ends_last(
        self, paths: Paths, site: Site, world: World
    ) -> None:
        verdict = await self.removed(paths, site)
        assert (verdict.verdict, verdict.good) == ("removed", True)
        assert world.order("clear", "systemd-run") == [("virginia", "clear"), ("virginia", "systemd-run")]
        assert load_inventory(paths.fleet).record("virginia") == NodeRecord()

    async def test_nobody_is_woken_for_it_and_its_token_is_withdrawn_at_the_watch(
        self, paths: Paths, site: Site, world: World
    ) -> None:
        await self.removed(paths, site)
        assert world.reloads == 2

    async def test_hq_holds_on_to_one_that_was_not_cleared(self, paths: Paths, site: Site, world: World) -> None:
        world.machines["virginia"].flaw = "refuses to clear"
        verdict = await self.removed(paths, site)
        assert "E769" in verdict.why
        assert load_inventory(paths.fleet).record("virginia").wireguard_key == KEY

    async def test_one_that_is_no_more_is_asked_for_nothing(self, paths: Paths, site: Site, world: World) -> None:
        world.machines["virginia"].flaw = "unreachable"
        site.book.learn_apex(apex="frankfurt", answers_apex=("frankfurt", "virginia"))
        assert (await self.removed(paths, site, gone=True)).good
        assert site.book.inventory.answers_apex == ("frankfurt",)
        assert world.log == []

    async def test_without_a_last_backup_nothing_is_given_up(self, paths: Paths, site: Site, world: World) -> None:
        verdict = await self.removed(paths, site, without_backup=False)
        assert "E768" in verdict.why
        assert world.order("clear") == []

    async def test_it_can_be_retired(self, paths: Paths, site: Site) -> None:
        await self.removed(paths, site, retire=True)
        assert load_inventory(paths.fleet).record("virginia") == NodeRecord(life=Life.RETIRED)

    async def test_the_hub_knows_its_key_no_more(self, paths: Paths, site: Site) -> None:
        site.book.render(site.fleet)
        peers = paths.fleet / "wireguard" / "peers.conf"
        assert KEY in peers.read_text()
        await self.removed(paths, site)
        assert KEY not in peers.read_text()

    async def test_copies_of_its_certificate_are_dropped_and_no_others(self, paths: Paths, site: Site) -> None:
        paths.certificates.mkdir()
        own, other = (paths.certificates / f"{name}.clavitor.test@acme.age" for name in ("virginia", "frankfurt"))
        own.touch()
        other.touch()
        await self.removed(paths, site)
        assert (own.exists(), other.exists()) == (False, True)


@pytest.fixture
def hq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setattr("noc.cloud.ec2.launch.POLL_S", 0.01)
    monkeypatch.setattr("noc.runs.launch.launch._POLL_S", 0.01)
    with room(tmp_path / "hq") as made:
        yield made


@pytest.fixture(autouse=True)
def _place(tmp_path: Path) -> None:
    (tmp_path / "hq").mkdir()


async def remove_at(hq: Room, cut: int | None = None) -> Verdict:
    """Remove frankfurt; the runner loses its right to act before the step of that number."""
    plan = planned(hq.site.fleet, load_inventory(hq.paths.fleet), "frankfurt")
    run, taken = begin_run(hq.paths, plan), iter(range(100))

    def check() -> None:
        if next(taken) == cut:
            raise LeaseLost("it may not act any more")

    run.check = check
    (verdict,) = await remove(run, hq.site)
    return verdict


STEPS = 7


@pytest.mark.parametrize("cut", range(STEPS))
async def test_a_removal_that_was_cut_anywhere_goes_on_when_it_is_given_again(hq: Room, cut: int) -> None:
    await hq.launch()
    inventory = load_inventory(hq.paths.fleet)
    record = NodeRecord.model_validate({**inventory.record("frankfurt").model_dump(), **SERVES})
    save_inventory(hq.paths.fleet, inventory.model_copy(update={"nodes": {"frankfurt": record}}))
    assert not (await remove_at(hq, cut)).good
    assert (await remove_at(hq)).good
    assert hq.record() == NodeRecord()
    assert hq.hosts.handed == {}
    assert (hq.cloud.owned().addresses(), hq.cloud.owned().groups()) == ([], [])


def test_there_are_as_many_steps_as_are_cut(paths: Paths, fleet: Fleet, world: World) -> None:
    site = make_site(paths, fleet, world)
    run = begin_run(paths, planned(fleet, site.book.inventory, "virginia"))
    assert len(NodeRemoval(run, site, fleet.node("virginia")).steps) == STEPS


async def test_after_its_name_is_free_a_new_machine_begins_as_new(hq: Room) -> None:
    await hq.launch()
    before = hq.record().host_key
    await remove_at(hq)
    verdicts = await hq.launch()
    assert verdicts["frankfurt"].verdict == "launched"
    assert hq.record().host_key != before
    assert (hq.record().life, hq.record().push_token_sha256, hq.record().wireguard_key) == (Life.LAUNCHED, None, None)


def test_what_is_not_a_node_of_the_fleet_is_not_found(fleet: Fleet) -> None:
    with pytest.raises(NocError, match="no node is called"):
        planned(fleet, Inventory(), "atlantis")
