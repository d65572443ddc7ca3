"""A rotation whose every message may get lost: whatever happens, hub and node end on the same key."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from noc.fleet.inventory import Life, NodeRecord, load_inventory
from noc.fleet.model import Fleet
from noc.hosts.errors import ConnectionLost, Overdue, Unreachable
from noc.hosts.shell import Result
from noc.mesh.keys import generate
from noc.runs.paths import Paths
from noc.runs.plan.planners import plan_keygen
from noc.runs.provision import keygen
from noc.runs.provision.keygen import rotate
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.site.site import Site
from runs_kit import NOW, World, begin_run, make_site, write_fleet

OLD_KEY, NEW_KEY = generate()[1], generate()[1]


@dataclass
class Spoke:
    """A node's end of the tunnel: the key on its disk, the one that it uses, and how it decides by itself.

    Attributes:
        lost: how many answers to `keep` get lost after they were acted upon.
        deaf: the new key never carries the tunnel.
    """

    paths: Paths
    held: str = OLD_KEY
    used: str = OLD_KEY
    lost: int = 0
    deaf: bool = False
    goes_back_at: float = field(default=float("inf"))
    error: type[Exception] = ConnectionLost

    def act(self) -> None:
        if time.monotonic() > self.goes_back_at:
            self.used, self.goes_back_at = self.held, float("inf")

    @property
    def carried(self) -> bool:
        self.act()
        hub = load_inventory(self.paths.fleet).record("virginia").wireguard_key
        return hub == self.used and not (self.deaf and self.used == NEW_KEY)

    def script(self, text: str) -> str:
        if "wg genkey" in text:
            return NEW_KEY
        if "systemd-run" in text:
            self.used, self.goes_back_at = NEW_KEY, time.monotonic() + keygen.SWITCH_WITHIN_S
            return ""
        assert "touch /run/noc-rotated" in text
        self.held, self.goes_back_at = self.used, float("inf")
        if self.lost:
            self.lost -= 1
            raise self.error("the answer was lost")
        return self.held


class SpokeShell:
    def __init__(self, spoke: Spoke) -> None:
        self._spoke = spoke

    async def script(self, text: str, **_: Any) -> Result:
        return Result(("sh",), 0, self._spoke.script(text), "")

    async def close(self) -> None:
        pass


@pytest.fixture
async def spoke(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Spoke]:
    write_fleet(paths.fleet, virginia=NodeRecord(life=Life.LIVE, wireguard_key=OLD_KEY))
    for name, seconds in {
        "SWITCH_WITHIN_S": 0.4,
        "_CARRIED_WITHIN_S": 0.3,
        "_DECIDED_WITHIN_S": 0.6,
        "_POLL_S": 0.01,
    }.items():
        monkeypatch.setattr(keygen, name, seconds)
    made = Spoke(paths)

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key = load_inventory(paths.fleet).record("virginia").wireguard_key
        writer.write(f"{key}\t{time.time() if made.carried else 0:.0f}\n".encode())
        writer.close()

    server = await asyncio.start_unix_server(answer, paths.tunnels_socket)
    yield made
    server.close()


def prepare(paths: Paths, fleet: Fleet, spoke: Spoke) -> tuple[Run, Site]:
    class Ways:
        async def dial(self, name: str, *_: Any, **__: Any) -> Any:
            if not spoke.carried:
                raise Unreachable(f"{name} cannot be reached")
            return SpokeShell(spoke)

    site = replace(make_site(paths, fleet, World({})), ways=Ways())  # type: ignore[arg-type]
    return begin_run(paths, plan_keygen(fleet, site.book.inventory, ["virginia"], NOW)), site


async def rotated(paths: Paths, fleet: Fleet, spoke: Spoke) -> Verdict:
    run, site = prepare(paths, fleet, spoke)
    return (await rotate(run, site))[0]


def keys(paths: Paths) -> tuple[str | None, str | None]:
    record = load_inventory(paths.fleet).record("virginia")
    return record.wireguard_key, record.wireguard_key_before


async def test_both_ends_have_the_new_key(paths: Paths, fleet: Fleet, spoke: Spoke) -> None:
    verdict = await rotated(paths, fleet, spoke)
    assert (verdict.verdict, verdict.now) == ("rotated", NEW_KEY[:8])
    assert (keys(paths), spoke.held) == ((NEW_KEY, None), NEW_KEY)


async def test_a_key_that_does_not_carry_leaves_both_ends_on_the_old_one(
    paths: Paths, fleet: Fleet, spoke: Spoke
) -> None:
    spoke.deaf = True
    verdict = await rotated(paths, fleet, spoke)
    assert (verdict.verdict, verdict.now) == ("not rotated", OLD_KEY[:8])
    assert keys(paths) == (OLD_KEY, None)
    assert spoke.carried


@pytest.mark.parametrize("error", [ConnectionLost, Overdue])
async def test_a_node_that_kept_the_key_and_could_not_say_so_is_not_locked_out(
    paths: Paths, fleet: Fleet, spoke: Spoke, error: type[Exception]
) -> None:
    spoke.lost, spoke.error = 1, error
    verdict = await rotated(paths, fleet, spoke)
    assert verdict.verdict == "rotated"
    assert (keys(paths), spoke.held) == ((NEW_KEY, None), NEW_KEY)


async def test_a_node_that_went_back_as_it_was_asked_to_keep_is_believed(
    paths: Paths, fleet: Fleet, spoke: Spoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(text: str) -> str:
        if "touch" in text:
            spoke.used, spoke.goes_back_at = spoke.held, float("inf")
            return spoke.held
        return Spoke.script(spoke, text)

    monkeypatch.setattr(spoke, "script", too_late)
    verdict = await rotated(paths, fleet, spoke)
    assert (verdict.verdict, keys(paths)) == ("not rotated", (OLD_KEY, None))
    assert spoke.carried


@pytest.mark.parametrize("held", [OLD_KEY, NEW_KEY])
async def test_a_rotation_that_was_cut_is_settled_by_the_next(
    paths: Paths, fleet: Fleet, spoke: Spoke, held: str
) -> None:
    record = NodeRecord(life=Life.LIVE, wireguard_key=NEW_KEY, wireguard_key_before=OLD_KEY)
    write_fleet(paths.fleet, virginia=record)
    spoke.held = spoke.used = held
    verdict = await rotated(paths, fleet, spoke)
    assert verdict.verdict == "rotated"
    assert (keys(paths), spoke.carried) == ((NEW_KEY, None), True)


async def test_a_node_that_answers_with_neither_key_leaves_both_written_down(
    paths: Paths, fleet: Fleet, spoke: Spoke
) -> None:
    run, site = prepare(paths, fleet, spoke)
    spoke.used = "nobody's"
    record = NodeRecord(life=Life.LIVE, wireguard_key=NEW_KEY, wireguard_key_before=OLD_KEY)
    write_fleet(paths.fleet, virginia=record)
    _, site = prepare(paths, fleet, spoke)
    verdict = (await rotate(run, site))[0]
    assert "neither key" in verdict.why
    assert set(keys(paths)) == {OLD_KEY, NEW_KEY}
