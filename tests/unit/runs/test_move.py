"""Another public address of a node: written down once the process that pushes through the tunnel answers there."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from noc.errors import Usage
from noc.fleet.inventory import Life, NodeRecord, load_inventory
from noc.fleet.model import Fleet
from noc.hosts.errors import Unreachable
from noc.hosts.web import Health
from noc.mesh.keys import generate
from noc.runs.errors import HubElsewhere
from noc.runs.paths import Paths
from noc.runs.plan.plan import Options
from noc.runs.plan.planners import plan_deploy, plan_move
from noc.runs.record.events import Verdict
from noc.runs.rescue import move as moving
from noc.runs.rescue.move import move, survey_move
from noc.runs.site.site import Site
from runs_kit import NOW, World, begin_run, make_site, write_fleet

NAME, OLD, NEW = "frankfurt", IPv4Address("192.0.2.7"), IPv4Address("198.51.100.7")
KEY = generate()[1]
OPTIONS = Options(address={NAME: NEW})


@dataclass
class Outside:
    """The node as it is seen: what answers at each address, and whether its tunnel carries."""

    boots: dict[IPv4Address, str]
    carries: bool = True

    async def health(self, hostname: str, address: IPv4Address | None = None) -> Health:
        assert hostname == "frankfurt.clavitor.test"
        assert address is not None
        if address not in self.boots:
            return Health(trouble="connection refused", stage="connect")
        return Health(200, "1.0.0", 1, self.boots[address])

    async def dial(self, name: str, *_: Any, **__: Any) -> Any:
        if not self.carries:
            raise Unreachable(f"{name} cannot be reached")
        return self

    async def close(self) -> None:
        pass


@pytest.fixture
async def outside(paths: Paths, world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Outside]:
    write_fleet(paths.fleet, **{NAME: NodeRecord(life=Life.LIVE, wireguard_key=KEY, address=OLD)})
    monkeypatch.setattr(moving, "PROOF_S", 0.05)
    monkeypatch.setattr(moving, "_POLL_S", 0.01)

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{KEY}\t{OLD}:4711\n".encode())
        writer.close()

    server = await asyncio.start_unix_server(answer, paths.tunnels_socket)
    yield Outside({NEW: world.machines[NAME].boot})
    server.close()


def site_of(paths: Paths, fleet: Fleet, outside: Outside) -> Site:
    return replace(make_site(paths, fleet, World({})), web=outside, ways=outside)  # type: ignore[arg-type]


async def moved(paths: Paths, fleet: Fleet, outside: Outside) -> Verdict:
    site = site_of(paths, fleet, outside)
    plan = plan_move(fleet, site.book.inventory, [NAME], NOW, options=OPTIONS)
    (verdict,) = await move(begin_run(paths, plan), site)
    return verdict


def known(paths: Paths) -> IPv4Address | None:
    return load_inventory(paths.fleet).record(NAME).address


async def test_a_proven_address_is_written_down(paths: Paths, fleet: Fleet, outside: Outside) -> None:
    verdict = await moved(paths, fleet, outside)
    assert (verdict.verdict, verdict.now, known(paths)) == ("moved", str(NEW), NEW)


async def test_the_watch_looks_there_from_then_on(paths: Paths, fleet: Fleet, outside: Outside, world: World) -> None:
    await moved(paths, fleet, outside)
    assert world.reloads == 1


async def test_what_is_left_to_do_about_the_name_is_said(paths: Paths, fleet: Fleet, outside: Outside) -> None:
    verdict = await moved(paths, fleet, outside)
    assert "frankfurt.clavitor.test leads to nothing: noc dns apply" in verdict.why
    assert f"its tunnel still comes from {OLD}" in verdict.why


@pytest.mark.parametrize("boots", [{}, {NEW: "another process"}, {OLD: "boot-old"}])
async def test_an_address_where_something_else_answers_is_not_written_down(
    paths: Paths, fleet: Fleet, outside: Outside, boots: dict[IPv4Address, str]
) -> None:
    outside.boots = boots
    verdict = await moved(paths, fleet, outside)
    assert ("E582" in verdict.why, known(paths)) == (True, OLD)


@pytest.mark.parametrize(("carries", "state"), [(True, "change"), (False, "blocked")])
async def test_without_its_tunnel_nothing_proves_which_machine_that_is(
    paths: Paths, fleet: Fleet, outside: Outside, carries: bool, state: str
) -> None:
    outside.carries = carries
    site = site_of(paths, fleet, outside)
    plan = await survey_move(site, plan_move(fleet, site.book.inventory, [NAME], NOW, options=OPTIONS))
    assert plan.row(NAME).state == state


async def test_an_address_that_is_known_is_no_move(paths: Paths, fleet: Fleet, outside: Outside) -> None:
    site = site_of(paths, fleet, outside)
    same = Options(address={NAME: OLD})
    plan = await survey_move(site, plan_move(fleet, site.book.inventory, [NAME], NOW, options=same))
    assert not plan.has_work


def test_a_move_needs_an_address(paths: Paths, fleet: Fleet) -> None:
    with pytest.raises(Usage, match="no new address is given for frankfurt"):
        plan_move(fleet, load_inventory(paths.fleet), [NAME], NOW, options=Options())


def test_hq_moves_only_where_the_fleet_file_says_and_the_edit_is_offered(paths: Paths, fleet: Fleet) -> None:
    elsewhere = Options(hub=NEW)
    with pytest.raises(HubElsewhere) as caught:
        plan_deploy(fleet, load_inventory(paths.fleet), None, ["all"], NOW, configuration=True, options=elsewhere)
    assert f'address = "{NEW}"' in caught.value.fix


def test_a_move_of_hq_is_called_so(paths: Paths, fleet: Fleet) -> None:
    options = Options(hub=fleet.hub.address)
    plan = plan_deploy(fleet, load_inventory(paths.fleet), None, ["all"], NOW, configuration=True, options=options)
    assert plan.label() == "move HQ to 192.0.2.1 on 3 nodes"
