"""Push tokens made anew, over machines behind the seam; see runs_kit. What a process was started with, it keeps."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.inventory import Life, NodeRecord, load_inventory
from noc.fleet.model import Fleet
from noc.hosts.shell import Result
from noc.runs.paths import Paths
from noc.runs.plan.plan import Options
from noc.runs.record.events import Verdict
from noc.runs.rotation import pushtoken as rotation
from noc.runs.rotation.plans import plan_rotate
from noc.runs.rotation.pushtoken import Cut, rotate_tokens, where
from noc.runs.site.pushtoken import token_hash, token_in
from noc.watch.config import Config
from rotation_kit import Killed, kill_after
from runs_kit import NAMES, NOW, FakeShell, Machine, World, begin_run, make_site, write_fleet

HASHES = st.none() | st.sampled_from(["a" * 64, "b" * 64, "c" * 64])


@dataclass
class Tokens:
    """What each machine's process pushes with: what stood in its environment file when it was started."""

    paths: Paths
    fleet: Fleet
    world: World
    started: dict[str, str] = field(default_factory=dict)

    def first(self) -> None:
        """Every node pushes with a first token."""
        for name, machine in self.world.machines.items():
            machine.environment = f"KUMA_PUSH_URL=http://10.84.0.1:8090/api/push/first-{name}\n"
            self.started[name] = machine.environment
        live = {
            name: NodeRecord(life=Life.LIVE, release="a" * 64, push_token_sha256=token_hash(f"first-{name}"))
            for name in NAMES
        }
        write_fleet(self.paths.fleet, **live)

    def pushes_with(self, name: str) -> str:
        """The hash of the token that a node's process pushes with."""
        return token_hash(token_in(self.started[name]) or "")

    def taken(self, name: str) -> bool:
        """Whether the watch takes what a node pushes with."""
        inventory = load_inventory(self.paths.fleet)
        return Config.of(self.fleet, inventory, self.paths.fleet).by_token.get(self.pushes_with(name)) == name

    async def rotate(self, *names: str, after: tuple[pytest.MonkeyPatch, int] | None = None) -> list[Verdict]:
        site = make_site(self.paths, self.fleet, self.world)
        plan = plan_rotate(
            self.fleet, site.book.inventory, names or ["all"], NOW, Options.read({"secret": "push-token"})
        )
        run = begin_run(self.paths, plan)
        if after is None:
            return await rotate_tokens(run, site)
        monkeypatch, records = after
        with monkeypatch.context() as patched:
            kill_after(patched, run, records)
            return await rotate_tokens(run, site)


@pytest.fixture
def tokens(paths: Paths, fleet: Fleet, world: World, monkeypatch: pytest.MonkeyPatch) -> Tokens:
    made = Tokens(paths, fleet, world)
    restart = Machine.restart

    def started(self: Machine, sha: str | None) -> None:
        restart(self, sha)
        made.started[self.name] = self.environment

    async def script(self: FakeShell, text: str, **_: Any) -> Result:
        assert "/environ" in text
        return Result(("sh",), 0, made.started[self.name], "")

    monkeypatch.setattr(Machine, "restart", started)
    monkeypatch.setattr(FakeShell, "script", script)
    monkeypatch.setattr(rotation, "_POLL_S", 0.01)
    monkeypatch.setattr(rotation, "HEARD_S", 0.3)
    made.first()
    return made


async def test_every_node_pushes_with_a_token_of_its_own_that_is_new(tokens: Tokens) -> None:
    before = {name: tokens.pushes_with(name) for name in NAMES}
    assert [row.verdict for row in await tokens.rotate()] == ["rotated"] * 3
    assert all(tokens.taken(name) and tokens.pushes_with(name) != before[name] for name in NAMES)
    assert len({tokens.pushes_with(name) for name in NAMES}) == 3


async def test_the_old_token_counts_no_more(tokens: Tokens) -> None:
    await tokens.rotate("virginia")
    inventory = load_inventory(tokens.paths.fleet)
    known = Config.of(tokens.fleet, inventory, tokens.paths.fleet).by_token
    assert token_hash("first-virginia") not in known
    assert "push-token" in inventory.record("virginia").rotated


async def test_the_service_is_started_anew_by_the_activator(tokens: Tokens) -> None:
    await tokens.rotate("virginia")
    (order,) = tokens.world.machines["virginia"].orders
    assert order.release is None
    assert ("virginia", order.run.removesuffix("-token")) in tokens.world.deployments


async def test_a_node_that_is_down_is_left_out_and_shown(tokens: Tokens) -> None:
    tokens.world.machines["frankfurt"].flaw = "unreachable"
    rows = {row.node: row for row in await tokens.rotate()}
    assert (rows["frankfurt"].verdict, rows["frankfurt"].now) == ("skipped", "old")
    assert (rows["singapore"].verdict, tokens.taken("frankfurt")) == ("rotated", True)


async def test_given_again_the_command_catches_up_who_was_down_and_nobody_else(tokens: Tokens) -> None:
    tokens.world.machines["frankfurt"].flaw = "unreachable"
    await tokens.rotate()
    done = tokens.pushes_with("virginia")
    tokens.world.machines["frankfurt"].flaw = ""
    assert [row.verdict for row in await tokens.rotate()] == ["unchanged", "rotated", "unchanged"]
    assert tokens.pushes_with("virginia") == done
    assert tokens.pushes_with("frankfurt") != token_hash("first-frankfurt")


async def test_a_service_that_dies_leaves_both_tokens_and_the_other_nodes_alone(tokens: Tokens) -> None:
    tokens.world.machines["virginia"].flaw = "dies"
    rows = await tokens.rotate()
    assert [row.verdict for row in rows] == ["not rotated", "untouched", "untouched"]
    assert all(tokens.taken(name) for name in NAMES)


async def test_a_node_that_is_not_heard_keeps_both_tokens(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(*_: Any) -> None:
        return None

    monkeypatch.setattr("noc.runs.site.watchdoor.WatchDoor.heard", nobody)
    (row,) = await tokens.rotate("virginia")
    assert "E762" in row.why
    record = load_inventory(tokens.paths.fleet).record("virginia")
    assert {record.push_token_sha256, record.push_token_sha256_before} > {token_hash("first-virginia")}


async def test_killed_after_any_record_no_push_is_refused_and_the_command_goes_on(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = 1
    while True:
        tokens.first()
        try:
            await tokens.rotate("virginia", after=(monkeypatch, records))
        except Killed:
            assert tokens.taken("virginia"), f"after {records} records"
        else:
            break
        await tokens.rotate("virginia")
        record = load_inventory(tokens.paths.fleet).record("virginia")
        assert record.push_token_sha256 == tokens.pushes_with("virginia") != token_hash("first-virginia")
        assert record.push_token_sha256_before is None, f"after {records} records"
        records += 1
    assert records > 8


@given(file=HASHES, process=HASHES, known=HASHES, before=HASHES)
def test_a_token_is_only_proven_that_the_node_holds_in_its_file(
    file: str | None, process: str | None, known: str | None, before: str | None
) -> None:
    cut = where(file, process, known, before)
    assert (cut is Cut.DRAW) or (file == known != before)
    assert (cut is Cut.PROVE) <= (process == known)
