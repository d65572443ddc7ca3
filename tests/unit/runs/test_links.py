"""Links that are kept from one question to the next."""

import asyncio

import pytest

from noc.fleet.model import Fleet
from noc.hosts.errors import ConnectionLost
from noc.runs.paths import Paths
from noc.runs.site.link import Link
from noc.runs.site.pool import LinkPool
from noc.runs.site.site import Site
from runs_kit import FakeActivator, World, make_site

WAY = ("frankfurt", "10.84.0.12")


@pytest.fixture
def site(paths: Paths, fleet: Fleet, world: World) -> Site:
    return make_site(paths, fleet, world)


@pytest.fixture
def link(site: Site) -> Link:
    return site.link(site.fleet.node("frankfurt"))


async def test_a_kept_link_is_taken_once(link: Link) -> None:
    pool = LinkPool()
    await pool.keep(WAY, link)
    assert (pool.take(("frankfurt", "10.84.0.99")), pool.take(WAY), pool.take(WAY)) == (None, link, None)


async def test_a_link_that_nobody_takes_is_closed_after_a_while(link: Link) -> None:
    pool, shell = LinkPool(keep_s=0.01), await link.shell()
    await pool.keep(WAY, link)
    async with asyncio.timeout(5):
        while not shell.closed:  # type: ignore[attr-defined]  # noqa: ASYNC110 - a fake has no event
            await asyncio.sleep(0.005)
    assert pool.take(WAY) is None


async def test_a_link_that_was_taken_is_not_closed_behind_its_users_back(link: Link) -> None:
    pool, shell = LinkPool(keep_s=0.01), await link.shell()
    await pool.keep(WAY, link)
    pool.take(WAY)
    await asyncio.sleep(0.05)
    assert not shell.closed  # type: ignore[attr-defined]


async def test_the_one_that_is_kept_instead_closes_the_other(site: Site) -> None:
    pool, first, second = LinkPool(), *(site.link(site.fleet.node("frankfurt")) for _ in range(2))
    shell = await first.shell()
    await pool.keep(WAY, first)
    await pool.keep(WAY, second)
    assert shell.closed  # type: ignore[attr-defined]
    assert pool.take(WAY) is second


async def test_closing_the_pool_closes_what_is_kept(link: Link) -> None:
    pool, shell = LinkPool(), await link.shell()
    await pool.keep(WAY, link)
    await pool.close()
    assert shell.closed  # type: ignore[attr-defined]


async def test_a_connection_that_ended_while_it_was_kept_is_made_anew_at_once(
    link: Link, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, asked = FakeActivator.facts, []

    async def facts(self: FakeActivator) -> object:
        asked.append(self)
        if len(asked) == 2:
            raise ConnectionLost("it had ended")
        return await answers(self)

    monkeypatch.setattr(FakeActivator, "facts", facts)
    await link.ask(lambda activator: activator.facts())
    link.kept = True
    assert await link.ask(lambda activator: activator.facts())
    assert world.order("dial tunnel") == [("frankfurt", "dial tunnel")] * 2


async def test_a_connection_that_breaks_in_use_is_told(link: Link, world: World) -> None:
    world.machines["frankfurt"].flaw = "lost"
    with pytest.raises(ConnectionLost):
        await link.ask(lambda activator: activator.facts())
