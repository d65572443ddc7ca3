"""What the bot goes through: services that are away, messages that are gone, its own restart."""

import asyncio
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bot_kit import ANNA, DEADLINE_S, OLGA, OPERATIONS, STRANGER, VERA, Hq, Memory, at_work, headquarters, until
from noc.agent.bot.kept import Keeper
from noc.agent.bot.transport import MessageRef
from noc.agent.doors.house import House as Doors
from runner_house import House


@pytest.fixture
def hq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hq]:
    with headquarters(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("announcing.LOOK_S", "announcing.AGAIN_S", "showing.LOOK_S", "showing.AGAIN_S", "post.EVERY_S"):
        monkeypatch.setattr(f"noc.agent.bot.{module}", 0.05)
    monkeypatch.setattr("noc.agent.bot.post.AGAIN_S", (0.05,) * 40)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "bot.json"


def nowhere(tmp_path: Path) -> Doors:
    """Doors behind which nobody is."""
    return Doors(tmp_path / "fleet", tmp_path / "no-runner.sock", tmp_path / "no-watch.sock")


async def announced(hq: Hq, chat: Memory) -> str:
    """James asks on HQ for a deployment, which is told in the chat; returns what a press of Approve sends."""
    plan = hq.ask("james", "plan", action="deploy", nodes=["all"], release="1.1.0")["plan"]
    hq.ask("james", "start", plan=plan)
    request = await until(lambda: chat.with_button("Approve"), chat.texts)
    return str(request.button("Approve"))


def no_button(chat: Memory) -> bool:
    """Whether nothing can be approved any more."""
    return chat.with_button("Approve") is None


async def over(chat: Memory) -> str:
    """The result in the operations chat, once it is there."""
    await until(lambda: "nodes good" in chat.last().message.title, chat.texts)
    await until(lambda: "asked for by james, approved by" in chat.last().text, chat.texts)
    return chat.last().text


async def test_a_runner_that_is_away_is_told_to_who_is_known_and_to_nobody_else(tmp_path: Path, state: Path) -> None:
    Keeper(state).meet(f"telegram:{OLGA}", known=True)
    chat = Memory()
    async with at_work(nowhere(tmp_path), chat, state=state):
        await chat.say(OLGA, "/status")
        await chat.say(STRANGER, "/status")
        pressed = await chat.press(OLGA, "approve:" + "0" * 16)
    assert [said.chat for said in chat.said.values()] == [str(OLGA)]
    assert "the runner does not answer" in chat.last(OLGA).text
    assert "systemctl status noc-runner" in chat.last(OLGA).text
    assert "the runner does not answer" in pressed


async def test_a_watch_that_is_away_is_one_sentence(hq: Hq, tmp_path: Path, state: Path) -> None:
    chat, doors = Memory(), replace(hq.doors, watch_socket=tmp_path / "no-watch.sock")
    async with at_work(doors, chat, state=state):
        for command in ("/incidents", "/ack 7", "/silence 1h"):
            await chat.say(OLGA, command)
    assert len(chat.said) == 3
    assert all("the watch does not answer" in text for text in chat.texts(str(OLGA)))


async def test_who_was_unlinked_is_a_stranger_at_once(hq: Hq, state: Path) -> None:
    chat = Memory()
    async with at_work(hq.doors, chat, state=state):
        await chat.say(VERA, "/who")
        hq.ask("root", "unlink", person="vera")
        await chat.say(VERA, "/who")
    assert len(chat.said) == 1
    assert not Keeper(state).knows(f"telegram:{VERA}")


async def test_a_restart_announces_nothing_twice(hq: Hq, state: Path) -> None:
    chat = Memory()
    async with at_work(hq.doors, chat, state=state):
        data = await announced(hq, chat)
    async with at_work(hq.doors, chat, state=state):
        told = await chat.press(ANNA, data)
        assert "approved by anna" in told
        await over(chat)
        await until(partial(no_button, chat), chat.texts)
    assert len([text for text in chat.texts() if "phrase:" in text]) == 1


async def test_what_happened_while_the_bot_was_away_is_told_when_it_is_back(hq: Hq, state: Path) -> None:
    chat = Memory()
    async with at_work(hq.doors, chat, state=state):
        await announced(hq, chat)
    hq.ask("anna", "approve", request="last")
    await until(lambda: hq.runs() and hq.runs()[0]["outcome"] == "ok")
    async with at_work(hq.doors, chat, state=state):
        assert "approved by anna" in await over(chat)
        await until(partial(no_button, chat), chat.texts)


async def test_a_run_is_followed_under_the_same_message_after_a_restart(hq: Hq, state: Path) -> None:
    arriving = hq.world.machines["singapore"].arriving = asyncio.Event()
    chat = Memory()
    async with at_work(hq.doors, chat, state=state):
        await chat.press(ANNA, await announced(hq, chat))
        await until(lambda: any("of 3 done" in text for text in chat.texts()), chat.texts)
        await until(lambda: list(Keeper(state).now.runs), chat.texts)
    async with at_work(hq.doors, chat, state=state):
        hq.house._loop.call_soon_threadsafe(arriving.set)
        await over(chat)
    assert len([said for said in chat.said.values() if "singapore  1.0.0 (1) → 1.1.0 (2)" in said.text]) == 1
    assert Keeper(state).now.runs == {}


async def test_progress_is_one_message_and_no_faster_than_chats_bear(
    hq: Hq, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noc.agent.bot.post.EVERY_S", 0.3)
    chat = Memory()
    async with at_work(hq.doors, chat, state=state):
        await chat.press(ANNA, await announced(hq, chat))
        await over(chat)
    shown = [said for said in chat.said.values() if "singapore  1.0.0 (1) → 1.1.0 (2)" in said.text]
    assert len(shown) == 1
    times = [at for ref, at in chat.edits if chat.said[ref] is shown[0]]
    assert all(later - earlier >= 0.29 for earlier, later in pairwise(times))


async def test_a_progress_message_that_somebody_removed_is_said_anew(hq: Hq, state: Path) -> None:
    arriving = hq.world.machines["singapore"].arriving = asyncio.Event()
    chat = Memory()
    async with at_work(hq.doors, chat, state=state):
        await chat.press(ANNA, await announced(hq, chat))
        ref = await until(lambda: next((ref for ref, said in chat.said.items() if "of 3 done" in said.text), None))
        del chat.said[ref]
        hq.house._loop.call_soon_threadsafe(arriving.set)
        await over(chat)
    assert [said for said in chat.said.values() if "singapore  1.0.0 (1) → 1.1.0 (2)" in said.text]


async def test_a_chat_service_that_was_away_hears_of_what_waits_when_it_is_back(hq: Hq, state: Path) -> None:
    here, there = Memory("telegram"), Memory("discord")
    there.away = True
    async with at_work(hq.doors, here, there, state=state):
        await announced(hq, here)
        assert there.said == {}
        there.away = False
        await until(lambda: there.with_button("Approve"), there.texts)
    assert len([text for text in here.texts() if "phrase:" in text]) == 1


async def test_both_chat_services_say_what_became_of_a_request(hq: Hq, state: Path) -> None:
    here, there = Memory("telegram"), Memory("discord")
    async with at_work(hq.doors, here, there, state=state):
        data = await announced(hq, here)
        await until(lambda: there.with_button("Approve"), there.texts)
        await here.press(ANNA, data)
        await over(here)
        await over(there)
        for chat in (here, there):
            await until(partial(no_button, chat), chat.texts)


async def test_what_nobody_foresaw_ends_one_answer_and_not_the_bot(
    hq: Hq, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = Memory()
    async with at_work(hq.doors, chat, state=state):
        with monkeypatch.context() as patch:
            patch.setattr("noc.agent.bot.bot.help_message", lambda role: [][len(role)])
            await chat.say(OLGA, "/who")
            await chat.say(OLGA, "/help")
        await chat.say(OLGA, "/who")
    texts = chat.texts(str(OLGA))
    assert ["you are olga" in text for text in texts] == [True, False, True]
    assert "that failed here" in texts[1]


async def test_a_person_whose_questions_take_long_takes_nobody_elses_place(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go, chat = threading.Event(), Memory()

    async def slow(_house: House, names: list[str]) -> dict[str, Any]:
        await asyncio.to_thread(let_go.wait, DEADLINE_S)
        return {"nodes": [], "pending": list(names)}

    monkeypatch.setattr(House, "health", slow)
    with headquarters(tmp_path, monkeypatch) as hq:
        async with at_work(hq.doors, chat, state=state):
            asking = [asyncio.create_task(chat.say(VERA, "/health")) for _ in range(8)]
            await until(lambda: sum("wait for them" in text for text in chat.texts(str(VERA))) == 5, chat.texts)
            await chat.say(OLGA, "/who")
            await chat.say(VERA, "/halt they are not well")
            assert hq.ask("root", "lease")["halt"]["by"] == "vera"
            let_go.set()
            await asyncio.gather(*asking)
            await chat.say(VERA, "/who")
    assert "you are olga" in chat.last(OLGA).text
    assert "you are vera" in chat.last(VERA).text


async def test_a_run_that_cannot_be_shown_keeps_no_later_one_away(
    hq: Hq, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = Memory()
    async with at_work(hq.doors, chat, state=state):
        with monkeypatch.context() as patch:
            patch.setattr("noc.agent.bot.showing.run_message", lambda view, _now: [][len(view.rows)])
            await chat.press(ANNA, await announced(hq, chat))
            await until(lambda: hq.runs() and hq.runs()[0]["outcome"] == "ok")
            await until(partial(no_button, chat), chat.texts)
            await until(lambda: Keeper(state).now.runs == {})
        await chat.say(OLGA, "/rollback virginia")
        await chat.press(OLGA, chat.last(OLGA).button("Begin"))
        await until(lambda: "rollback" in chat.last().text and "1 of 1 nodes good" in chat.last().text, chat.texts)


async def test_a_request_that_cannot_be_shown_keeps_no_later_one_away(
    hq: Hq, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat, tried = Memory(), asyncio.Event()

    def stumble(*_: object) -> None:
        tried.set()
        raise RuntimeError("what nobody foresaw")

    async with at_work(hq.doors, chat, state=state):
        with monkeypatch.context() as patch:
            patch.setattr("noc.agent.bot.announcing.request_message", stumble)
            plan = hq.ask("james", "plan", action="deploy", nodes=["virginia", "frankfurt"], release="1.1.0")["plan"]
            hq.ask("james", "start", plan=plan)
            await tried.wait()
        await announced(hq, chat)


async def test_a_chat_service_that_stumbles_begins_anew(hq: Hq, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noc.agent.bot.serving.AGAIN_S", 0.01)
    here, there = Memory("telegram"), Memory("discord")
    async with at_work(hq.doors, here, there, state=state):
        for _ in range(3):
            there.ready.clear()
            there.stumble.set()
            await there.ready.wait()
        await there.say(STRANGER, "/who")
        await here.say(OLGA, "/who")
    assert "you are olga" in here.last(OLGA).text


def test_the_state_is_for_the_bots_eyes_alone(state: Path) -> None:
    Keeper(state).read_up_to("telegram", 7)
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert Keeper(state).offset("telegram") == 7


@pytest.mark.parametrize("content", ["", "{", '{"offsets": {"telegram": -1}}', '{"more": 1}', "[]", "\x00" * 100])
def test_a_state_that_is_none_is_begun_anew(state: Path, content: str) -> None:
    state.write_text(content)
    keeper = Keeper(state)
    keeper.read_up_to("telegram", 7)
    assert Keeper(state).offset("telegram") == 7


def test_a_state_that_is_a_link_is_not_read(tmp_path: Path, state: Path) -> None:
    other = tmp_path / "other.json"
    Keeper(other).read_up_to("telegram", 7)
    state.symlink_to(other)
    assert Keeper(state).offset("telegram") == 0


def test_a_disk_that_takes_nothing_does_not_stop_the_bot(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "nowhere" / "bot.json")
    keeper.read_up_to("telegram", 7)
    assert keeper.offset("telegram") == 7


def test_the_state_forgets_the_oldest_of_too_many(state: Path) -> None:
    keeper = Keeper(state)
    keeper.now.requests = {f"{number:064x}": [MessageRef("telegram", OPERATIONS, "1")] for number in range(1000)}
    keeper.now.known = [f"telegram:{number}" for number in range(1000)]
    keeper.save()
    again = Keeper(state).now
    assert (len(again.requests), len(again.known)) == (200, 500)
    assert f"{999:064x}" in again.requests
