"""What people and the bot say to each other: the runner is real, the chat service lies in memory."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot_kit import (
    ANNA,
    ANNAS_OTHER,
    JAMES,
    OLGA,
    OPERATIONS,
    STRANGER,
    VERA,
    Hq,
    Memory,
    Said,
    at_work,
    headquarters,
    until,
)
from noc.agent.bot.transport import MessageRef


@pytest.fixture
def hq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hq]:
    with headquarters(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for between two looks and two edits is short."""
    monkeypatch.setattr("noc.agent.bot.announcing.LOOK_S", 0.05)
    monkeypatch.setattr("noc.agent.bot.announcing.AGAIN_S", 0.05)
    monkeypatch.setattr("noc.agent.bot.showing.LOOK_S", 0.05)
    monkeypatch.setattr("noc.agent.bot.post.EVERY_S", 0.05)


@pytest.fixture
async def chat(hq: Hq, tmp_path: Path) -> AsyncIterator[Memory]:
    memory = Memory()
    async with at_work(hq.doors, memory, state=tmp_path / "bot.json"):
        yield memory


async def asked(chat: Memory, person: int = OLGA, command: str = "/deploy all 1.1.0") -> None:
    """Somebody asks for a plan and begins it; it waits for an agreement."""
    await chat.say(person, command)
    assert await chat.press(person, chat.last(person).button("Begin")) == ""
    await until(lambda: chat.with_button("Approve"), chat.texts)


def data_of(chat: Memory, label: str) -> str:
    """What a press of a button sends."""
    found = chat.with_button(label)
    assert found is not None, chat.texts()
    return found.button(label)


async def result(chat: Memory, where: str) -> Said:
    """What came of olga's run, which anna has approved, once it is told somewhere."""
    whose = "asked for by olga, approved by anna"
    await until(lambda: whose in chat.last(where).text, lambda: chat.texts(where))
    return chat.last(where)


async def test_a_person_asks_another_approves_and_both_hear_how_it_went(hq: Hq, chat: Memory) -> None:
    await asked(chat)
    request = chat.with_button("Approve")
    assert request is not None
    assert "asked for by olga" in request.text
    told = await chat.press(ANNA, request.button("Approve"))
    assert "approved by anna" in told
    for where in (OPERATIONS, str(OLGA)):
        assert "3 of 3 nodes good" in (await result(chat, where)).message.title
    assert {machine.current for machine in hq.world.machines.values()} == {"b" * 64}


async def test_a_bad_node_turns_everything_back_and_both_hear_of_it(hq: Hq, chat: Memory) -> None:
    hq.world.machines["frankfurt"].flaw = "dies"
    await asked(chat)
    await chat.press(ANNA, data_of(chat, "Approve"))
    for where in (OPERATIONS, str(OLGA)):
        assert "failed" in (await result(chat, where)).message.title
    shown = next(said for said in chat.said.values() if said.chat == OPERATIONS and "took" in said.text)
    assert "frankfurt  1.0.0 (1) → 1.0.0 (1)  rolled-back" in shown.text
    assert hq.world.machines["frankfurt"].current == "a" * 64


async def test_who_asked_cannot_agree_where_another_has_to(hq: Hq, chat: Memory) -> None:
    await asked(chat, ANNA)
    told = await chat.press(ANNA, data_of(chat, "Approve"))
    assert "somebody else has to approve it" in told
    assert [request["state"] for request in hq.waiting()] == ["pending"]


async def test_two_accounts_of_one_person_are_one_person(hq: Hq, chat: Memory) -> None:
    await asked(chat, ANNA)
    told = await chat.press(ANNAS_OTHER, data_of(chat, "Approve"))
    assert "somebody else has to approve it" in told
    assert [request["state"] for request in hq.waiting()] == ["pending"]


@pytest.mark.parametrize("person", [OLGA, VERA])
async def test_who_is_no_approver_decides_nothing(hq: Hq, chat: Memory, person: int) -> None:
    await asked(chat, JAMES)
    told = await chat.press(person, data_of(chat, "Approve"))
    assert "may not" in told
    assert [request["state"] for request in hq.waiting()] == ["pending"]


async def test_a_button_that_is_pressed_again_says_that_it_is_over(hq: Hq, chat: Memory) -> None:
    await asked(chat)
    data = data_of(chat, "Approve")
    await chat.press(ANNA, data)
    await until(lambda: hq.runs() and hq.runs()[0]["outcome"] == "ok")
    assert "was carried out already" in await chat.press(JAMES, data)
    assert len(hq.runs()) == 1


async def test_a_request_that_expired_begins_nothing(hq: Hq, chat: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    await asked(chat)
    data = data_of(chat, "Approve")
    hq.let_expire()
    assert "has expired" in await chat.press(ANNA, data)
    await until(lambda: "expired, nobody agreed in time" in chat.texts()[0], chat.texts)
    assert chat.with_button("Approve") is None
    assert hq.runs() == []


async def test_a_denial_is_told_where_it_was_asked_for(hq: Hq, chat: Memory) -> None:
    await asked(chat)
    assert "denied by james" in await chat.press(JAMES, data_of(chat, "Deny"))
    await until(lambda: "denied by james" in chat.last(OLGA).text, lambda: chat.texts(str(OLGA)))
    assert chat.with_button("Approve") is None


async def test_the_plan_can_be_looked_at(chat: Memory) -> None:
    await asked(chat)
    await chat.press(VERA, data_of(chat, "Plan"))
    assert "virginia   change  1.0.0 (1) → 1.1.0 (2)" in chat.last().text


async def test_only_who_asked_for_a_plan_begins_it(hq: Hq, chat: Memory) -> None:
    await chat.say(OLGA, "/deploy all 1.1.0", OPERATIONS)
    assert "olga has asked for this plan" in await chat.press(JAMES, chat.last().button("Begin"))
    assert hq.waiting() == []


async def test_a_plan_that_is_let_go_begins_nothing(hq: Hq, chat: Memory) -> None:
    await chat.say(OLGA, "/deploy all 1.1.0")
    begin = chat.last(OLGA).button("Begin")
    await chat.press(OLGA, chat.last(OLGA).button("Cancel"))
    assert chat.last(OLGA).text == "the plan is let go: nothing has begun"
    assert "ask for it again" in await chat.press(OLGA, begin)
    assert hq.waiting() == []


async def test_what_needs_no_agreement_begins_at_once(hq: Hq, chat: Memory) -> None:
    await chat.say(OLGA, "/deploy virginia 1.1.0")
    await chat.press(OLGA, chat.last(OLGA).button("Begin"))
    await until(lambda: "asked for by olga" in chat.last(OLGA).text and "1 of 1" in chat.last(OLGA).message.title)
    assert hq.world.machines["virginia"].current == "b" * 64


async def test_a_request_from_the_command_line_is_told_as_well(hq: Hq, chat: Memory) -> None:
    plan = hq.ask("james", "plan", action="deploy", nodes=["all"], release="1.1.0")["plan"]
    hq.ask("james", "start", plan=plan)
    request = await until(lambda: chat.with_button("Approve"), chat.texts)
    assert "asked for by james" in request.text
    assert "virginia   change  1.0.0 (1) → 1.1.0 (2)" in request.text


async def test_a_run_that_nobody_had_to_agree_to_is_told_as_well(hq: Hq, chat: Memory) -> None:
    arriving = hq.world.machines["singapore"].arriving = asyncio.Event()
    plan = hq.ask("james", "plan", action="deploy", nodes=["singapore"], release="1.1.0")["plan"]
    hq.ask("james", "start", plan=plan)
    await until(lambda: "0 of 1 done" in "".join(chat.texts()), chat.texts)
    hq.house._loop.call_soon_threadsafe(arriving.set)
    await until(lambda: "1 of 1 nodes good" in chat.last().text, chat.texts)
    assert "asked for by james\n" in chat.last().text


async def test_a_plan_whose_message_was_removed_begins_all_the_same(hq: Hq, chat: Memory) -> None:
    await chat.say(OLGA, "/deploy all 1.1.0")
    begin = chat.last(OLGA).button("Begin")
    chat.said.clear()
    assert await chat.press(OLGA, begin, MessageRef("telegram", str(OLGA), "1")) == ""
    await until(lambda: chat.with_button("Approve"), chat.texts)


async def test_what_takes_long_is_said_to_be_under_way(hq: Hq, chat: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noc.agent.bot.reply.SOON_S", 0.0)
    await chat.say(OLGA, "/deploy all 1.1.0")
    assert chat.last(OLGA).edits == 1
    assert chat.last(OLGA).button("Begin")


async def test_a_request_that_is_approved_on_hq_is_followed_here(hq: Hq, chat: Memory) -> None:
    await asked(chat)
    hq.ask("anna", "approve", request="last")
    await until(lambda: "approved by anna" in chat.last(OLGA).text, chat.texts)
    await until(lambda: chat.with_button("Approve") is None, chat.texts)


async def test_a_stranger_hears_nothing_and_is_written_down_once(hq: Hq, chat: Memory) -> None:
    await asked(chat)
    before = dict(chat.said)
    approve = data_of(chat, "Approve")
    for text in ("/status", "/deploy all 1.1.0", "/help", "hello"):
        await chat.say(STRANGER, text)
        await chat.say(STRANGER, text, OPERATIONS)
    assert await chat.press(STRANGER, approve) == ""
    assert chat.said == before
    lines = [entry for entry in hq.audit() if entry["what"] == "listen to a stranger"]
    assert [line["detail"]["id"] for line in lines] == [str(STRANGER)]


async def test_what_is_said_in_another_group_is_not_heard(hq: Hq, chat: Memory) -> None:
    await chat.say(OLGA, "/status", "-100999")
    assert chat.said == {}


async def test_whoever_is_linked_is_known_from_then_on(hq: Hq, chat: Memory) -> None:
    code = hq.ask("vera", "link-code", channel="telegram")["code"]
    await chat.say(STRANGER, f"/link {code}")
    assert "vera's now" in chat.last(STRANGER).text
    await chat.say(STRANGER, "/who")
    assert "you are vera, viewer" in chat.last(STRANGER).text


async def test_a_code_that_is_wrong_links_nobody(hq: Hq, chat: Memory) -> None:
    await chat.say(STRANGER, "/link AAAA-BBBB")
    assert "this code links no telegram chat" in chat.last(STRANGER).text


async def test_a_code_is_not_taken_where_others_read(hq: Hq, chat: Memory) -> None:
    code = hq.ask("vera", "link-code", channel="telegram")["code"]
    await chat.say(STRANGER, f"/link {code}", OPERATIONS)
    assert chat.said == {}
    await chat.say(OLGA, f"/link {code}", OPERATIONS)
    assert "say that to me alone" in chat.last().text
    assert hq.ask("root", "principals")["principals"][3]["identities"][0]["id"] == str(VERA)


async def test_a_viewer_asks_for_no_run(hq: Hq, chat: Memory) -> None:
    await chat.say(VERA, "/deploy all 1.1.0")
    assert "may look, and change nothing" in await chat.press(VERA, chat.last(VERA).button("Begin"))
    assert hq.waiting() == []


async def test_a_halt_stops_everything(hq: Hq, chat: Memory) -> None:
    await chat.say(VERA, "/halt smoke in Frankfurt")
    assert hq.ask("root", "lease")["halt"]["by"] == "vera"
    await chat.say(OLGA, "/deploy all 1.1.0")
    assert "halted by vera" in await chat.press(OLGA, chat.last(OLGA).button("Begin"))
    assert hq.waiting() == []


async def test_what_was_approved_in_a_halt_is_begun_once_that_is_lifted(hq: Hq, chat: Memory) -> None:
    await asked(chat)
    hq.ask("root", "halt", reason="smoke")
    assert "the fleet is halted" in await chat.press(ANNA, data_of(chat, "Approve"))
    request = await until(lambda: chat.with_button("Begin"), chat.texts)
    assert "approved by anna, not begun yet" in request.text
    hq.ask("root", "lift")
    await chat.press(ANNA, request.button("Begin"))
    assert "3 of 3 nodes good" in (await result(chat, OPERATIONS)).message.title


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/frobnicate", "there is no /frobnicate"),
        ("/deploy", "nodes or the release is missing"),
        ("/deploy all", "nodes or the release is missing"),
        ("/deploy atlantis 1.1.0", "atlantis"),
        ("/deploy all 9.9.9", "no release is called"),
        ("/ack seven", "an incident's number is missing"),
        ("/help", "/deploy all|NODE... VERSION"),
        ("/start", "/deploy all|NODE... VERSION"),
        ("hello", "/deploy all|NODE... VERSION"),
    ],
)
async def test_what_is_not_understood_is_answered_in_a_sentence(chat: Memory, text: str, told: str) -> None:
    await chat.say(OLGA, text)
    assert told in chat.last(OLGA).text
    assert len(chat.said) == 1


async def test_a_command_that_waited_too_long_is_not_obeyed(hq: Hq, chat: Memory) -> None:
    await chat.say(OLGA, "/halt smoke", age_s=1200.0)
    assert "I was away when you said that, 20 min ago" in chat.last(OLGA).text
    assert hq.ask("root", "lease")["halt"] is None


async def test_a_flood_is_told_once_and_then_not_heard(chat: Memory) -> None:
    for _ in range(30):
        await chat.say(OLGA, "/help")
    texts = chat.texts(str(OLGA))
    assert texts[-1] == "that is too much at once: wait a minute"
    assert len(texts) == 21


async def test_a_button_of_nobodys_does_nothing(hq: Hq, chat: Memory) -> None:
    for data in ("approve:last", "approve:" + "0" * 15, "resume:" + "0" * 16, "x" * 64):
        assert await chat.press(ANNA, data) == "that button is none of mine"
    assert "no request is called" in await chat.press(ANNA, "approve:" + "0" * 16)


class Stuck(Memory):
    """A chat service that never answers."""

    async def send(self, *_: Any, **__: Any) -> MessageRef:
        await asyncio.Event().wait()
        raise AssertionError("nothing wakes it")


async def test_a_chat_that_does_not_answer_holds_up_no_other(
    hq: Hq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noc.agent.bot.announcing.PATIENCE_S", 0.05)
    chat = Memory()
    async with at_work(hq.doors, Stuck("discord"), chat, state=tmp_path / "bot.json"):
        await asked(chat)
        request = chat.with_button("Approve")
        assert request is not None
        await chat.press(ANNA, request.button("Approve"))
        assert "3 of 3 nodes good" in (await result(chat, OPERATIONS)).message.title


async def test_what_stands_already_is_not_said_again_for_a_chat_that_is_away(hq: Hq, tmp_path: Path) -> None:
    chat, other = Memory(), Memory("discord")
    other.away = True
    async with at_work(hq.doors, chat, other, state=tmp_path / "bot.json"):
        await asked(chat)
        request = chat.with_button("Approve")
        other.away = False
        await until(lambda: other.with_button("Approve"))
        assert request is not None
        assert request.edits == 0
