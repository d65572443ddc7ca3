"""HQ's tunnel key is rotated over machines that behave as real ones: whoever dies, and whenever, HQ and nodes agree.

Root's half is the real one; nodes are stand-ins at the seam of the shell, and follow as real watchdogs do.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from noc.fleet.inventory import HubRecord, Inventory, Life, NodeRecord, load_inventory, save_inventory
from noc.fleet.model import Fleet
from noc.hosts.errors import ConnectionLost, Unreachable
from noc.hosts.shell import Result
from noc.hub.hubkey import NEXT_KEY, HubKey
from noc.hub.places import HUB_KEY
from noc.mesh.hubkey import Told, read_told
from noc.mesh.keys import generate
from noc.runs.paths import Paths
from noc.runs.plan.plan import Options
from noc.runs.record.events import Event, Verdict
from noc.runs.rotation import hub, hubnode
from noc.runs.rotation.errors import NoNextKey, SwitchUndone
from noc.runs.rotation.hub import Stage, is_under_way, rotate_hub, stage
from noc.runs.rotation.hubdesk import HubDesk
from noc.runs.rotation.plans import plan_rotate
from runs_kit import HUB_CA, NOW, World, begin_run, make_site, write_fleet

OLD, NEW = generate(), generate()
NODES = ("virginia", "frankfurt")


class Killed(BaseException):
    """The runner was killed: nothing of it is done any more."""


@dataclass
class Spoke:
    """A node: what is configured, what it knows, and whether it is up and follows."""

    house: "House"
    configured: str = OLD[1]
    known: list[str] = field(default_factory=list)
    up: bool = True
    follows: bool = True

    @property
    def carries(self) -> str:
        in_use = self.house.in_use
        return in_use if self.follows and in_use in self.known else self.configured

    @property
    def reached(self) -> bool:
        return self.up and self.carries == self.house.in_use

    def run(self, argv: tuple[str, ...]) -> str:
        if argv[0] == "cat":
            return json.dumps({"carries": self.carries})
        name, *given = argv[3:]
        if name == "tell":
            new, self.known = list(given) != self.known, list(given)
            return "told\n" if new else ""
        if name == "keep":
            self.configured = given[0]
            return "/etc/wireguard/wg0.conf\n"
        assert name == "hurry"
        return ""


class SpokeShell:
    def __init__(self, spoke: Spoke) -> None:
        self._spoke = spoke

    async def run(self, *argv: str, **_: Any) -> Result:
        if not self._spoke.reached:
            raise ConnectionLost("the connection broke")
        return Result(argv, 0, self._spoke.run(argv), "")

    async def script(self, text: str, **_: Any) -> Result:
        assert "rm -f" in text
        self._spoke.known = []
        return Result(("sh",), 0, "", "")

    async def close(self) -> None:
        pass


class House:
    """HQ with its root, and its nodes."""

    def __init__(self, paths: Paths, fleet: Fleet) -> None:
        self.paths, self.fleet = paths, fleet
        self.credentials = paths.credentials
        paths.hub_key_told.parent.mkdir()
        (self.credentials / HUB_KEY).write_text(OLD[0])
        self.spokes = {name: Spoke(self) for name in NODES}
        records = {name: NodeRecord(life=Life.LIVE, wireguard_key=generate()[1]) for name in NODES}
        write_fleet(paths.fleet, **records)
        hub_record = HubRecord(wireguard_key=OLD[1], host_ca=HUB_CA.public)
        save_inventory(paths.fleet, Inventory(hub=hub_record, nodes=records))
        self.start_root()

    def make_next(self) -> None:
        """What `sudo noc rotate hub` does first."""
        if not is_under_way(self.inventory):
            (self.credentials / NEXT_KEY).write_text(NEW[0])
            self.look()

    def start_root(self) -> None:
        self.root = HubKey(self.credentials, self.paths.hub_key_asked, self.paths.hub_key_told)
        self.look()

    def look(self) -> None:
        self.root.look(time.monotonic())

    async def serve(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(0.005)

    @property
    def in_use(self) -> str:
        told = read_told(self.paths.hub_key_told)
        assert told is not None
        return told.in_use

    @property
    def inventory(self) -> Inventory:
        return load_inventory(self.paths.fleet)

    async def rotate(self, *without: str, killed_at: int | None = None) -> list[Verdict]:
        """One run of it, killed as it writes that record of its journal."""
        site = replace(make_site(self.paths, self.fleet, World({})), ways=self)  # type: ignore[arg-type]
        options = Options(secret="hub", without=without)
        run = begin_run(self.paths, plan_rotate(self.fleet, self.inventory, ["all"], NOW, options))
        if killed_at is not None:
            record, count = run.record, iter(range(killed_at))

            def dying(*args: Any, **kwargs: Any) -> Event:
                if next(count, None) is None:
                    raise Killed
                return record(*args, **kwargs)

            run.record = dying  # type: ignore[method-assign]
        return await rotate_hub(run, site)

    async def dial(self, name: str, *_: Any, **__: Any) -> SpokeShell:
        if not self.spokes[name].reached:
            raise Unreachable(f"{name} cannot be reached")
        return SpokeShell(self.spokes[name])

    def holds(self, key: str) -> bool:
        """Whether HQ and every node have exactly this key, and know no other."""
        spokes = all((spoke.configured, spoke.known) == (key, []) for spoke in self.spokes.values())
        known = self.inventory.hub
        return spokes and self.in_use == known.wireguard_key == key and known.wireguard_key_next is None


@pytest.fixture
async def house(paths: Paths, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(hub, "TRIAL_S", 0.3)
    monkeypatch.setattr(hubnode, "FOLLOW_S", 0.15)
    monkeypatch.setattr(hubnode, "_POLL_S", 0.01)
    made = House(paths, fleet)
    serving = asyncio.create_task(made.serve())
    yield made
    serving.cancel()


def words(verdicts: list[Verdict]) -> list[tuple[str, str]]:
    return [(verdict.node, verdict.verdict) for verdict in verdicts]


async def test_every_node_and_hq_have_the_new_key(house: House) -> None:
    house.make_next()
    verdicts = await house.rotate()
    assert words(verdicts) == [("virginia", "rotated"), ("frankfurt", "rotated")]
    assert house.holds(NEW[1])
    assert "hub" in house.inventory.hub.rotated


async def test_without_a_next_key_nothing_is_done(house: House) -> None:
    with pytest.raises(NoNextKey):
        await house.rotate()


async def test_a_node_that_is_down_keeps_hq_from_switching_until_it_is_back(house: House) -> None:
    house.make_next()
    house.spokes["frankfurt"].up = False
    assert words(await house.rotate()) == [("virginia", "told"), ("frankfurt", "waits")]
    assert (house.in_use, house.inventory.hub.wireguard_key_next) == (OLD[1], NEW[1])
    assert house.spokes["virginia"].known == [OLD[1], NEW[1]]
    house.spokes["frankfurt"].up = True
    assert words(await house.rotate()) == [("virginia", "rotated"), ("frankfurt", "rotated")]
    assert house.holds(NEW[1])


async def test_a_node_that_never_heard_of_the_key_is_left_out_and_shown(house: House) -> None:
    house.make_next()
    house.spokes["frankfurt"].up = False
    assert words(await house.rotate("frankfurt")) == [("virginia", "rotated"), ("frankfurt", "left out")]
    record = house.inventory.record("frankfurt")
    assert (house.in_use, record.hub_key, record.hub_key_next) == (NEW[1], OLD[1], None)


async def test_a_node_that_was_told_and_is_left_out_comes_over_by_itself(house: House) -> None:
    house.make_next()
    house.spokes["frankfurt"].up = False
    await house.rotate()
    house.spokes["frankfurt"].up, house.spokes["virginia"].up = True, False
    await house.rotate()
    assert words(await house.rotate("virginia")) == [("virginia", "waits"), ("frankfurt", "rotated")]
    house.spokes["virginia"].up = True
    assert house.spokes["virginia"].reached
    assert words(await house.rotate()) == [("virginia", "rotated"), ("frankfurt", "rotated")]
    assert house.holds(NEW[1])


async def test_a_node_that_does_not_follow_takes_hq_and_all_others_back(house: House) -> None:
    house.make_next()
    house.spokes["frankfurt"].follows = False
    with pytest.raises(SwitchUndone, match="frankfurt"):
        await house.rotate()
    assert all(spoke.reached for spoke in house.spokes.values())
    assert (house.in_use, house.inventory.hub.wireguard_key) == (OLD[1], OLD[1])
    house.spokes["frankfurt"].follows = True
    await house.rotate()
    assert house.holds(NEW[1])


RECORDS = range(2 * 4 * 2 + 2)
"""Two nodes take four steps each, each with its begin and end; the switch has a begin and an end."""


@pytest.mark.parametrize("power", [True, False], ids=["hq-dark", "runner-killed"])
@pytest.mark.parametrize("record", RECORDS)
async def test_killed_at_any_record_all_agree_and_the_same_command_goes_on(
    house: House, monkeypatch: pytest.MonkeyPatch, record: int, power: bool
) -> None:
    house.make_next()
    with monkeypatch.context() as dead:
        dead.setattr(HubDesk, "withdraw", lambda _: None)
        house.paths.hub_key_asked.unlink(missing_ok=True)
        with pytest.raises(Killed):
            await house.rotate(killed_at=record)
    if power:
        house.start_root()
    else:
        HubDesk(house.paths.hub_key_asked, house.paths.hub_key_told).end_trial()
        house.look()
    assert all(spoke.reached for spoke in house.spokes.values())
    if is_under_way(house.inventory):
        assert words(await house.rotate()) == [("virginia", "rotated"), ("frankfurt", "rotated")]
    assert house.holds(NEW[1])


@pytest.mark.parametrize(
    ("told", "known", "pending", "wanted"),
    [
        (Told(in_use=OLD[1], current=OLD[1], next=NEW[1]), OLD[1], [], Stage.SWITCH),
        (Told(in_use=NEW[1], current=NEW[1]), OLD[1], [], Stage.SETTLE),
        (Told(in_use=NEW[1], current=NEW[1]), NEW[1], ["virginia"], Stage.SETTLE),
        (Told(in_use=NEW[1], current=NEW[1]), NEW[1], [], Stage.NOTHING),
    ],
)
def test_where_a_rotation_stands(told: Told, known: str, pending: list[str], wanted: Stage) -> None:
    assert stage(told, HubRecord(wireguard_key=known), pending) is wanted
