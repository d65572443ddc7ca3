"""HQ's own way out, tried over real sockets on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from noc.fleet.witnessing import Outside as Settings
from noc.watch.config import Config
from noc.watch.house.outside import Outside, any_answers
from watch_kit import free_port, until_true, write_fleet


@asynccontextmanager
async def listening() -> AsyncIterator[str]:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def nobody() -> str:
    return f"127.0.0.1:{free_port()}"


async def test_one_address_that_answers_is_enough() -> None:
    async with listening() as somebody:
        assert await any_answers([nobody(), somebody])


async def test_where_no_address_answers_there_is_no_way_out() -> None:
    assert not await any_answers([nobody(), nobody()])


async def test_an_address_that_swallows_packets_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noc.watch.house.outside.WITHIN_S", 0.2)
    async with asyncio.timeout(5):
        assert not await any_answers(["192.0.2.1:9", nobody()])


@pytest.mark.parametrize("url", ["https://127.0.0.1:1/", "https://nobody.invalid/"])
async def test_a_web_address_that_does_not_answer_is_no_exception(url: str) -> None:
    assert not await any_answers([url, nobody()])


class Stage:
    """Outside at work, and what it told."""

    def __init__(self, tmp_path: Path, *addresses: str, interval: float = 3_600) -> None:
        config = Config.read(write_fleet(tmp_path / "fleet"))
        settings = Settings(addresses=addresses, interval=interval)
        self.config = replace(config, fleet=config.fleet.model_copy(update={"outside": settings}))
        self.told: list[bool] = []
        self.outside = Outside(lambda: self.config, lambda ok, _: self.told.append(ok))

    @asynccontextmanager
    async def trying(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.outside.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_way_out_that_is_lost_is_told_at_the_next_try(tmp_path: Path) -> None:
    async with listening() as somebody:
        stage = Stage(tmp_path, somebody, nobody(), interval=0.05)
        async with stage.trying():
            await until_true(lambda: stage.told == [True] * len(stage.told) != [])
            stage.config = Stage(tmp_path, nobody(), nobody(), interval=0.05).config
            await until_true(lambda: stage.told[-1] is False)


async def test_a_suspicion_is_tried_at_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path, nobody(), nobody())
    async with stage.trying():
        await until_true(lambda: stage.told)
        stage.outside.suspect()
        await until_true(lambda: len(stage.told) == 2)


async def test_without_addresses_nothing_is_told(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    async with stage.trying():
        for _ in range(3):
            stage.outside.suspect()
            await asyncio.sleep(0)
    assert stage.told == []
