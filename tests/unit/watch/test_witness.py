"""The second witness over real TLS on loopback; only the name server is a stand-in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from https_kit import Face, certificate
from noc.fleet.witnessing import Witness as Settings
from noc.watch.clock import now
from noc.watch.config import Config
from noc.watch.store.records import Sighting
from noc.watch.witness.names import Lookup, Names
from noc.watch.witness.witness import Witness, numbers
from watch_kit import until_true, write_fleet

LOOPBACK = IPv4Address("127.0.0.1")
SELDOM, OFTEN = Settings(interval=3_600, recheck=3_600), Settings(interval=0.2, recheck=0.05)


class Table(Names):
    """A stand-in for the name server: every name leads to one address."""

    def __init__(self) -> None:
        super().__init__()
        self.address = LOOPBACK

    async def look_up(self, hostname: str) -> Lookup:
        return Lookup((self.address,))


def fleet(
    tmp_path: Path, settings: Settings, *, live: tuple[str, ...] = ("virginia",), root: str = "root.pem"
) -> Config:
    config = Config.read(write_fleet(tmp_path / "fleet", live=live))
    acme = config.fleet.acme.model_copy(update={"ca_root": root})
    changed = config.fleet.model_copy(update={"witness": settings, "acme": acme})
    nodes = {name: replace(each, public=str(LOOPBACK)) for name, each in config.nodes.items()}
    return replace(config, fleet=changed, directory=tmp_path, nodes=nodes)


class Stage:
    """A witness at work, the face that it looks at, and what it has told."""

    def __init__(self, config: Config, face: Face, port: int) -> None:
        self.config, self.face, self.names = config, face, Table()
        self.told: list[Sighting] = []
        self.witness = Witness(lambda: self.config, self._hear, names=self.names, port=port)

    def _hear(self, node: str, seen: Sighting, _: object) -> None:
        assert node == seen.node
        self.told.append(seen)

    async def suspected(self) -> Sighting:
        """What is seen of virginia when it is suspected."""
        before = len(self.told)

        def told() -> bool:
            self.witness.suspect("virginia")
            return len(self.told) > before

        await until_true(told)
        return self.told[-1]


@asynccontextmanager
async def looking(tmp_path: Path, settings: Settings = SELDOM, **fleet_file: Any) -> AsyncIterator[Stage]:
    pem, key = certificate(tmp_path, "virginia.clavitor.test")
    (tmp_path / "root.pem").write_bytes(pem.read_bytes())
    face = Face()
    stage = Stage(fleet(tmp_path, settings, **fleet_file), face, await face.open(pem, key))
    task = asyncio.create_task(stage.witness.run())
    try:
        yield stage
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        face.close()


async def test_each_node_is_looked_at_again_and_again(tmp_path: Path) -> None:
    async with looking(tmp_path, OFTEN) as stage:
        await until_true(lambda: len(stage.told) >= 3)
    assert {(seen.node, seen.ok, seen.version) for seen in stage.told} == {("virginia", True, "1.1.0")}


async def test_a_suspected_node_is_looked_at_long_before_its_place_comes(tmp_path: Path) -> None:
    async with looking(tmp_path) as stage:
        assert (await stage.suspected()).ok
        assert stage.witness.last["virginia"].ok


async def test_a_proxy_that_is_gone_is_a_connection_that_nobody_takes(tmp_path: Path) -> None:
    async with looking(tmp_path) as stage:
        stage.face.close()
        seen = await stage.suspected()
    assert (seen.ok, seen.stage, seen.detail) == (False, "connect", "Connection refused")


async def test_a_name_that_leads_elsewhere_is_named_though_the_node_serves(tmp_path: Path) -> None:
    async with looking(tmp_path) as stage:
        stage.names.address = IPv4Address("192.0.2.9")
        seen = await stage.suspected()
    assert (seen.ok, seen.stage) == (False, "name")
    assert "leads to 192.0.2.9, the node is at 127.0.0.1; there it serves" in seen.detail


async def test_a_service_that_is_sick_got_as_far_as_its_answer(tmp_path: Path) -> None:
    async with looking(tmp_path) as stage:
        stage.face.status = 502
        seen = await stage.suspected()
    assert (seen.ok, seen.stage, seen.detail) == (False, "answer", "answers 502")


async def test_after_a_first_failure_the_second_look_comes_soon(tmp_path: Path) -> None:
    async with looking(tmp_path, Settings(interval=3_600, recheck=0.05)) as stage:
        stage.face.status = 502
        await stage.suspected()
        await until_true(lambda: len(stage.told) == 2)


async def test_only_live_nodes_that_serve_the_public_are_looked_at(tmp_path: Path) -> None:
    live = ("virginia", "frankfurt")
    assert numbers(fleet(tmp_path, Settings(not_public=("frankfurt",)), live=live)) == {"virginia": 1}
    assert numbers(fleet(tmp_path, Settings(not_public=("all",)), live=live)) == {}


async def test_a_node_that_is_taken_out_is_looked_at_no_more(tmp_path: Path) -> None:
    async with looking(tmp_path, OFTEN) as stage:
        await until_true(lambda: stage.told)
        stage.config = fleet(tmp_path, OFTEN, live=())
        await until_true(lambda: not stage.witness.last)
    assert stage.witness.silence(now()) == 0


async def test_roots_that_cannot_be_read_leave_every_node_unasked_and_the_silence_grows(tmp_path: Path) -> None:
    async with looking(tmp_path, OFTEN, root="missing.pem") as stage:
        await until_true(lambda: stage.witness.silence(now()) > 0.5)
    assert stage.told == []


@pytest.mark.parametrize("name", ["nobody.invalid"])
async def test_a_name_that_nobody_has_is_an_answer_and_not_an_exception(name: str) -> None:
    lookup = await Names().look_up(name)
    assert (lookup.addresses, bool(lookup.trouble)) == ((), True)


async def test_a_name_is_resolved_by_this_machine() -> None:
    assert (await Names().look_up("localhost")).addresses == (LOOPBACK,)
