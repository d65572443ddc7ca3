"""Backups as a run: real activators and real databases behind OpenSSH; HQ's disk is a directory."""

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyrage import x25519

from loopback_sshd import LoopbackSshd
from noc.backup import repository as repository_file
from noc.backup.errors import NoRoom
from noc.backup.repository import NodeBackups
from noc.fleet.model import Fleet
from noc.hosts.activation import Activator
from noc.hosts.errors import ConnectionLost, Unreachable
from noc.hosts.programs import node_programs
from noc.hosts.ssh import Pinned, connect
from noc.runs.backup.listing import list_backups, verify_backups
from noc.runs.backup.opening import open_repository
from noc.runs.backup.survey import survey_backup
from noc.runs.backup.take import take_backups
from noc.runs.errors import CredentialExposed
from noc.runs.paths import Paths
from noc.runs.plan.plan import Plan
from noc.runs.plan.planners import plan_backup
from noc.runs.record.events import State, Verdict
from noc.runs.record.run import Run
from noc.runs.site.site import Site
from node_tree import wait_until
from runs_kit import NAMES, NOW, World, begin_run, make_site, steps_of
from unit.backup.backup_kit import RECIPIENTS, flip, give_key, identity_of

ROWS = 200
OTHER = str(x25519.Identity.generate().to_public())


class RealWays:
    """Real activators, each over a database of its own, behind one SSH server."""

    def __init__(self, base: Path, server: LoopbackSshd) -> None:
        self.base, self.server = base, server
        self.down: set[str] = set()
        self.cut_after: int | None = None

    async def dial(self, name: str, address: str, trust: Any, *, timeout_s: float, **_: Any) -> Any:
        if name in self.down:
            raise Unreachable(f"{name} ({address}) cannot be reached", why="no answer")
        target = replace(self.server.target(Pinned(self.server.fingerprint)), name=name)
        return await connect(target)

    def platform(self, node: Any) -> Any:
        raise NotImplementedError

    def activator(self, shell: Any) -> Any:
        argv = [sys.executable, "-I", "-S", str(self.base / "programs/activator.py")]
        return Cut(self, shell, *argv, "--layout", str(self.base / f"{shell.name}.json"))


class Cut(Activator):
    """The real one, with a way to the node that breaks after some chunks, where that is asked for."""

    def __init__(self, ways: RealWays, *shell_and_program: Any) -> None:
        super().__init__(*shell_and_program)
        self._ways = ways

    async def chunk(self, name: str) -> bytes:
        content = await super().chunk(name)
        if self._ways.cut_after is not None:
            if self._ways.cut_after == 0:
                raise ConnectionLost("the connection broke")
            self._ways.cut_after -= 1
        return content


@pytest.fixture
def database(tmp_path: Path) -> dict[str, Path]:
    """A database of some hundred pages for each node."""
    found = {}
    for name in NAMES:
        root = tmp_path / "nodes" / name
        path = root / "var/lib/clavitor/clavitor.db"
        path.parent.mkdir(parents=True)
        (tmp_path / f"{name}.json").write_text(json.dumps({"root": str(root), "reserve": 1024}))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE entries (value BLOB)")
            connection.executemany("INSERT INTO entries VALUES (?)", [(os.urandom(9000),) for _ in range(ROWS)])
            connection.commit()
        found[name] = path
    return found


def install(directory: Path) -> None:
    """A node's programs."""
    for file, text in node_programs(str(directory)).items():
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(text)


@pytest.fixture
async def ways(tmp_path: Path, database: dict[str, Path]) -> AsyncIterator[RealWays]:
    install(tmp_path / "programs")
    (tmp_path / "sshd").mkdir()
    server = LoopbackSshd(tmp_path / "sshd")
    yield RealWays(tmp_path, server)
    server.close()


@pytest.fixture
async def site(paths: Paths, fleet: Fleet, world: World, ways: RealWays) -> AsyncIterator[Site]:
    give_key(paths)
    paths.signers.with_name("recipients").write_text(f"{RECIPIENTS[0]}\n")
    real: Any = ways
    made = replace(make_site(paths, fleet, world), ways=real)
    yield made
    await made.links.close()


def plan(site: Site, *names: str) -> Plan:
    return plan_backup(site.fleet, site.book.inventory, names or ["all"], NOW)


async def backed_up(site: Site, *names: str) -> tuple[Run, dict[str, Verdict]]:
    run = begin_run(site.paths, plan(site, *names))
    return run, {verdict.node: verdict for verdict in await take_backups(run, site)}


def of(site: Site, name: str = "virginia") -> NodeBackups:
    return open_repository(site.paths).node(name)


def insert(path: Path, count: int = 1) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT INTO entries VALUES (?)", [(os.urandom(9000),) for _ in range(count)])


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what threads that nobody waits for are about to finish."""
    await asyncio.to_thread(wait_until, holds)


async def test_every_node_is_backed_up_and_can_be_restored(site: Site, tmp_path: Path) -> None:
    run, verdicts = await backed_up(site)
    assert {name: row.verdict for name, row in verdicts.items()} == dict.fromkeys(NAMES, "backed up")
    assert [state for _, state in steps_of(run, "virginia") if state != "progress"] == ["started", "ok"] * 3
    for name in NAMES:
        backups = of(site, name)
        manifest = backups.newest()
        assert backups.verify(manifest) == ()
        path = tmp_path / f"{name}.restored"
        path.write_bytes(b"".join(backups.read(manifest, identity_of(backups.epoch_of(manifest.epoch)))))
        with closing(sqlite3.connect(path)) as restored:
            assert restored.execute("SELECT count(*) FROM entries").fetchone() == (ROWS,)


async def test_the_verdict_says_how_large_and_how_much_was_new(site: Site, database: dict[str, Path]) -> None:
    await backed_up(site, "virginia")
    first = of(site).newest()
    await asyncio.sleep(1)  # names of backups have whole seconds
    insert(database["virginia"])
    _, verdicts = await backed_up(site, "virginia")
    second = of(site).newest()
    assert verdicts["virginia"].before.startswith(f"{first.at:%Y-%m-%d %H:%M} 1.8 MiB, ")
    assert first.added > ROWS * 9000 * 0.99  # what is random is not made smaller
    assert verdicts["virginia"].now.endswith(f"{second.added / 2**20:.2f} new")
    assert 0 < second.added < first.added / 2


async def test_a_node_that_is_down_is_skipped_and_holds_nobody(site: Site, ways: RealWays) -> None:
    ways.down.add("frankfurt")
    run, verdicts = await backed_up(site)
    assert {name: row.verdict for name, row in verdicts.items()} == {
        "virginia": "backed up",
        "frankfurt": "skipped",
        "singapore": "backed up",
    }
    assert "cannot be reached" in verdicts["frankfurt"].why
    assert steps_of(run, "frankfurt") == [("contact", "skipped")]


async def test_a_damaged_database_fails_in_words_and_nothing_of_it_is_kept(
    site: Site, database: dict[str, Path]
) -> None:
    with closing(sqlite3.connect(database["frankfurt"])) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with database["frankfurt"].open("r+b") as file:
        file.seek(30 * 4096)
        file.write(os.urandom(8192))
    _, verdicts = await backed_up(site)
    assert (verdicts["frankfurt"].verdict, verdicts["virginia"].verdict) == ("failed", "backed up")
    assert "refused to backup: damaged: the database" in verdicts["frankfurt"].why
    assert of(site, "frankfurt").manifests() == ()
    assert list(of(site, "frankfurt").directory.glob("chunks/*/*/*")) == []


async def test_after_a_cut_the_next_run_sends_only_the_rest(site: Site, ways: RealWays) -> None:
    ways.cut_after = 3
    _, verdicts = await backed_up(site, "virginia")
    assert verdicts["virginia"].verdict == "failed"
    assert of(site).manifests() == ()
    there = 3
    await until(lambda: len(list(of(site).directory.glob("chunks/*/*/*.age"))) == there)
    ways.cut_after = None
    run, verdicts = await backed_up(site, "virginia")
    assert verdicts["virginia"].verdict == "backed up"
    manifest = of(site).newest()
    fetched = next(event for event in run.events if event.step == "fetch" and event.state is State.OK)
    assert fetched.detail["changed"][0] == f"{len(manifest.names) - there} of {len(manifest.names)} chunks"


async def test_hqs_disk_that_is_nearly_full_is_refused_before_the_first_byte(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository_file, "RESERVE", 1 << 60)
    with pytest.raises(NoRoom, match="no room for a backup") as caught:
        await survey_backup(site, plan(site))
    assert "noc prune" in caught.value.fix
    with pytest.raises(NoRoom):
        await backed_up(site)
    assert not site.paths.backups.exists()


async def test_hqs_disk_that_fills_up_fails_the_node_and_the_next_run_goes_on(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, sync = 4, os.fsync

    def fsync(descriptor: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(28, "No space left on device")
        sync(descriptor)

    of(site).epoch(RECIPIENTS)
    with monkeypatch.context() as patched:
        patched.setattr("noc.backup.files.os.fsync", fsync)
        run = begin_run(site.paths, plan(site, "virginia"))
        patched.setattr(run, "record", lambda *_, **__: None)  # the journal has no room either, and is not the matter
        verdicts = await take_backups(run, site)
    assert "HQ's disk is full" in verdicts[0].why
    assert of(site).manifests() == ()
    assert [path for path in of(site).directory.rglob("*") if path.name.startswith(".")] == []
    _, after = await backed_up(site, "virginia")
    assert after["virginia"].verdict == "backed up"


async def test_a_node_that_sends_something_else_fails(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def other(_: Any, name: str) -> bytes:
        return b"something else"

    monkeypatch.setattr(Cut, "chunk", other)
    _, verdicts = await backed_up(site, "virginia")
    assert "cannot be unpacked" in verdicts["virginia"].why
    assert of(site).manifests() == ()


async def test_a_run_that_is_stopped_lists_nothing_half(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begin_run(site.paths, plan(site, "virginia"))
    bring = Cut.chunk

    async def stopping(self: Cut, name: str) -> bytes:
        run.stopping.set()
        return await bring(self, name)

    monkeypatch.setattr(Cut, "chunk", stopping)
    verdicts = await take_backups(run, site)
    assert verdicts[0].verdict == "failed"
    assert of(site).manifests() == ()


async def test_other_recipients_begin_a_new_epoch_and_everything_is_sent(site: Site) -> None:
    await backed_up(site, "virginia")
    first = of(site).newest()
    await asyncio.sleep(1)  # names of backups have whole seconds
    site.paths.signers.with_name("recipients").write_text(f"{RECIPIENTS[0]}\n{OTHER}\n")
    await backed_up(site, "virginia")
    second = of(site).newest()
    assert second.epoch != first.epoch
    assert not second.names & first.names
    assert of(site).epoch_of(second.epoch).recipients == tuple(sorted((RECIPIENTS[0], OTHER)))


async def test_a_plan_says_who_answers_and_what_there_is(site: Site, ways: RealWays) -> None:
    ways.down.add("frankfurt")
    rows = {row.node: row for row in (await survey_backup(site, plan(site))).rows}
    assert {name: row.state for name, row in rows.items()} == {
        "virginia": "change",
        "frankfurt": "down",
        "singapore": "change",
    }
    assert rows["virginia"].differences == ("no backup yet",)


async def test_without_its_key_hq_backs_nothing_up(site: Site) -> None:
    (site.paths.credentials / "backup_key").unlink()
    with pytest.raises(CredentialExposed, match="backup_key"):
        await backed_up(site)


async def test_a_list_says_what_there_is_and_what_is_overdue(site: Site) -> None:
    await backed_up(site, "virginia")
    nodes = {node["node"]: node for node in (await list_backups(site, ["all"]))["nodes"]}
    assert (nodes["virginia"]["overdue"], nodes["frankfurt"]["overdue"]) == (False, True)
    backup = nodes["virginia"]["backups"][0]
    assert (backup["tables"], backup["rows"], nodes["virginia"]["rehearsed"]) == (1, ROWS, None)


async def test_one_flipped_bit_is_found_by_name(site: Site) -> None:
    await backed_up(site, "virginia")
    chunk = next(of(site).directory.glob("chunks/*/*/*.age"))
    flip(chunk)
    found = await verify_backups(site, ["virginia"])
    assert found["nodes"][0]["backups"][0]["problems"] == [f"chunk {chunk.stem[:12]} is damaged"]
