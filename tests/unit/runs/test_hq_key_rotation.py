"""The rotation of one of HQ's keys, over nodes that remember which keys they take; see runs_kit.

What is stated here: at any moment HQ has a key that a node takes, wherever the run was killed, and the same command
leads to the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from noc.fleet.inventory import Inventory, Life, NodeRecord, load_inventory, save_inventory
from noc.fleet.model import Fleet, Node
from noc.hosts.errors import CommandFailed, Unreachable
from noc.hosts.shell import Result
from noc.hosts.trust import generate_key
from noc.hub.rotation import settle
from noc.runs.paths import Paths
from noc.runs.plan.plan import Options
from noc.runs.record.events import Verdict
from noc.runs.rotation.errors import NoNewKey, RotationUnsettled
from noc.runs.rotation.hqkey import HqKey, HqRotation
from noc.runs.rotation.plans import plan_rotate
from noc.runs.site import book
from noc.runs.site.hqkeys import SSH_KEY, held
from rotation_kit import Killed, kill_after
from runs_kit import NAMES, NOW, World, begin_run, make_site, write_fleet

OLD, NEW, LATER = (generate_key("noc@zurich") for _ in range(3))
SSH = HqKey("ssh", SSH_KEY)


@dataclass
class Nodes:
    """Three nodes and the keys that each takes.

    Attributes:
        away: those that cannot be reached.
        unwilling: those that do not take another key.
    """

    paths: Paths
    fleet: Fleet
    world: World
    takes: dict[str, list[str]] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    unwilling: set[str] = field(default_factory=set)

    def first(self) -> None:
        """HQ has its first key, every node takes it, and the next one lies beside it."""
        live = dict.fromkeys(NAMES, NodeRecord(life=Life.LIVE, release="a" * 64))
        write_fleet(self.paths.fleet, **live)
        known = load_inventory(self.paths.fleet)
        hub = known.hub.model_copy(update={"ssh_key": OLD.public})
        save_inventory(self.paths.fleet, known.model_copy(update={"hub": hub}))
        self.takes = {name: [OLD.public] for name in NAMES}
        for path in self.paths.credentials.iterdir():
            path.unlink()
        self.lay("ssh_key", OLD.private)
        self.lay("ssh_key.next", NEW.private)

    def lay(self, name: str, private: bytes) -> None:
        path = self.paths.credentials / name
        path.write_bytes(private)
        path.chmod(0o600)

    async def give(self, node: Node, public: str) -> Sequence[str]:
        self._reach(node.name)
        if node.name in self.unwilling:
            raise CommandFailed("sshd says no", result=Result(("sshd",), 1, "", ""))
        self.takes[node.name] = [*dict.fromkeys([*self.takes[node.name], public])]
        return ["given"]

    async def take(self, node: Node, public: str) -> Sequence[str]:
        self._reach(node.name)
        assert public in self.takes[node.name]
        self.takes[node.name] = [public]
        return []

    def _reach(self, name: str) -> None:
        assert self.enters(name), "HQ is locked out"
        if name in self.away:
            raise Unreachable(f"{name} cannot be reached")

    def enters(self, name: str) -> bool:
        """Whether HQ has a key that the node takes."""
        return bool(set(held(self.paths.credentials, SSH_KEY).values()) & set(self.takes[name]))

    @property
    def inventory(self) -> Inventory:
        return load_inventory(self.paths.fleet)

    async def rotate(self, *names: str, kill: tuple[pytest.MonkeyPatch, int] | None = None) -> list[Verdict]:
        site = make_site(self.paths, self.fleet, self.world)
        plan = plan_rotate(self.fleet, site.book.inventory, names or ["all"], NOW, Options.read({"secret": "ssh"}))
        run = begin_run(self.paths, plan)
        rotation = HqRotation(run, site, SSH, self)
        if kill is None:
            return await rotation.carried_out()
        with kill[0].context() as patched:
            kill_after(patched, run, kill[1])
            return await rotation.carried_out()

    async def end(self) -> None:
        """Give the command again, where there is anything left to do."""
        if not self.is_over():
            await self.rotate()
            settle(self.inventory, self.paths.credentials)

    def is_over(self) -> bool:
        known = self.inventory
        return (
            all(takes == [NEW.public] for takes in self.takes.values())
            and (known.hub.ssh_key, known.hub.ssh_key_next) == (NEW.public, None)
            and all(known.record(name).ssh_key is None for name in NAMES)
        )


@pytest.fixture
def nodes(paths: Paths, fleet: Fleet, world: World) -> Nodes:
    made = Nodes(paths, fleet, world)
    made.first()
    return made


async def test_every_node_takes_the_new_key_and_no_other(nodes: Nodes) -> None:
    rows = await nodes.rotate()
    assert {(row.verdict, row.before, row.now) for row in rows} == {("rotated", "old", "new")}
    assert nodes.is_over()
    assert "ssh" in nodes.inventory.hub.rotated


async def test_hq_does_not_switch_before_every_node_that_answers_has_the_new_key(nodes: Nodes) -> None:
    nodes.unwilling = {"frankfurt"}
    assert [row.verdict for row in await nodes.rotate()] == ["old and new", "not rotated", "untouched"]
    assert (nodes.inventory.hub.ssh_key, nodes.inventory.hub.ssh_key_next) == (OLD.public, NEW.public)
    assert nodes.takes["virginia"] == [OLD.public, NEW.public]


async def test_given_again_it_goes_on(nodes: Nodes) -> None:
    nodes.unwilling = {"frankfurt"}
    await nodes.rotate()
    nodes.unwilling = set()
    assert [row.verdict for row in await nodes.rotate()] == ["rotated"] * 3
    assert nodes.is_over()


async def test_a_node_may_be_the_first_alone(nodes: Nodes) -> None:
    assert [row.verdict for row in await nodes.rotate("frankfurt")] == ["old and new"]
    assert nodes.inventory.hub.ssh_key == OLD.public
    await nodes.rotate()
    assert nodes.is_over()


async def test_with_every_node_away_hq_keeps_its_key(nodes: Nodes) -> None:
    nodes.away = set(NAMES)
    assert {row.verdict for row in await nodes.rotate()} == {"skipped"}
    assert nodes.inventory.hub.ssh_key == OLD.public


async def test_a_node_that_is_down_keeps_the_old_way_until_it_is_caught_up(nodes: Nodes) -> None:
    nodes.away = {"singapore"}
    rows = {row.node: row for row in await nodes.rotate()}
    assert (rows["virginia"].verdict, rows["singapore"].verdict) == ("rotated", "skipped")
    settle(nodes.inventory, nodes.paths.credentials)
    assert nodes.enters("singapore")
    assert nodes.inventory.record("singapore").ssh_key == OLD.public
    nodes.away = set()
    assert [row.verdict for row in await nodes.rotate()] == ["unchanged", "unchanged", "rotated"]
    settle(nodes.inventory, nodes.paths.credentials)
    assert nodes.is_over()
    assert set(held(nodes.paths.credentials, SSH_KEY).values()) == {NEW.public}


async def test_no_other_rotation_begins_while_a_node_waits(nodes: Nodes) -> None:
    nodes.away = {"singapore"}
    await nodes.rotate()
    settle(nodes.inventory, nodes.paths.credentials)
    nodes.lay("ssh_key.next", LATER.private)
    with pytest.raises(RotationUnsettled):
        await nodes.rotate()


async def test_without_a_new_key_nothing_begins(nodes: Nodes) -> None:
    (nodes.paths.credentials / "ssh_key.next").unlink()
    with pytest.raises(NoNewKey):
        await nodes.rotate()
    assert nodes.inventory.record("virginia").ssh_key is None


async def test_a_next_key_that_was_lost_is_replaced_by_another(nodes: Nodes) -> None:
    await nodes.rotate("virginia")
    nodes.lay("ssh_key.next", LATER.private)
    await nodes.rotate()
    assert nodes.inventory.hub.ssh_key == LATER.public
    assert all(takes == [LATER.public] for takes in nodes.takes.values())


async def test_killed_after_any_record_hq_gets_in_and_the_command_goes_on(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = 1
    while True:
        nodes.first()
        try:
            await nodes.rotate(kill=(monkeypatch, records))
        except Killed:
            settle(nodes.inventory, nodes.paths.credentials)
            assert all(nodes.enters(name) for name in NAMES), f"after {records} records"
        else:
            break
        await nodes.end()
        assert nodes.is_over(), f"after {records} records"
        records += 1
    assert records > 12


async def test_killed_after_any_write_of_the_inventory_the_command_goes_on(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, done, left = save_inventory, 0, 0

    def counted(*args: Any) -> None:
        nonlocal left
        save(*args)
        left -= 1
        if not left:
            raise Killed

    while True:
        nodes.first()
        left = done + 1
        try:
            with monkeypatch.context() as patched:
                patched.setattr(book, "save_inventory", counted)
                await nodes.rotate()
        except Killed:
            settle(nodes.inventory, nodes.paths.credentials)
            assert all(nodes.enters(name) for name in NAMES), f"after {done + 1} writes"
        else:
            break
        await nodes.end()
        assert nodes.is_over(), f"after {done + 1} writes"
        done += 1
    assert done > 6
