"""The watch without its listeners: what it does when a part of it is in trouble."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from noc.watch.alerts.channels import Message
from noc.watch.clock import now
from noc.watch.errors import StoreTrouble
from noc.watch.pages.runs import RunBoard
from noc.watch.pages.waiting import Waiting
from noc.watch.pages.web import Web
from noc.watch.service.watch import Watch
from noc.watch.store import writer as writing
from noc.watch.store.records import Beat
from watching import watching


class Channel:
    """A way to people that does as it is told."""

    name = "ntfy"

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.trouble: Callable[[Message], Exception | None] = lambda _: None

    async def send(self, message: Message) -> None:
        if (trouble := self.trouble(message)) is not None:
            raise trouble
        self.sent.append(message)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noc.watch.alerts.patience.FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr("noc.watch.service.watch.REBUILD_PAUSE_S", 0.05)


async def until(condition: Callable[[], Any], within: float = 30) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is waited for is in a database or another thread
            await asyncio.sleep(0.01)


async def push(watch: Watch, node: str, seq: int, *, up: bool = True, msg: str = "killed-KILL") -> None:
    moment = now()
    await watch.take(Beat(node, moment.wall, up=up, msg=msg, boot="b", seq=seq), moment)


def rename(watch: Watch, table: str, name: str) -> None:
    with watch.store.engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))


async def test_an_alert_that_breaks_its_channel_holds_up_no_other(tmp_path: Path) -> None:
    channel = Channel()
    channel.trouble = lambda message: RuntimeError("no such thing") if "frankfurt" in message.title else None
    async with watching(tmp_path, channel) as watch:
        await push(watch, "frankfurt", 1, up=False)
        await push(watch, "virginia", 1, up=False)
        await until(lambda: any("virginia" in message.title for message in channel.sent))
        channel.trouble = lambda _: None
        await until(lambda: any("frankfurt" in message.title for message in channel.sent))


async def test_an_outbox_that_could_not_be_read_is_read_again(tmp_path: Path) -> None:
    channel = Channel()
    async with watching(tmp_path, channel) as watch:
        rename(watch, "incidents", "away")
        watch.outboxes.refresh()
        await asyncio.sleep(0.1)
        rename(watch, "away", "incidents")
        await push(watch, "frankfurt", 1, up=False)
        await until(lambda: channel.sent)


async def test_a_part_that_fails_for_good_ends_the_watch(tmp_path: Path) -> None:
    async with watching(tmp_path, Channel()) as watch:
        watch.judge.expire = lambda _: 1 / 0  # type: ignore[method-assign, assignment, return-value]
        async with asyncio.timeout(5):
            with pytest.raises(ZeroDivisionError):
                await watch.fault()


async def test_a_push_that_finds_the_line_full_is_not_taken_for_stored_when_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(tmp_path, Channel()) as watch:
        monkeypatch.setattr(writing, "MOST_WAITING", 0)
        with pytest.raises(StoreTrouble, match="wait"):
            await push(watch, "frankfurt", 1)
        monkeypatch.undo()
        await push(watch, "frankfurt", 1)
        assert [seq for _, seq in watch.store.past().counted["frankfurt"]] == [1]


async def test_a_record_that_the_driver_cannot_take_does_not_end_the_writing(tmp_path: Path) -> None:
    async with watching(tmp_path, Channel()) as watch:
        with pytest.raises(StoreTrouble):
            await push(watch, "frankfurt", 2**70)
        await until(lambda: not watch.broken)
        await push(watch, "frankfurt", 1)
        assert any(thread.name == "noc-watch-writer" for thread in threading.enumerate())


async def test_the_page_goes_on_after_trouble_with_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noc.watch.pages.stream.LOOK_EVERY_S", 0.02)
    async with watching(tmp_path, Channel()) as watch:
        web = Web.of(watch, RunBoard(), Waiting(None))
        await web.dashboard.start()
        rename(watch, "incidents", "away")
        stream = web.stream.follow("root", "/", web.dashboard)
        try:
            await anext(stream)
            rename(watch, "away", "incidents")
            await push(watch, "frankfurt", 1, up=False)
            async with asyncio.timeout(5):
                while "SIGKILL" not in await anext(stream):
                    pass
        finally:
            web.stream.stop()
            await stream.aclose()
