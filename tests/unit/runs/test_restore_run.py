"""Restores as a run: a real activator, database and service behind OpenSSH; the public face is the service's port."""

import asyncio
import json
import sqlite3
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loopback_sshd import LoopbackSshd
from noc.backup.errors import BackupDamaged
from noc.backup.manifest import Manifest
from noc.backup.repository import NodeBackups
from noc.errors import NocError, Usage
from noc.fleet.model import Fleet
from noc.hosts.activation import Activator
from noc.hosts.errors import ConnectionLost, Unreachable
from noc.hosts.ssh import Pinned, connect
from noc.hosts.web import Health
from noc.runs.admission.fence import raise_fence
from noc.runs.backup.errors import NotUnsealed
from noc.runs.backup.restore import plan_restore, restore, survey_restore
from noc.runs.backup.unsealed import Unsealed
from noc.runs.paths import Paths
from noc.runs.plan.plan import Options, Plan
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.site.site import Site
from noc.runs.site.watchdoor import Heartbeat
from node_tree import Tree
from runs_kit import World, begin_run, make_site, steps_of
from unit.backup.backup_kit import NOW, flip, give_key, identity_of, keep, make_database, pages, repository

NODE = "virginia"
STEPS = ["open", "ask", "send", "activate", "prove", "soak", "confirm"]


class Face:
    """What the tree's service answers; `boot` is what the watch has heard, None for the very process."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.boot: str | None = None
        self.windows: list[str] = []

    async def health(self, _: str = "") -> Health:
        return await asyncio.to_thread(self._ask)

    def _ask(self) -> Health:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.tree.port}/health", timeout=5) as answer:
                said = json.loads(answer.read())
        except (OSError, ValueError) as error:
            return Health(trouble=str(error))
        return Health(200, said["version"], said["build"], said["boot_id"])

    def face(self, _: str, *, keep: bool = True) -> Any:
        async def close() -> None:
            pass

        return SimpleNamespace(health=self.health, close=close)

    async def nodes(self) -> dict[str, Any]:
        return {}

    async def last(self, _: str) -> Heartbeat:
        return Heartbeat(at=datetime.now(UTC), boot=self.boot or (await self.health()).boot_id)

    async def open_deployment(self, name: str, *_: Any) -> None:
        self.windows.append(f"open {name}")

    async def close_deployment(self, name: str) -> None:
        self.windows.append(f"close {name}")


class Ways:
    """One real activator behind an SSH server, with a way to it that breaks where a test says so."""

    def __init__(self, tree: Tree, server: LoopbackSshd) -> None:
        self.tree, self.server = tree, server
        self.down, self.asked = False, 0
        self.cut: Callable[[], None] = lambda: None

    async def dial(self, name: str, address: str, trust: Any, *, timeout_s: float, **_: Any) -> Any:
        self.asked += 1
        if self.down:
            raise Unreachable(f"{name} cannot be reached", why="no answer")
        return await connect(replace(self.server.target(Pinned(self.server.fingerprint)), name=name))

    def platform(self, node: Any) -> Any:
        raise NotImplementedError

    def activator(self, shell: Any) -> Any:
        program = [sys.executable, str(self.tree.base / "programs/activator.py")]
        return Cut(self, shell, *program, "--layout", str(self.tree.base / "layout.json"))


class Cut(Activator):
    def __init__(self, ways: Ways, *shell_and_program: Any) -> None:
        super().__init__(*shell_and_program)
        self._ways = ways

    async def receive(self, content: bytes, run: str, at: datetime) -> int:
        self._ways.cut()
        return await super().receive(content, run, at)


@pytest.fixture
async def tree(tmp_path: Path) -> AsyncIterator[Tree]:
    """A node that runs a release, and whose database has one entry, with the time of the backup's."""
    (tmp_path / "node").mkdir()
    made = Tree(tmp_path / "node")
    with closing(sqlite3.connect(database(made))) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript("CREATE TABLE entries (value TEXT); CREATE TABLE node (id INTEGER)")
        connection.executescript("INSERT INTO entries VALUES ('since'); PRAGMA user_version = 1")
    await asyncio.to_thread(made.prove, made.release(1), "r1")
    yield made
    made.close()


def database(tree: Tree) -> Path:
    return tree.root / "var/lib/clavitor/clavitor.db"


def values(tree: Tree) -> list[str]:
    with closing(sqlite3.connect(database(tree))) as connection:
        return [str(value)[:5] for (value,) in connection.execute("SELECT value FROM entries ORDER BY 1")]


BACKED_UP, NOW_THERE = [f"{number}" * 5 for number in range(6)], ["since"]


@pytest.fixture
async def ways(tree: Tree, tmp_path: Path) -> AsyncIterator[Ways]:
    (tmp_path / "sshd").mkdir()
    server = LoopbackSshd(tmp_path / "sshd")
    yield Ways(tree, server)
    server.close()


@pytest.fixture
def face(tree: Tree) -> Face:
    return Face(tree)


@pytest.fixture
async def site(paths: Paths, fleet: Fleet, world: World, ways: Ways, face: Face) -> AsyncIterator[Site]:
    give_key(paths)
    raise_fence(paths.fence, 1)
    patient = fleet.model_copy(update={"policy": fleet.policy.model_copy(update={"health_deadline": 8.0})})
    made: Any = make_site(paths, patient, world)
    yield (done := replace(made, ways=ways, web=face, watch=face))
    await done.links.close()


@pytest.fixture
def backups(paths: Paths) -> NodeBackups:
    return repository(paths.backups).node(NODE)


@pytest.fixture
def manifest(site: Site, backups: NodeBackups, tmp_path: Path) -> Manifest:
    """A backup of six entries."""
    assert site
    return keep(backups, pages(make_database(tmp_path / "backup.db")))


@pytest.fixture
def unsealed(backups: NodeBackups, manifest: Manifest) -> Unsealed:
    made, epoch = Unsealed(), backups.epoch_of(manifest.epoch)
    made.hold(epoch, identity_of(epoch))
    return made


def outline(site: Site, at: datetime | None = NOW + timedelta(hours=1), *names: str) -> Plan:
    named = list(names) or [NODE]
    return plan_restore(site.fleet, site.book.inventory, named, NOW + timedelta(days=1), Options(at=at))


async def restored(site: Site, unsealed: Unsealed) -> tuple[Verdict, Run]:
    run = begin_run(site.paths, await survey_restore(site, outline(site), unsealed))
    (verdict,) = await restore(run, site, unsealed)
    return verdict, run


async def test_a_node_gets_the_data_of_its_backup(site: Site, tree: Tree, unsealed: Unsealed, face: Face) -> None:
    boot = (await face.health()).boot_id
    verdict, run = await restored(site, unsealed)
    assert (verdict.verdict, verdict.good) == ("restored", True), verdict
    assert "is lost: 6 rows of entries" in verdict.why
    assert values(tree) == BACKED_UP
    assert (await face.health()).boot_id != boot
    done = [step for step, state in steps_of(run, NODE) if state == "ok"]
    assert done == STEPS
    assert (face.windows[0], face.windows[-1]) == ("open virginia", "close virginia")


async def test_the_plan_names_the_backup_its_age_and_what_is_lost(
    site: Site, unsealed: Unsealed, manifest: Manifest
) -> None:
    plan = await survey_restore(site, outline(site), unsealed)
    row = plan.row(NODE)
    assert row.state == "change", row.problems
    assert row.differences[0].startswith(f"backup {manifest.name}, ")
    assert "of Thu 2026-11-26 04:00:00 CET (03:00:00 UTC)" in row.differences[0]
    assert row.loss.endswith("is lost; rows now: 1, in the backup: 7")
    assert plan.options.at == manifest.at


async def test_a_plan_is_bound_to_its_backup_though_a_younger_one_comes(
    site: Site, tree: Tree, unsealed: Unsealed, backups: NodeBackups, tmp_path: Path
) -> None:
    plan = await survey_restore(site, outline(site), unsealed)
    keep(backups, pages(make_database(tmp_path / "younger.db")), NOW + timedelta(minutes=30))
    (verdict,) = await restore(begin_run(site.paths, plan), site, unsealed)
    assert (verdict.good, values(tree)) == (True, BACKED_UP)


async def test_a_restore_that_is_not_proven_turns_back_to_the_data_of_before(
    site: Site, tree: Tree, unsealed: Unsealed, face: Face
) -> None:
    face.boot = "another process"
    verdict, run = await restored(site, unsealed)
    assert (verdict.verdict, verdict.good) == ("rolled-back", False), verdict
    assert values(tree) == NOW_THERE
    assert steps_of(run, NODE)[-1] == ("revert", "ok")
    assert (await face.health()).status == 200


async def test_a_run_that_is_stopped_before_its_confirmation_turns_the_node_back(
    site: Site, tree: Tree, unsealed: Unsealed
) -> None:
    run = begin_run(site.paths, await survey_restore(site, outline(site), unsealed))

    async def stop() -> None:
        async for event in run.follow():
            if (event.step, event.state) == ("activate", "ok"):
                run.stopping.set()
                return

    stopping = asyncio.create_task(stop())
    (verdict,) = await restore(run, site, unsealed)
    await stopping
    assert (verdict.verdict, values(tree)) == ("rolled-back", NOW_THERE), verdict


async def test_a_key_that_expired_between_plan_and_run_touches_nothing(
    site: Site, tree: Tree, unsealed: Unsealed, ways: Ways
) -> None:
    plan = await survey_restore(site, outline(site), unsealed)
    unsealed.forget(NODE)
    asked = ways.asked
    (verdict,) = await restore(begin_run(site.paths, plan), site, unsealed)
    assert (verdict.verdict, "NOC-E753" in verdict.why) == ("untouched", True)
    assert (ways.asked, values(tree)) == (asked, NOW_THERE)


async def test_without_a_key_there_is_no_plan(site: Site, manifest: Manifest, ways: Ways) -> None:
    assert manifest
    with pytest.raises(NotUnsealed):
        await survey_restore(site, outline(site), Unsealed())
    assert ways.asked == 0


@pytest.mark.parametrize("spoil", [flip, Path.unlink], ids=["a flipped bit", "a missing chunk"])
async def test_a_chunk_that_is_not_as_it_was_sealed_is_met_before_the_node_is_asked(
    site: Site, unsealed: Unsealed, backups: NodeBackups, ways: Ways, spoil: Callable[[Path], None]
) -> None:
    spoil(next(backups.directory.glob("chunks/*/*/*.age")))
    with pytest.raises(BackupDamaged):
        await survey_restore(site, outline(site), unsealed)
    assert ways.asked == 0


async def test_a_chunk_that_was_changed_since_the_plan_ends_the_run_before_the_node_is_asked(
    site: Site, unsealed: Unsealed, backups: NodeBackups, ways: Ways
) -> None:
    run = begin_run(site.paths, await survey_restore(site, outline(site), unsealed))
    flip(next(backups.directory.glob("chunks/*/*/*.age")))
    asked = ways.asked
    with pytest.raises(BackupDamaged):
        await restore(run, site, unsealed)
    assert ways.asked == asked


async def test_a_node_that_is_cut_in_the_middle_of_the_upload_is_untouched_and_takes_it_the_next_time(
    site: Site, tree: Tree, unsealed: Unsealed, ways: Ways
) -> None:
    def cut() -> None:
        raise ConnectionLost("the connection broke")

    ways.cut = cut
    verdict, _ = await restored(site, unsealed)
    assert (verdict.verdict, values(tree)) == ("untouched", NOW_THERE)
    ways.cut = lambda: None
    verdict, _ = await restored(site, unsealed)
    assert (verdict.verdict, values(tree)) == ("restored", BACKED_UP)


async def test_data_of_a_newer_schema_block_the_plan_with_what_mends_it(
    site: Site, backups: NodeBackups, unsealed: Unsealed, tmp_path: Path
) -> None:
    path = tmp_path / "newer.db"
    make_database(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE)")
    made = keep(backups, pages(path.read_bytes()), NOW + timedelta(minutes=1))
    backups.commit(made.model_copy(update={"schema_version": 2, "release": "b" * 64, "sealed": {}, "mac": ""}))
    row = (await survey_restore(site, outline(site), unsealed)).row(NODE)
    assert row.state == "blocked"
    said = "the backup has schema 2, the release that runs there knows 1: noc deploy virginia 1.1.0 first"
    assert row.problems == (said,)


async def test_a_node_that_is_down_blocks_the_plan_and_is_told_how_it_is_replaced(
    site: Site, unsealed: Unsealed, ways: Ways
) -> None:
    ways.down = True
    row = (await survey_restore(site, outline(site), unsealed)).row(NODE)
    assert (row.state, "noc replace virginia" in row.problems[0]) == ("blocked", True)


async def test_of_a_time_before_the_first_backup_there_is_nothing(site: Site, unsealed: Unsealed) -> None:
    with pytest.raises(NocError) as caught:
        await survey_restore(site, outline(site, NOW - timedelta(hours=1)), unsealed)
    assert caught.value.code == "E462"


@pytest.mark.parametrize("names", [("all",), (NODE, "frankfurt")])
def test_data_are_put_back_on_one_node_at_a_time(site: Site, names: tuple[str, ...]) -> None:
    with pytest.raises(Usage):
        outline(site, NOW, *names)


def test_a_time_has_to_be_named(site: Site) -> None:
    with pytest.raises(Usage):
        outline(site, None)
