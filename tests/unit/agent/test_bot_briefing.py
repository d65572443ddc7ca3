"""Briefings in the operations chats: from a real watch, once."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from agent_kit import watch_beside
from bot_kit import Hq, Memory, at_work, headquarters, until
from noc.agent.bot.kept import Keeper
from noc.agent.doors.house import House as Doors


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noc.agent.bot.briefing.LOOK_S", 0.05)


@pytest.fixture
def doors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Doors]:
    """A runner, and a real watch beside it."""
    with ExitStack() as stack:
        hq: Hq = stack.enter_context(headquarters(tmp_path, monkeypatch))
        server = stack.enter_context(watch_beside(tmp_path))
        yield replace(hq.doors, watch_socket=server.socket)


async def brief(doors: Doors, day: str) -> None:
    """The job of the schedule asks the watch for the day's briefing."""
    await doors.watch().post("/api/v1/briefing", {"about": "day", "name": day})


async def test_the_days_briefing_is_told_once_in_every_operations_chat(doors: Doors, tmp_path: Path) -> None:
    here, there, state = Memory("telegram"), Memory("discord"), tmp_path / "bot.json"
    async with at_work(doors, here, there, state=state):
        await brief(doors, "2026-11-26")
        for chat in (here, there):
            await until(chat.texts)
        await brief(doors, "2026-11-27")
        await until(lambda: len(here.said) == 2)
    async with at_work(doors, here, there, state=state):
        await brief(doors, "2026-11-28")
        await until(lambda: len(here.said) == 3)
    assert all("nodes up" in text.splitlines()[0] for text in here.texts())
    assert Keeper(state).now.briefed == [f"briefing-day-2026-11-{day}" for day in (26, 27, 28)]


async def test_a_decision_about_a_milestone_is_told_in_its_own_words(doors: Doors, tmp_path: Path) -> None:
    chat = Memory()
    await brief(doors, "2026-11-26")
    title = "M4: go, decided by johan"
    await doors.watch().post("/api/v1/briefing", {"about": "milestone", "name": "M4-1", "title": title})
    async with at_work(doors, chat, state=tmp_path / "bot.json"):
        await until(lambda: len(chat.said) == 2)
    assert [title in text.splitlines()[0] for text in chat.texts()] == [False, True]


async def test_what_came_of_a_run_is_not_told_twice(doors: Doors, tmp_path: Path) -> None:
    chat, state = Memory(), tmp_path / "bot.json"
    await doors.watch().post("/api/v1/briefing", {"about": "run", "name": "r", "title": "deploy 1.1.0: ok"})
    await brief(doors, "2026-11-26")
    async with at_work(doors, chat, state=state):
        await until(chat.texts)
    assert Keeper(state).now.briefed == ["briefing-day-2026-11-26"]
    assert len(chat.said) == 1
