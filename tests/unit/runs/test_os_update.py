"""The weekly update: when it may begin, its lock of nixpkgs, and fleets in which some nodes run NixOS."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from noc.fleet.building import OsUpdate
from noc.fleet.model import Fleet
from noc.fleet.render import render, write
from noc.hosts.errors import BuildFailed, LockMissing
from noc.hosts.nixbuilder import Systems
from noc.runs.errors import NotProven
from noc.runs.paths import Paths
from noc.runs.plan.estimate import History
from noc.runs.plan.plan import Options, Plan, Rules
from noc.runs.plan.planners import plan_os_update, plan_provision
from noc.runs.record.run import Run
from noc.runs.rollout.bringing import bring
from noc.runs.rollout.survey import survey
from noc.runs.site.site import Site
from noc.runs.system.errors import FleetUnwell, LockGone, OutsideWindow
from noc.runs.system.keeping import carry_out
from noc.runs.system.lock import check_lock, lock_anew
from noc.runs.system.update import check_calm, check_window
from runs_kit import NAMES, NOW, World, begin_run, make_site

WINDOW = OsUpdate.model_validate({"from": "Sun 02:00", "until": "Sun 05:00", "zone": "Europe/Zurich"})
NIX = """#!/bin/sh
case "$*" in
*"flake update"*) cp {upstream} flake.lock;;
*) name=${{*%%.config*}}; printf %s "{store}/${{name##*.}}.drv";;
esac
"""
NIX_STORE = """#!/bin/sh
[ "$1" = --realise ] || exit 0
mkdir -p "{store}/system"; [ "$3" != --add-root ] || ln -sfn "{store}/system" "$4"
"""


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What nixpkgs' newest lock is, and programs that say so in Nix's place."""
    place, upstream, store = tmp_path / "bin", tmp_path / "upstream", tmp_path / "store"
    place.mkdir()
    for name, text in (("nix", NIX), ("nix-store", NIX_STORE)):
        (place / name).write_text(text.format(upstream=upstream, store=store))
        (place / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    upstream.write_text("new lock")
    return upstream


@pytest.fixture
def site(paths: Paths, fleet: Fleet, world: World) -> Site:
    """Three nodes, of which singapore runs NixOS."""
    nodes = tuple(
        n.model_copy(update={"platform": "nixos" if n.name == "singapore" else n.platform}) for n in fleet.nodes
    )
    mixed = fleet.model_copy(update={"nodes": nodes})
    made = make_site(paths, mixed, world)
    systems = Systems("hq", 3072, paths.credentials / "ssh_key", paths.closures)
    made = Site(**{name: getattr(made, name) for name in made.__dataclass_fields__} | {"systems": systems})
    hub = made.book.inventory.hub.model_copy(update={"ssh_key": "ssh-ed25519 AAAA hq"})
    made.book._inventory = made.book.inventory.model_copy(update={"hub": hub})
    write(paths.fleet, render(mixed, made.book.inventory))
    (paths.fleet / "nixos/flake.lock").write_text("old lock")
    return made


def outline(site: Site) -> Plan:
    rules = Rules(soak=0.01, canary_soak=0.01)
    return plan_os_update(site.fleet, site.book.inventory, ["all"], NOW, options=Options(), rules=rules)


async def planned(site: Site) -> Plan:
    plan = await survey(site, await lock_anew(site, outline(site)), History, fence=0, now=NOW)
    await site.links.close()
    return plan


async def test_a_mixed_fleet_is_one_rollout_of_packages_and_of_systems(site: Site, upstream: Path) -> None:
    plan = await planned(site)
    rows = {row.node: row for row in plan.rows}
    assert (rows["virginia"].state, rows["virginia"].config) == ("unchanged", None)
    assert rows["singapore"].state == "change"
    assert rows["singapore"].config is not None
    assert plan.label() == "os-update 3 nodes"
    assert plan.is_rollout


async def test_the_new_lock_is_the_fleet_s_once_a_node_is_proven_with_it(
    paths: Paths, site: Site, world: World, upstream: Path
) -> None:
    run = begin_run(paths, (await planned(site)).sealed())
    assert lock_of(paths) == "old lock"
    verdicts = await carry_out(run, site)
    assert [row.verdict for row in verdicts] == ["unchanged", "unchanged", "confirmed"]
    assert lock_of(paths) == "new lock"
    assert links(paths) == {"singapore", "singapore.running"}


async def test_where_no_node_was_proven_with_it_the_lock_stays(
    paths: Paths, site: Site, world: World, upstream: Path
) -> None:
    run = begin_run(paths, (await planned(site)).sealed())
    world.machines["singapore"].flaw = "turned"
    assert [row.verdict for row in await carry_out(run, site)][-1] == "rolled-back"
    assert lock_of(paths) == "old lock"


async def test_a_lock_that_is_the_newest_already_brings_nothing(paths: Paths, site: Site, upstream: Path) -> None:
    offer(upstream, "old lock")
    assert (await lock_anew(site, outline(site))).lock is None


async def test_a_fleet_without_a_lock_is_told_how_to_make_one(paths: Paths, site: Site, upstream: Path) -> None:
    remove_lock(paths)
    with pytest.raises(LockMissing, match="pins no nixpkgs"):
        await lock_anew(site, outline(site))


async def test_a_lock_that_is_gone_since_the_plan_begins_nothing(paths: Paths, site: Site, upstream: Path) -> None:
    plan = await lock_anew(site, outline(site))
    check_lock(site, plan)
    change_lock(paths, plan)
    with pytest.raises(LockGone):
        check_lock(site, plan)


async def test_a_system_that_cannot_be_built_blocks_its_node_alone(site: Site, upstream: Path) -> None:
    break_nix(upstream)
    rows = {row.node: row for row in (await survey(site, outline(site), History, fence=0, now=NOW)).rows}
    await site.links.close()
    assert "NOC-E316 evaluate of singapore failed" in rows["singapore"].problems[0]
    assert [rows[name].state for name in NAMES] == ["unchanged", "unchanged", "blocked"]


async def test_a_fleet_directory_that_is_not_rendered_builds_nothing(paths: Paths, site: Site, upstream: Path) -> None:
    spoil(paths)
    row = (await survey(site, outline(site), History, fence=0, now=NOW)).rows[-1]
    await site.links.close()
    assert "noc render" in row.problems[0]


def lock_of(paths: Paths) -> str:
    return (paths.fleet / "nixos/flake.lock").read_text()


def links(paths: Paths) -> set[str]:
    return {path.name for path in paths.closures.iterdir() if path.is_symlink()}


def remove_lock(paths: Paths) -> None:
    (paths.fleet / "nixos/flake.lock").unlink()


def change_lock(paths: Paths, plan: Plan) -> None:
    (paths.locks / str(plan.lock) / "flake.lock").write_text("another")


def break_nix(upstream: Path) -> None:
    (upstream.parent / "bin/nix").write_text("#!/bin/sh\nexit 1\n")


def offer(upstream: Path, lock: str) -> None:
    upstream.write_text(lock)


def change_module(paths: Paths) -> None:
    (paths.fleet / "nixos/flake.lock").write_text("a third lock")


def spoil(paths: Paths) -> None:
    (paths.fleet / "nixos/nodes/singapore.nix").write_text("{ }")


async def test_a_nixos_node_that_is_to_be_provisioned_gets_its_system_made_first(
    paths: Paths, site: Site, upstream: Path
) -> None:
    manifests = [kept.manifest for kept in site.releases.list()]
    plan = plan_provision(site.fleet, site.book.inventory, manifests, ["all"], NOW)
    await survey(site, plan, History, fence=0, now=NOW)
    assert links(paths) == {"singapore"}
    break_nix(upstream)
    change_module(paths)
    with pytest.raises(BuildFailed, match="evaluate of singapore"):
        await survey(site, plan, History, fence=0, now=NOW)


@pytest.mark.parametrize(
    ("at", "begins"),
    [("2026-03-01 01:30", True), ("2026-03-01 00:59", False), ("2026-03-01 04:00", False), ("2026-03-04 02:00", False)],
)
def test_it_begins_inside_its_window_alone(fleet: Fleet, at: str, begins: bool) -> None:
    windowed = fleet.model_copy(update={"os_update": WINDOW})
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    if begins:
        check_window(windowed, now)
    else:
        with pytest.raises(OutsideWindow, match="it opens Sun"):
            check_window(windowed, now)


def test_without_a_window_it_begins_at_any_time(fleet: Fleet) -> None:
    check_window(fleet, NOW)


class Incidents:
    """A watch that lists incidents."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = rows

    async def incidents(self, limit: int) -> list[dict[str, Any]]:
        return list(self.rows[:limit])


@pytest.mark.parametrize(("ended", "begins"), [("2026-03-01T11:00:00Z", True), (None, False)])
async def test_it_does_not_begin_while_an_incident_is_open(site: Site, ended: str | None, begins: bool) -> None:
    row = {"id": 7, "node": "frankfurt", "ended_at": ended}
    unwell = Site(**{name: getattr(site, name) for name in site.__dataclass_fields__} | {"watch": Incidents(row)})
    if begins:
        await check_calm(unwell)
    else:
        with pytest.raises(FleetUnwell, match=r"frankfurt \(incident 7\)"):
            await check_calm(unwell)


def test_a_run_s_plan_names_its_lock(paths: Paths, site: Site) -> None:
    run: Run = begin_run(paths, outline(site).model_copy(update={"lock": "a" * 64}).sealed())
    assert json.loads(run.plan.model_dump_json())["lock"] == "a" * 64


async def test_a_nixos_node_that_is_to_answer_for_the_domain_gets_a_system_that_does(
    paths: Paths, site: Site, world: World, upstream: Path
) -> None:
    run = begin_run(paths, (await planned(site)).sealed())
    site.book.learn_apex(answers_apex=("singapore",))
    assert await bring(run, site, site.fleet.node("singapore"), soak_s=0.01) is not None
    assert site.fleet.domain in (paths.fleet / "nixos/nodes/singapore.nix").read_text()
    assert world.order("confirm") == [("singapore", "confirm")]
    assert links(paths) == {"singapore", "singapore.running"}


async def test_a_nixos_node_that_goes_back_keeps_the_system_it_had(
    paths: Paths, site: Site, world: World, upstream: Path
) -> None:
    run = begin_run(paths, (await planned(site)).sealed())
    world.machines["singapore"].flaw = "turned"
    with pytest.raises(NotProven):
        await bring(run, site, site.fleet.node("singapore"))
    assert links(paths) == {"singapore"}
